"""The source's study, rendered once for each file of tests that looks at its pages."""

from rendered_studies import failed, hostile, rendered, study_folder

__all__ = ["failed", "hostile", "rendered", "study_folder"]
