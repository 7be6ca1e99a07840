"""Image folders to a checked catalog; decoding one image; digests and image statistics."""
