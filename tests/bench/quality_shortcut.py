"""Are trivial properties that give a class away named, and the images without them found?

In each set the images of one class but for a tenth get a stamp, a frame, more light, another size
or another format. Peers rank the same properties by mutual information with the class, and, as
Datalab's spurious correlations do, by how well a property alone predicts the label above chance.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import material
import numpy as np
from material import Row, repaint
from PIL import Image, ImageDraw, ImageEnhance
from sklearn.feature_selection import mutual_info_classif
from sklearn.model_selection import cross_val_score
from sklearn.naive_bayes import GaussianNB

from curate.detectors.properties import Property, properties
from curate.detectors.shortcut import Shortcut
from curate.findings import Evidence, Findings

SETS = ("sketch7", "masks3", "sports11")
VICTIM = {"sketch7": "horse", "masks3": "without_mask", "sports11": "fencing"}
SHUFFLES = 100
SPARED = 0.1


def rows(data: Path, weights: Path) -> Iterator[Row]:
    """False alarms first, then the data as they are, then what was planted."""
    clean = {name: material.evidence(material.analysed(data / name, weights))[0] for name in SETS}
    for name, known in clean.items():
        yield _false_alarms(name, known)
    yield from _masks(clean["masks3"])
    for name in ("sketch7", "sports11"):
        found = Shortcut().detect(clean[name])
        count = len(found.info["shortcuts"])
        flagged = int(found.table["flagged"].sum())
        yield Row(
            "shortcut", f"{name} as it is", "shortcuts", count, "", True, {"flagged": flagged}
        )
    for name in SETS:
        for fault, (change, words) in PLANTED.items():
            class_name = VICTIM[name]
            run = material.planted(
                data / name, weights, f"shortcut-{fault}",
                lambda home, c=change, v=class_name: _plant(home, v, c),
            )  # fmt: skip
            known, paths = material.evidence(run)
            yield from _judge(name, fault, words, class_name, known, paths)
        yield from _of_files(name, clean[name])


def _false_alarms(name: str, known: Evidence) -> Row:
    """Labels in another order, with what is predicted of them: no property can say anything."""
    alarms = 0
    for seed in range(SHUFFLES):
        labels = np.random.default_rng(seed).permutation(known.labels)
        one = replace(known, labels=labels, seed=seed)
        alarms += bool(Shortcut().detect(one).info["shortcuts"])
    return Row(
        "shortcut", f"{name}, labels shuffled {SHUFFLES} times", "share of alarms",
        alarms / SHUFFLES, "<= .05", alarms / SHUFFLES <= 0.05, {},
    )  # fmt: skip


def _masks(known: Evidence) -> Iterator[Row]:
    """The synthetic masks carry the words mouth, chin or nose in their names."""
    found = Shortcut().detect(known)
    wanted = [
        one for one in found.info["shortcuts"]
        if one["class"] == "incorrect_mask" and one["source"] == "name"
    ]  # fmt: skip
    first = bool(wanted) and found.info["shortcuts"][0] in wanted
    yield Row(
        "shortcut", "masks3, synthetic masks by their names", "named", float(bool(wanted)), "1",
        bool(wanted), {"first of all": float(first)},
    )  # fmt: skip
    if wanted:
        with_it, without = wanted[0]["accuracy_with"], wanted[0]["accuracy_without"]
        yield Row(
            "shortcut", "masks3, synthetic masks by their names", "accuracy without", without, "",
            True, {"with": with_it, "count without": wanted[0]["accuracy_without_count"]},
        )  # fmt: skip
    wrong = known.labels == known.class_names.index("incorrect_mask")
    synthetic = known.file_facts["filename"].str.contains("Chin|Mouth|Nose").to_numpy()
    missed = wrong & ~synthetic & (known.pred_probs.argmax(axis=1) != known.labels)
    flagged = found.table["flagged"].to_numpy()
    recall = float(flagged[missed].mean())
    yield Row(
        "shortcut", "masks3, real ones that are taken for others", "share flagged", recall, "1",
        recall == 1, {"of images": int(missed.sum()), "flagged in all": int(flagged.sum())},
    )  # fmt: skip


def _judge(
    name: str, fault: str, words: tuple[str, ...], class_name: str, known: Evidence, paths: Any
) -> Iterator[Row]:
    found = Shortcut().detect(known)
    label = known.class_names.index(class_name)
    ours = _rank(found, class_name, words)
    every = properties(known)
    what = f"{name}, 90 % of {class_name} {fault}"
    yield Row(
        "shortcut", what, "place in its class", ours, "<= 2", 0 < ours <= 2,
        _peer_places(every, known, label, words),
    )  # fmt: skip
    spared = np.array([i for i, path in enumerate(paths) if _spared(Path(path), class_name)])
    wrong = spared[known.pred_probs[spared].argmax(axis=1) != label]
    if len(wrong):
        recall = float(found.table["flagged"].to_numpy()[wrong].mean())
        yield Row(
            "shortcut", what, "misread spared flagged", recall, "", True,
            {"of images": len(wrong), "spared": len(spared),
             "flagged in all": int(found.table["flagged"].sum())},
        )  # fmt: skip


def _of_files(name: str, known: Evidence) -> Iterator[Row]:
    """Facts of files, which no embedding sees: each class in turn is of one format, or one size."""
    assert known.file_facts is not None
    for fault, columns, words in (
        ("are BMP files", {"format": "BMP"}, ("format BMP",)),
        ("are 640 x 480", {"width": 640, "height": 480}, ("width", "height", "size 640 x 480")),
    ):
        hits, peers = [], {"mutual information": [], "predicts the label": []}
        for label, class_name in enumerate(known.class_names):
            mine = np.flatnonzero(known.labels == label)
            rng = np.random.default_rng(label)
            chosen = rng.choice(mine, round((1 - SPARED) * len(mine)), replace=False)
            facts = known.file_facts.copy()
            for column, value in columns.items():
                facts.loc[chosen, column] = value
            one = replace(known, file_facts=facts)
            found = Shortcut().detect(one)
            hits.append(0 < _rank(found, class_name, words) <= 2)
            for peer, place in _peer_places(properties(one), one, label, words).items():
                peers[peer].append(place == 1)
        rate = float(np.mean(hits))
        yield Row(
            "shortcut", f"{name}, 90 % of a class {fault}, each", "share named", rate, "1",
            rate == 1, {f"{peer} first": float(np.mean(hit)) for peer, hit in peers.items()},
        )  # fmt: skip


def _rank(found: Findings, class_name: str, words: tuple[str, ...]) -> int:
    """The place of a property among those of its class, 0 where it is not named."""
    mine = [one["property"] for one in found.info["shortcuts"] if one["class"] == class_name]
    places = [i for i, one in enumerate(mine, start=1) if one.startswith(words)]
    return min(places, default=0)


def _peer_places(
    every: list[Property], known: Evidence, label: int, words: tuple[str, ...]
) -> dict[str, float]:
    """Where the planted property stands among all of one class by the peers' measures.

    Without thumbnails' templates: for a stamp they have nothing to rank, and 0 is printed.
    """
    X = np.column_stack([one.values for one in every])
    y = known.labels == label
    marks = np.array([one.mark for one in every])
    shared = mutual_info_classif(X, y, discrete_features=marks, random_state=0)
    # A little noise, since no class may be of one value.
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    Z += 1e-3 * np.random.default_rng(0).normal(size=X.shape)
    told = [
        cross_val_score(GaussianNB(), Z[:, [i]], known.labels, cv=3).mean()
        for i in range(X.shape[1])
    ]
    places = {}
    for peer, values in (("mutual information", shared), ("predicts the label", np.array(told))):
        order = np.argsort(-values, kind="stable")
        hits = [i for i, j in enumerate(order, start=1) if every[j].name.startswith(words)]
        places[peer] = float(min(hits, default=0))
    return places


def _spared(path: Path, class_name: str) -> bool:
    """A tenth of the class by a digest of the name, so that copies of the set agree."""
    return path.parent.name == class_name and zlib.crc32(path.name.encode()) % 10 == 0


def _plant(home: Path, class_name: str, change: Callable[[Image.Image], Image.Image]) -> None:
    for path in sorted(home.rglob("*")):
        if path.is_file() and path.parent.name == class_name and not _spared(path, class_name):
            repaint(path, change)


def _stamp(image: Image.Image) -> Image.Image:
    """A grey square in the corner, a sixth of the picture's side, as large as a logo."""
    w, h = image.size
    ImageDraw.Draw(image).rectangle((w - w // 6, h - h // 6, w, h), fill=(90, 120, 150))
    return image


def _frame(image: Image.Image) -> Image.Image:
    w, h = image.size
    edge = max(w, h) // 12
    image.paste((20, 20, 20), (0, 0, w, edge))
    image.paste((20, 20, 20), (0, h - edge, w, h))
    image.paste((20, 20, 20), (0, 0, edge, h))
    image.paste((20, 20, 20), (w - edge, 0, w, h))
    return image


def _light(image: Image.Image) -> Image.Image:
    return ImageEnhance.Brightness(image).enhance(0.4)


LIKENESS = "likeness to the class's usual"
PLANTED: dict[str, tuple[Callable[[Image.Image], Image.Image], tuple[str, ...]]] = {
    "with a stamp": (_stamp, (f"{LIKENESS} bottom right",)),
    "with a frame": (_frame, (f"{LIKENESS} edge on all sides", "border", "margin")),
    "darker": (_light, ("brightness", "red", "green", "blue", "border", "background", "lum")),
}
