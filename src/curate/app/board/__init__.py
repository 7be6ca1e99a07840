"""What the panel shows, computed from a run by plain functions; fiftyone only in `views`."""
