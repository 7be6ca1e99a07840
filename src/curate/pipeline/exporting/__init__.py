"""The parts of an export; `curate.pipeline.export` joins them."""
