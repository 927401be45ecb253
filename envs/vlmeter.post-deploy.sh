#!/usr/bin/env bash
# Snakemake runs this in the new environment; the workflow says where the package lies, so that the
# working directory may be any.
set -euo pipefail
source=${VLMETER_SOURCE:-.}
if [ -f "$source/pyproject.toml" ]; then
  "$CONDA_PREFIX/bin/pip" install --no-deps --editable "$source"
else
  # An installed package holds the workflow: it lies around it.
  cp -R "$(dirname "$source")" "$("$CONDA_PREFIX/bin/python" -c 'import site; print(site.getsitepackages()[0])')"
fi
