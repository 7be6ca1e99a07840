"""Sketches drawn by strokes, some of them upside-down, some in a wrong folder.

``python examples/make_sketches.py --to sketches --seed 0`` writes ``train|val|test/CLASS/*.png``
and ``planted.csv``. Umbrella and mushroom, tree and flower differ by a stroke or two; a cup has a
handle less often than a mug, and no more tells them apart. Few train sketches are upside-down, one
in five of val and test is.
"""

import argparse
import csv
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

SIDE, SHARES = 96, {"train": 0.6, "val": 0.2, "test": 0.2}
UPSIDE_DOWN = {"train": 0.03, "val": 0.2, "test": 0.2}
MISLABELLED = 0.02


def arc(x, y, wide, high, start=0, end=360):
    """Points of an ellipse's arc; degrees run clockwise from the right, y downwards."""
    turn = np.radians(np.linspace(start, end, 14))
    return np.stack([x + wide * np.cos(turn), y + high * np.sin(turn)], axis=1)


BOWL = [(0.25, 0.35), (0.32, 0.8), (0.62, 0.8), (0.7, 0.35)]
HANDLE, CAP = arc(0.69, 0.52, 0.15, 0.13, -100, 100), arc(0.5, 0.45, 0.36, 0.3, 180, 360)
CROWN, LEAF = arc(0.5, 0.32, 0.27, 0.24), arc(0.6, 0.75, 0.12, 0.06)
CLASSES = {  # the strokes of a sketch; some are drawn without their last one
    "boat": [[(0.1, 0.65), (0.25, 0.85), (0.75, 0.85), (0.9, 0.65), (0.1, 0.65)],
             [(0.5, 0.65), (0.5, 0.1), (0.82, 0.55), (0.5, 0.55)]],
    "chair": [[(0.3, 0.1), (0.3, 0.9)], [(0.3, 0.55), (0.72, 0.55), (0.72, 0.9)],
              [(0.3, 0.12), (0.42, 0.15), (0.42, 0.55)]],
    "cup": [BOWL, arc(0.475, 0.35, 0.225, 0.05), HANDLE],
    "flower": [CROWN, [(0.5, 0.56), (0.5, 0.92)], arc(0.5, 0.32, 0.09, 0.08), LEAF],
    "house": [[(0.2, 0.45), (0.2, 0.9), (0.8, 0.9), (0.8, 0.45)],
              [(0.12, 0.47), (0.5, 0.12), (0.88, 0.47), (0.12, 0.47)],
              [(0.44, 0.9), (0.44, 0.66), (0.58, 0.66), (0.58, 0.9)]],
    "mug": [BOWL, arc(0.475, 0.35, 0.225, 0.05), HANDLE],
    "mushroom": [CAP, [(0.14, 0.45), (0.86, 0.45)],
                 [(0.42, 0.45), (0.4, 0.88), (0.6, 0.88), (0.58, 0.45)]],
    "tree": [CROWN, [(0.46, 0.55), (0.44, 0.92)], [(0.54, 0.55), (0.56, 0.92)]],
    "umbrella": [CAP, [(0.14, 0.45), (0.86, 0.45)],
                 [(0.5, 0.45), (0.5, 0.86), (0.57, 0.91), (0.63, 0.84)]],
}  # fmt: skip
DRAWN = {"cup": 0.3, "flower": 0.7, "mug": 0.7}  # how often the last stroke is


def draw(name, rng):
    """One sketch: strokes a little elsewhere, leaning, of any size and width, half mirrored."""
    strokes = CLASSES[name][: None if rng.random() < DRAWN.get(name, 1) else -1]
    image = Image.new("L", (SIDE * 2, SIDE * 2), 255)
    pen, lean = ImageDraw.Draw(image), np.radians(rng.normal(0, 5))
    size = rng.uniform(0.75, 1) * np.array([rng.uniform(0.85, 1) * rng.choice([-1, 1]), 1])
    turn = np.array([[np.cos(lean), -np.sin(lean)], [np.sin(lean), np.cos(lean)]])
    width, centre = int(rng.integers(3, 7)), 0.5 + rng.uniform(-0.05, 0.05, 2)
    for stroke in strokes:
        points = np.asarray(stroke) + rng.normal(0, 0.012, (len(stroke), 2))
        points = ((points - 0.5 + rng.normal(0, 0.012, 2)) * size) @ turn.T + centre
        pen.line([tuple(point) for point in points * SIDE * 2], fill=0, width=width, joint="curve")
    return image.resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def main():
    """Draw all sketches and say what was planted among them."""
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--to", type=Path, default=Path("sketches"))
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--per-class", type=int, default=100, help="sketches of each class")
    given = options.parse_args()
    if given.to.exists():
        options.error(f"Expected a new folder, found {given.to}. Choose another, or move it away.")
    rng = np.random.default_rng(given.seed)
    planted = []
    for split, share in SHARES.items():
        wanted = [name for name in CLASSES for _ in range(round(share * given.per_class))]
        for number, name in enumerate(rng.permutation(wanted)):
            image, folder, chance = draw(str(name), rng), str(name), rng.random()
            kind = detail = ""
            if chance < UPSIDE_DOWN[split]:
                image = image.transpose(Image.Transpose.ROTATE_180)
                kind, detail = "orientation", "rot180"
            elif chance > 1 - MISLABELLED:
                folder = str(rng.choice([other for other in CLASSES if other != name]))
                kind, detail = "label_error", str(name)
            path = Path(split, folder, f"{number:04d}.png")
            (given.to / path).parent.mkdir(parents=True, exist_ok=True)
            image.save(given.to / path)
            planted += [(path.as_posix(), kind, detail)] if kind else []
    with (given.to / "planted.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("filepath", "kind", "detail"), *planted])
    kinds, written = [kind for _, kind, _ in planted], len(list(given.to.rglob("*.png")))
    print(f"{given.to}: {written} sketches, {kinds.count('orientation')} of them upside-down, "
          f"{kinds.count('label_error')} in a wrong folder")  # fmt: skip


if __name__ == "__main__":
    main()
