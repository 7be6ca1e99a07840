"""The parts of a verification; `curate.pipeline.verify` joins them."""
