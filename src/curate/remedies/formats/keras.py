"""Tables for Keras: ``ImageDataGenerator.flow_from_dataframe``."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from curate.remedies.formats.content import SPLITS, Content
from curate.remedies.formats.manifests import as_read, write_classes, write_csv
from curate.remedies.formats.names import named
from curate.remedies.formats.placing import place, text

READABLE = (".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".tif", ".tiff", ".webp")
"""Extensions that Keras takes; it leaves out others with no more than a warning."""

PLACED = "images"


class Keras:
    """``train.csv``, ``train_stage1.csv`` and so on, ``val.csv``, ``test.csv``: filename, class.

    ``flow_from_dataframe(pandas.read_csv("train.csv", dtype=str, keep_default_na=False),
    directory=FOLDER, classes=open("classes.txt").read().splitlines())``. File names are absolute
    paths, which `directory` leaves as they are; what Keras would not take as it lies (an extension
    it does not know, an image to be turned) is put into ``images/``, relative to `directory`. Read
    with ``dtype=str``, since a class called 7 is no number. Images without a label have an empty
    class: ``class_mode=None``.
    """

    name = "keras"
    summary = "filename,class tables for Keras' flow_from_dataframe"

    def write(self, folder: Path, content: Content) -> None:
        """Write the tables, and place the few images that Keras cannot take where they lie."""
        folder.mkdir(exist_ok=True)
        kept = content.kept
        awkward = kept[
            (kept["turn"].map(text) != "")
            | ~kept["filepath"].map(lambda path: Path(path).suffix.lower() in READABLE)
        ]
        names = {one: f"{PLACED}/{name}" for one, name in named(awkward, READABLE).items()}
        if names:
            (folder / PLACED).mkdir()
        with content.progress(self.name, total=len(names), unit="image") as bar:
            for row in awkward.to_dict("records"):
                place(
                    Path(row["filepath"]), folder / names[str(row["sample_id"])], content.link,
                    text(row["turn"]), text(row["content_digest"]),
                )  # fmt: skip
                bar.update()
        for part, rows in content.parts():
            paths = rows["filepath"].where(
                ~rows["sample_id"].isin(list(names)), rows["sample_id"].map(names)
            )
            table = pd.DataFrame(
                {"filename": paths, "class": rows["label"], "tier": rows["tier"],
                 "weight": rows["weight"]}
            )  # fmt: skip
            write_csv(table, folder / f"{part}.csv", list(table.columns))
        write_classes(content.class_names, folder / "classes.txt")

    def read(self, folder: Path) -> pd.DataFrame:
        """Read the splits back."""
        tables = []
        for split in SPLITS:
            table = pd.read_csv(folder / f"{split}.csv", dtype=str, keep_default_na=False)
            # An absolute path stays as it is.
            paths = [str(folder / name) for name in table["filename"]]
            tables.append(
                pd.DataFrame({"filepath": paths, "split": split, "label": table["class"],
                              "tier": table["tier"]})
            )  # fmt: skip
        return as_read(pd.concat(tables, ignore_index=True))
