"""How fast images become embeddings and logits: prints a table against peers, asserts nothing.

    python tests/bench/inference.py [--images 1000] [--model mobilenetv2_100] [--weights FILE]

In one run, each in a process of its own, on the same JPEG files of 500 x 375 pixels and the same
weights (random ones unless a file is given): curate's pass (with thumbnails, image statistics and
shards, which nobody else makes), torch in eager mode in one pass, and FiftyOne's
`compute_embeddings` followed by `apply_model`, with its defaults and with batches and workers; and
the model alone on random pixels, and decoding alone.
`--fiftyone-images` lets the slowest peer do fewer.
With `--memory N` curate embeds N images, and its peak beyond the model is printed.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import resource
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

CLASSES = 1000
SIZE = (500, 375)
LARGE = 10_000
"""Images for which the engine is chosen, so that the rate is that of a job of some length."""


def make(root: Path, n: int) -> None:
    """Write so many photographs, no two of the same bytes, in two class folders."""
    from skimage import data

    rng = np.random.default_rng(0)
    sources = [data.astronaut(), data.chelsea(), data.coffee(), data.rocket()]
    contents = []
    for i in range(40):
        picture = Image.fromarray(sources[i % 4]).resize((700, 525))
        x, y = (int(rng.integers(0, most)) for most in (200, 150))
        buffer = BytesIO()
        picture.crop((x, y, x + SIZE[0], y + SIZE[1])).save(buffer, "JPEG", quality=85)
        contents.append(buffer.getvalue())
    for i in range(n):
        path = root / "train" / f"class{i % 2}" / f"{i:06d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        # What follows the end of a JPEG is passed over by decoders, and changes the digest.
        path.write_bytes(contents[i % 40] + i.to_bytes(4, "little"))


def files(root: Path, n: int) -> list[str]:
    return sorted(str(path) for path in root.rglob("*.jpg"))[:n]


def classifier(name: str, weights: str | None) -> Any:
    import timm
    import torch

    torch.manual_seed(0)
    overlay = {"file": weights} if weights else {}
    return timm.create_model(
        name, pretrained=bool(weights), pretrained_cfg_overlay=overlay, num_classes=CLASSES
    ).eval()


@contextmanager
def opened(name: str, weights: str | None) -> Iterator[tuple[Any, Path]]:
    """curate's embedder of a checkpoint, its engine chosen, and a folder to write to."""
    from safetensors.torch import save_file

    from curate.inference.backbone import load_embedder

    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        checkpoint = folder / "model.safetensors"
        save_file(classifier(name, weights).state_dict(), checkpoint)
        names = tuple(f"class{i:04d}" for i in range(CLASSES))
        (folder / "classes.txt").write_text("".join(f"{one}\n" for one in names))
        embedder = load_embedder(name, checkpoint=checkpoint, class_names=names)
        embedder.start(LARGE)  # a conversion is earned back later than by 1,000 images
        yield embedder, folder


def by_curate(root: Path, n: int, name: str, weights: str | None) -> dict[str, float]:
    """curate's own pass, from a checkpoint with its classes, into shards."""
    from curate.inference.passes import IDENTITY, Work, embed_into
    from curate.store.shards import Shards

    with opened(name, weights) as (embedder, folder):
        work = [Work(path, str(i), (IDENTITY,)) for i, path in enumerate(files(root, n))]
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start = time.perf_counter()
        shards = Shards(folder / "shards")
        embed_into(shards, work, embedder, workers=os.cpu_count() or 1)
        seconds = time.perf_counter() - start
        start = time.perf_counter()
        embed_into(Shards(folder / "shards"), work, embedder, workers=os.cpu_count() or 1)
        again = time.perf_counter() - start
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"seconds": seconds, "again": again, "peak_mib": (after - before) / 1024}


def by_forward(root: Path, n: int, name: str, weights: str | None) -> dict[str, float]:
    """The engine alone, on random pixels of the model's size: what the device can do."""
    with opened(name, weights) as (embedder, _):
        one = embedder.prepare(Image.new("RGB", SIZE))
        size = (embedder.batch_size, *one.shape)
        pixels = np.random.default_rng(0).integers(0, 256, size, np.uint8)
        embedder.forward(pixels)
        start = time.perf_counter()
        done = 0
        while done < n:
            embedder.forward(pixels)
            done += len(pixels)
        return {"seconds": (time.perf_counter() - start) * n / done}


def by_decoding(root: Path, n: int, name: str, weights: str | None) -> dict[str, float]:
    """Decoding, preparing and measuring alone, by threads: what the machine can feed."""
    from curate.inference.decoding import IDENTITY, Decoding, Work

    with opened(name, weights) as (embedder, _):
        work = [Work(path, str(i), (IDENTITY,)) for i, path in enumerate(files(root, n))]
        how = Decoding(embedder, os.cpu_count() or 1, 2**27, lambda _: None)
        start = time.perf_counter()
        for _ in how.by_threads(work):
            pass
        return {"seconds": time.perf_counter() - start}


