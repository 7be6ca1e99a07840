"""How fast a run is published, and how fast the panel answers: prints a table, asserts nothing.

    python tests/bench/publish.py [--images 10000] [--dimensions 512]

Writes a made-up run (labels, probabilities of ten classes, five kinds of findings, embeddings),
publishes it as `curate app` does, and writes the same content once more by FiftyOne's default
route: `Sample` objects with all their fields, then `add_samples`. Then the clicks of the panel are
timed, and what the plugin itself does until its first view is there: in a fresh process, after
FiftyOne is imported, in CPU seconds too, which a busy machine does not change. Mongod is one of its
own.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from brain import database

from curate.store.files import write_json
from curate.store.run import Run

CLASSES = [f"class {i}" for i in range(10)]
KINDS = ("label_error", "orientation", "outlier", "hard", "near_duplicate")
WANTED = 25.0
"""Seconds for 10,000 samples on two cores."""


def make_run(folder: Path, n: int, dimensions: int, images: str = "/images") -> Run:
    """A run as an analysis of `n` images could have left it; they lie in `images` or nowhere."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, len(CLASSES), n)
    probs = rng.dirichlet(np.full(len(CLASSES), 0.2), n).astype("f4")
    guess = probs.argmax(axis=1)
    ids = np.array([f"{i:016x}" for i in range(n)])
    samples = pd.DataFrame(
        {
            "sample_id": ids, "filepath": [f"{images}/{i:06d}.jpg" for i in range(n)],
            "split": rng.choice(["train", "val", "test"], n, p=[0.7, 0.15, 0.15]),
            "label": np.array(CLASSES)[labels], "pred_label": np.array(CLASSES)[guess],
            "confidence": probs.max(axis=1).astype(float), "margin": rng.uniform(-1, 1, n),
            "in_sample": False, "fold": 0, "tier": rng.choice(["easy", "medium", "hard"], n),
            "difficulty": rng.random(n), "hardness": rng.random(n),
            "mistakenness": rng.random(n), "uniqueness": rng.random(n), "group": "",
            "content_digest": ids, "width": 640, "height": 480, "size_bytes": 50_000,
            "format": "JPEG", "mode": "RGB", "exif_orientation": 1, "animated": False,
            "brightness": rng.random(n), "contrast": rng.random(n), "sharpness": rng.random(n),
        }
    )  # fmt: skip
    run = Run.create(folder)
    run.write_table("samples", samples)
    tables = []
    for kind in KINDS:
        flagged = rng.random(n) < 0.02
        table = pd.DataFrame(
            {
                "kind": kind, "sample_id": ids, "score": rng.random(n), "flagged": flagged,
                "rank": rng.permutation(n), "suggestion": "", "partner_id": "", "type": "",
                "reason": np.where(flagged, f"{kind} here", ""),
            }
        )  # fmt: skip
        tables.append(table)
    run.write_table("findings", pd.concat(tables, ignore_index=True))
    run.write_array("probs", probs, ids)
    run.write_array("projection", rng.random((n, 2)).astype("f4"), ids)
    run.write_array("embeddings", rng.random((n, dimensions)).astype("f4"), ids)
    write_json(run.path / "metrics.json", {"splits": {}})
    run.save(
        classes=CLASSES, status="complete", settings={"model": "made up"}, seed=0,
        detectors={kind: {"flagged": int(t["flagged"].sum())} for kind, t in zip(
            KINDS, tables, strict=True)},
        stages={"embed": {"key": "made"}}, skipped_detectors={}, counts={},
    )  # fmt: skip
    return run


