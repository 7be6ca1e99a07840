"""The sections of a run's report, one a file, each a function from the run to a `Section`."""
