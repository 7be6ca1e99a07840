"""Drawn faces with and without masks: seven pictures a person, and old people rare and harder.

``python examples/make_masks.py --to masks --seed 0`` writes ``ID_GENDER_RACE_AGE/STATE.png``, where
STATE is mask1 to mask5, incorrect_mask (the nose or more is free) or normal. One in six is 60 or
older: often with a white beard like a mask, and with masks that slip.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SIDE, OLD = 96, 60
STATES = ("mask1", "mask2", "mask3", "mask4", "mask5", "incorrect_mask", "normal")
RACES = {"asian": (238, 205, 170), "black": (120, 82, 60), "white": (245, 215, 195)}
MASKS = ((235, 238, 240), (150, 190, 225), (45, 45, 50))  # white, blue, black


def colour(rgb, rng, spread=10):
    """A colour near another one."""
    return tuple(int(value) for value in np.clip(rng.normal(rgb, spread), 0, 255))


def person(old, rng):
    """Who a person is: all that the seven pictures share."""
    age = int(rng.integers(OLD, 80) if old else rng.integers(18, OLD))
    gender, race = rng.choice(["female", "male"]), rng.choice(list(RACES))
    hair = (225, 225, 225) if age >= OLD else colour((70, 50, 35), rng, 25)
    beard = gender == "male" and rng.random() < (0.7 if age >= OLD else 0.15)
    return {"age": age, "gender": gender, "race": race, "beard": beard, "hair": colour(hair, rng),
            "skin": colour(RACES[race], rng), "size": rng.uniform((22, 30), (27, 35))}  # fmt: skip


def draw(who, state, rng):
    """One picture of a person: the same face, elsewhere in the frame, in another light."""
    wall = colour((170, 175, 180), rng, 25)
    image = Image.new("RGB", (SIDE, SIDE), wall)
    pen, old = ImageDraw.Draw(image), who["age"] >= OLD
    for _ in range(6):  # what hangs on the wall
        corners = np.sort(rng.uniform(0, SIDE, (2, 2)), axis=0).ravel().tolist()
        pen.rectangle(corners, fill=colour(wall, rng, 25))
    x, y = 48 + rng.normal(0, 4), 46 + rng.normal(0, 3)
    (wide, high), shade = who["size"], tuple(int(0.8 * value) for value in who["skin"])

    def oval(dx, dy, a, b, fill):
        pen.ellipse((x + dx - a, y + dy - b, x + dx + a, y + dy + b), fill=fill)

    oval(0, -5, wide + 4, high + (4 if who["gender"] == "male" else 12), who["hair"])
    oval(0, 0, wide, high, who["skin"])
    oval(-9, -7, 3, 2, (30, 30, 30))
    oval(9, -7, 3, 2, (30, 30, 30))
    for wrinkle in (15, 19, 23) if old else ():
        pen.line((x - 12, y - wrinkle, x + 12, y - wrinkle), fill=shade)
    pen.line((x, y - 4, x - 3, y + 6, x + 2, y + 7), fill=shade, width=2)
    if who["beard"]:
        pen.chord((x - wide, y - high, x + wide, y + high), 25, 155, fill=who["hair"])
    oval(0, 17, 8, 2.5, (170, 80, 80))
    if state != "normal":
        kind = MASKS[int(rng.integers(3))]
        free = rng.choice([10, 17]) if state == "incorrect_mask" else 6 * old
        top = y + free + rng.normal(0, 8 if old else 1.5)
        tilt, low = rng.normal(0, 3 if old else 1), y + high + 1
        left, right = (x - wide, top + tilt), (x + wide, top - tilt)
        pen.polygon([left, (x, top - 4), right, (x + wide * 0.6, low), (x - wide * 0.6, low)],
                    fill=colour(kind, rng))  # fmt: skip
        pen.line((*left, x - wide, y - 6), fill=kind)
        pen.line((*right, x + wide, y - 6), fill=kind)
    size, lean = rng.uniform(0.85, 1.15), np.radians(rng.normal(0, 7))
    a, b = np.cos(lean) / size, np.sin(lean) / size
    shift = 48 - 48 * np.array([a + b, a - b])
    image = image.transform(image.size, Image.Transform.AFFINE, (a, b, shift[0], -b, a, shift[1]),
                            Image.Resampling.BILINEAR, fillcolor=wall)  # fmt: skip
    blurred = np.asarray(image.filter(ImageFilter.GaussianBlur(0.6)), dtype=float)
    pixels = blurred * rng.uniform(0.8, 1.1) + rng.normal(0, 6, blurred.shape)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def main():
    """Draw everybody, and say how many of them are old."""
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--to", type=Path, default=Path("masks"))
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--people", type=int, default=96)
    given = options.parse_args()
    if given.to.exists():
        options.error(f"Expected a new folder, found {given.to}. Choose another, or move it away.")
    rng = np.random.default_rng(given.seed)
    everybody = [person(number % 6 == 0, rng) for number in range(given.people)]
    for number, who in enumerate(everybody, 1):
        folder = given.to / f"{number:06d}_{who['gender']}_{who['race']}_{who['age']}"
        folder.mkdir(parents=True)
        for state in STATES:
            draw(who, state, rng).save(folder / f"{state}.png")
    print(f"{given.to}: {len(everybody)} people, every sixth of them {OLD} or older")


if __name__ == "__main__":
    main()
