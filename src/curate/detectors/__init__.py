"""One kind of hard case a file, one registry."""
