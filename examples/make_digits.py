"""Write the demo dataset: ``python examples/make_digits.py [FOLDER] [SEED]``."""

import sys

from curate.data.digits import write_digits

folder = sys.argv[1] if len(sys.argv) > 1 else "digits"
planted = write_digits(folder, seed=int(sys.argv[2]) if len(sys.argv) > 2 else 0)
print(f"Wrote {folder}; planted among its images:")
print(planted["kind"].value_counts().to_string())
