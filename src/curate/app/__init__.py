"""The window: the only importer of fiftyone."""