def by_torch(root: Path, n: int, name: str, weights: str | None) -> dict[str, float]:
    """One pass in eager mode, batches of 32, decoded by workers as in timm's own validate."""
    import timm
    import torch

    model = classifier(name, weights)
    transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model))
    paths = files(root, n)

    class Pictures(torch.utils.data.Dataset):
        def __len__(self) -> int:
            return len(paths)

        def __getitem__(self, i: int) -> torch.Tensor:
            return transform(Image.open(paths[i]).convert("RGB"))

    loader = torch.utils.data.DataLoader(Pictures(), batch_size=32, num_workers=2)
    start = time.perf_counter()
    with torch.inference_mode():
        for pixels in loader:
            features = model.forward_features(pixels)
            model.forward_head(features, pre_logits=True)
            model.forward_head(features)
    return {"seconds": time.perf_counter() - start}


def by_fiftyone(root: Path, n: int, name: str, weights: str | None, **how: int) -> dict[str, float]:
    """FiftyOne's two calls, as its documentation has them, on a dataset that is there already."""
    from curate.app.database import connect

    fo = connect()
    import fiftyone.utils.torch as fout
    import timm

    model = classifier(name, weights)
    config = timm.data.resolve_model_data_config(model)
    transform = timm.data.create_transform(**config)
    wrapped = fout.TorchImageModel(
        fout.TorchImageModelConfig(
            {
                "model": model,
                "transforms": transform,
                "raw_inputs": False,
                "embeddings_layer": "global_pool",
                "output_processor_cls": "fiftyone.utils.torch.ClassifierOutputProcessor",
                "classes": [f"class{i:04d}" for i in range(CLASSES)],
            }
        )
    )
    dataset = fo.Dataset(f"bench_{uuid.uuid4().hex[:8]}")
    try:
        dataset.add_samples([fo.Sample(filepath=path) for path in files(root, n)], progress=False)
        start = time.perf_counter()
        dataset.compute_embeddings(wrapped, embeddings_field="embeddings", progress=False, **how)
        dataset.apply_model(
            wrapped, label_field="predictions", store_logits=True, progress=False, **how
        )
        return {"seconds": time.perf_counter() - start}
    finally:
        dataset.delete()


WAYS = {
    "curate": by_curate,
    "the model alone": by_forward,
    "decoding alone": by_decoding,
    "torch": by_torch,
    "fiftyone": by_fiftyone,
    "fiftyone, batches of 32": partial(by_fiftyone, batch_size=32, num_workers=2),
}


def apart(way: str, root: Path, n: int, options: argparse.Namespace) -> dict[str, float]:
    """Measure one way in a process of its own."""
    command = [sys.executable, __file__, "--measure", way, str(root), "--images", str(n)]
    command += ["--model", options.model]
    command += ["--weights", options.weights] if options.weights else []
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--fiftyone-images", type=int, help="Fewer, and said so.")
    parser.add_argument("--memory", type=int, help="Also embed so many, for the peak memory.")
    parser.add_argument("--model", default="mobilenetv2_100")
    parser.add_argument("--weights")
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        logging.getLogger("curate").setLevel(logging.INFO)
        way, root = options.measure
        print(json.dumps(WAYS[way](Path(root), options.images, options.model, options.weights)))
        return
    n = options.images
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        make(root, max(n, options.memory or 0))
        print(f"{n} JPEG files of {SIZE[0]} x {SIZE[1]}, {options.model}, {os.cpu_count()} cores, "
              "embeddings and logits; starting and converting not counted\n")  # fmt: skip
        counts = {
            way: (options.fiftyone_images or n) if way.startswith("fiftyone") else n for way in WAYS
        }
        ours = None
        for way, count in counts.items():
            found = apart(way, root, count, options)
            each = found["seconds"] / count
            ours = ours or each
            if way.endswith("alone"):
                print(f"{way:23s} {found['seconds']:8.1f} s for {count:5d}  {1 / each:7.1f} "
                      f"images/s  curate has {each / ours:.0%} of it (wanted on a GPU: 90% of the "
                      "lower)", flush=True)  # fmt: skip
                continue
            wanted = {"torch": " (wanted: 4)", "fiftyone": " (wanted: 10)"}.get(way, "")
            print(f"{way:23s} {found['seconds']:8.1f} s for {count:5d}  {1 / each:7.1f} images/s  "
                  f"curate is {each / ours:5.1f} times as fast{wanted}", flush=True)  # fmt: skip
            if "again" in found:
                print(f"{'':23s} {found['again']:8.2f} s the second time (wanted: below 3)")
        if options.memory:
            found = apart("curate", root, options.memory, options)
            took = f"{'curate':23s} {found['seconds']:8.1f} s for {options.memory}"
            print(f"{took}, peak {found['peak_mib']:,.0f} MiB beyond the model (wanted: 2,048)")


if __name__ == "__main__":
    main()
