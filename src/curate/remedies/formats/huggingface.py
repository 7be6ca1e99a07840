"""A folder for ``datasets.load_dataset("imagefolder")``: images, and what is known of each."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from curate.remedies.formats.content import SPLITS, Content
from curate.remedies.formats.manifests import as_read, to_arrow
from curate.remedies.formats.names import named
from curate.remedies.formats.placing import place, text

FOLDERS = {"train": "train", "val": "validation", "test": "test"}
"""The splits as Hugging Face calls them."""

METADATA = "metadata.parquet"
"""Its types are the same in every split, also where a whole column is missing in one; of JSON lines
the builder would guess them, and refuse splits that differ."""

READABLE = (
    ".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".jp2", ".ppm", ".pgm",
    ".pbm", ".pnm",
)  # fmt: skip
"""Extensions that the builder takes for images, of those that images here may have."""

LEFT_OUT = ("filepath", "turn")
"""Columns that say nothing about the image as it lies here."""


class HuggingFace:
    """``train/``, ``validation/`` and ``test/``: the images and a ``metadata.parquet`` in each.

    ``load_dataset("imagefolder", data_dir=FOLDER)`` (datasets 3.4 or later) gives the columns of
    our lists beside ``image``; `label` is the name of the class, `target` its number. The images
    of a split lie in one folder: a folder called after a class such as "test" would be taken for
    a split. `stages` are the stages that train on an image, counted from 1:
    ``ds.filter(lambda row: 1 in row["stages"])``. A split without images has no folder.
    """

    name = "huggingface"
    summary = 'for datasets.load_dataset("imagefolder"), with metadata'

    def write(self, folder: Path, content: Content) -> None:
        """Place the images of each split and write what is known of them."""
        folder.mkdir(exist_ok=True)
        stages = content.stage_numbers()
        with content.progress(self.name, total=len(content.kept), unit="image") as bar:
            for split in SPLITS:
                rows = content.of(split)
                if rows.empty:
                    continue
                own = folder / FOLDERS[split]
                own.mkdir()
                names = named(rows, READABLE)
                for row in rows.to_dict("records"):
                    place(
                        Path(row["filepath"]), own / names[str(row["sample_id"])], content.link,
                        text(row["turn"]), text(row["content_digest"]),
                    )  # fmt: skip
                    bar.update()
                known = to_arrow(rows).drop_columns(list(LEFT_OUT))
                ids = known["sample_id"].to_pylist()
                files, own_stages = (
                    [names[one] for one in ids],
                    [stages.get(one, []) for one in ids],
                )
                known = known.add_column(0, "file_name", pa.array(files, pa.string()))
                known = known.append_column("stages", pa.array(own_stages, pa.list_(pa.int64())))
                pq.write_table(known, own / METADATA)

    def read(self, folder: Path) -> pd.DataFrame:
        """Read the splits back from the metadata."""
        rows = []
        for split, name in FOLDERS.items():
            if not (folder / name).is_dir():
                continue
            for known in pq.read_table(folder / name / METADATA).to_pylist():
                path = str(folder / name / known["file_name"])
                rows.append((path, split, known["label"], known["tier"]))
        return as_read(pd.DataFrame(rows, columns=["filepath", "split", "label", "tier"]))
