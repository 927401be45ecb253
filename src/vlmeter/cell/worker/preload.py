"""Imports all that a cell's process imports sooner or later, for the run's server and its forks."""

# ruff: noqa: F401

# A tracker imports it when it is made.
import codecarbon.core.emissions

# Arrow imports it when it is first given rows.
import pandas

import vlmeter.cell.worker.layers
import vlmeter.cell.worker.measure