def default_route(run: Run) -> float:
    """The same samples as objects with all their fields, added in one call."""
    import fiftyone as fo

    samples = run.table("samples")
    findings = run.table("findings")
    probs, embeddings = run.array("probs"), run.array("embeddings")
    kinds = dict(iter(findings.groupby("kind")))
    start = time.perf_counter()
    dataset = fo.Dataset("default-route")
    made = []
    for i, row in enumerate(samples.to_dict("records")):
        sample = fo.Sample(
            filepath=row["filepath"],
            tags=[row["split"]],
            ground_truth=fo.Classification(label=row["label"]),
            predictions=fo.Classification(
                label=row["pred_label"], confidence=row["confidence"], logits=np.log(probs[i])
            ),
            embedding=embeddings[i],
            **{name: row[name] for name in ("tier", "difficulty", "margin", "hardness",
                                            "mistakenness", "uniqueness", "brightness")},
        )  # fmt: skip
        for kind, table in kinds.items():
            sample[f"{kind}_score"] = float(table["score"].iloc[i])
            sample[f"{kind}_flagged"] = bool(table["flagged"].iloc[i])
        made.append(sample)
    dataset.add_samples(made, progress=False)
    return time.perf_counter() - start


def timed(work: object, times: int = 3) -> float:
    """The median of a few runs, in seconds."""
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        work()  # type: ignore[operator]
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds))


FIRST_VIEW = """
import sys, time
from pathlib import Path
import fiftyone.operators, fiftyone.plugins
wall, cpu = time.perf_counter(), time.process_time()
import curate_plugin
imported = time.perf_counter() - wall, time.process_time() - cpu
from curate.board.opening import open_path
from curate.board.overview import overview
overview(open_path(Path(sys.argv[1])))
print(*imported, time.perf_counter() - wall, time.process_time() - cpu)
"""


def first_view(run: Run, times: int = 3) -> tuple[float, ...]:
    """Medians of seconds and CPU seconds: until the plugin is imported, until Overview is there."""
    answers = [
        subprocess.run(
            [sys.executable, "-c", FIRST_VIEW, str(run.path)], capture_output=True, text=True,
            check=True,
        ).stdout.split()
        for _ in range(times)
    ]  # fmt: skip
    return tuple(np.median(np.array(answers, dtype=float), axis=0).tolist())


def clicks(name: str) -> dict[str, float]:
    """Seconds from a click to the images of its view, through FiftyOne."""
    import fiftyone as fo

    from curate.app import clicks as views

    dataset = fo.load_dataset(name)

    def first(view: object) -> None:
        len(view)  # type: ignore[arg-type]
        view.limit(20).values("filepath")  # type: ignore[attr-defined]

    return {
        "a finding": timed(lambda: first(views.found(dataset, "label_error"))),
        "a cell of the confusion matrix": timed(
            lambda: first(views.taken_for(dataset, CLASSES[0], CLASSES[1]))
        ),
        "a tier of a class": timed(lambda: first(views.of_tier(dataset, "hard", CLASSES[0]))),
    }


def main() -> None:
    """Publish, compare, click."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--dimensions", type=int, default=512)
    parser.add_argument("--no-fiftyone", action="store_true", help="Leave out the default route.")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, database():
        run = make_run(Path(folder) / "run", asked.images, asked.dimensions)
        from curate.app.publish import publish

        start = time.perf_counter()
        name = publish(run)
        plain = time.perf_counter() - start
        start = time.perf_counter()
        publish(run, embeddings=True)
        embeddings = time.perf_counter() - start
        start = time.perf_counter()
        publish(run)
        again = time.perf_counter() - start
        ours = plain + embeddings
        print(f"publish {asked.images:,} images         {plain:6.1f} s")
        print(f"with embeddings of {asked.dimensions:<5}       {ours:6.1f} s", end="")
        print(f"   (wanted for 10,000: {WANTED:.0f})" if asked.images == 10_000 else "")
        print(f"nothing new                    {again:6.1f} s")
        for what, seconds in clicks(name).items():
            print(f"{what:30} {seconds:6.2f} s   (wanted: 1)")
        wall, cpu, all_wall, all_cpu = first_view(run)
        print(f"plugin imported                {wall:6.2f} s   {cpu:.2f} s of CPU")
        print(f"Overview, cold, with that      {all_wall:6.2f} s   {all_cpu:.2f} s of CPU")
        if not asked.no_fiftyone:
            theirs = default_route(run)
            print(
                f"FiftyOne's default route       {theirs:6.1f} s   {theirs / ours:.1f} times ours"
            )


if __name__ == "__main__":
    main()
