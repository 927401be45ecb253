"""A cell as a job: what runs around a measurement, before torch is imported."""
