"""The parts of a comparison of runs; `curate.pipeline.compare` joins them."""
