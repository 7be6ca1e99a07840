"""The use cases: the only code that joins rooms."""
