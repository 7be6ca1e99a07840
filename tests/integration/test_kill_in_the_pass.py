"""`kill -9` in the middle of the pass over the images loses the shard in flight and no more."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

from curate.inference.hog import Hog
from curate.store.shards import Shards

PASS = """
import sys, time
from pathlib import Path
from curate.inference.hog import Hog
from curate.inference.passes import IDENTITY, Work, embed_into
from curate.store.shards import Shards

class Slow(Hog):
    batch_size = 4

    def forward(self, batch):
        with open(sys.argv[2], "a") as log:
            log.write(f"{len(batch)}\\n")
        time.sleep(float(sys.argv[3]))
        return super().forward(batch)

root = Path(sys.argv[1])
work = [Work(str(path), path.stem, (IDENTITY, "vflip")) for path in sorted(root.glob("*.png"))]
embed_into(Shards(root / "shards"), work, Slow(), workers=1, shard_rows=12)
"""


def passed(log: Path) -> int:
    """Forward passes so far, over all attempts."""
    return sum(map(int, log.read_text().split())) if log.exists() else 0


def test_a_killed_pass_goes_on_with_what_its_shards_lack(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (40, 32, 32), np.uint8)
    for i, picture in enumerate(pixels):
        Image.fromarray(picture).save(tmp_path / f"{i:02d}.png")
    log = tmp_path / "forwards.txt"

    def command(seconds: float) -> list[str]:
        return [sys.executable, "-c", PASS, str(tmp_path), str(log), str(seconds)]

    for _ in range(3):
        begun = passed(log)
        with subprocess.Popen(command(0.05)) as process:
            deadline = time.monotonic() + 120
            while passed(log) < begun + 20:
                assert process.poll() is None, "ended before it was killed"
                assert time.monotonic() < deadline
                time.sleep(0.005)
            process.kill()
    assert not Shards(tmp_path / "shards").has("embeddings", "39")
    subprocess.run(command(0), check=True, timeout=120)

    shards = Shards(tmp_path / "shards")
    digests = [f"{i:02d}" for i in range(40)]
    found = np.zeros((40, *shards.shape("embeddings")), dtype=np.float32)
    shards.gather("embeddings", digests, found)
    hog = Hog()
    wanted = hog.forward(np.stack([hog.prepare(Image.fromarray(p)) for p in pixels])).embeddings
    np.testing.assert_array_equal(found, wanted)
    # 80 rows are wanted; each of three kills may lose a shard of 12 rows, a batch that overflows
    # it, and the batch that was being computed.
    assert 80 <= passed(log) <= 80 + 3 * (12 + 4 + 4)
