"""Two or more runs on the same images: what was fixed, what broke, and whether it is real."""
