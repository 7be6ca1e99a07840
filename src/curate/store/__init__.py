"""The run directory: table schemas, atomic artefacts, cache keys. Knows no machine learning."""
