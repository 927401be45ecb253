#!/usr/bin/env bash
# Snakemake runs this in the new environment, from the working directory: the repository's root.
set -euo pipefail
"$CONDA_PREFIX/bin/pip" install --no-deps --editable .
