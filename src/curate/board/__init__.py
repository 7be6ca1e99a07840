"""What panel and report show of a run, computed by plain functions."""
