"""What a wheel holds besides the package: the workflow, for `vlmeter.source_file`."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

_HERE = Path(__file__).parent
_PARTS = ("Snakefile", "workflow", "report", "envs", "profiles", "config")


class BuildWithWorkflow(build_py):
    """Puts the workflow into the package; an editable install finds it around the package."""

    def run(self) -> None:
        """Build the package, then copy what lies around it."""
        super().run()
        if self.editable_mode:
            return
        target = Path(self.build_lib) / "vlmeter/checkout"
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        for name in _PARTS:
            copy = shutil.copytree if (_HERE / name).is_dir() else shutil.copy
            copy(_HERE / name, target / name)


setup(cmdclass={"build_py": BuildWithWorkflow})
