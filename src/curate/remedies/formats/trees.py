"""Trees of folders, a folder a class: for torchvision's ImageFolder and for timm."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from curate.progress import log
from curate.remedies.formats.content import SPLITS, Content
from curate.remedies.formats.names import class_folders, class_of, named
from curate.remedies.formats.placing import again, place, text

UNLABELLED = "_unlabelled"
"""Images without a label, or with one that train has no class for, lie in ``test_unlabelled`` and
so on, where no reader takes them for a class."""

MANY = 1_000_000
"""More files than this are told of beforehand: common file systems take minutes for them."""

TORCHVISION = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
"""What `torchvision.datasets.ImageFolder` takes for an image."""

TIMM = (".png", ".jpg", ".jpeg")
"""What timm's readers take for an image."""


class ImageFolder:
    """``train/CLASS/...``, ``val/...``, ``test/...``, and ``train_stage1/CLASS/...`` and so on.

    Every part has a folder for every class, also an empty one, since readers number classes by
    their sorted folders and a missing one would shift the rest: `torchvision.datasets.ImageFolder`
    then wants ``allow_empty=True``. ``class_map.txt`` has the folders in the order of our targets,
    ``class_folders.json`` the class of each folder.
    """

    name = "imagefolder"
    summary = "train/CLASS/..., train_stage1/CLASS/... for torchvision's ImageFolder"
    readable: tuple[str, ...] = TORCHVISION

    def write(self, folder: Path, content: Content) -> None:
        """Place every image once a part that it is in."""
        folder.mkdir(exist_ok=True)
        folders = class_folders(content.class_names)
        (folder / "class_map.txt").write_bytes(
            "".join(f"{folders[name]}\n" for name in content.class_names).encode()
        )
        classes = {folders[name]: name for name in content.class_names}
        (folder / "class_folders.json").write_bytes(
            (json.dumps(classes, indent=2, ensure_ascii=False) + "\n").encode()
        )
        placed: dict[str, Path] = {}
        names = _names(content, self.readable)
        total = sum(len(rows) for _, rows in content.parts())
        if total > MANY:
            log.warning(
                "%s: %d files, for each of %d stages has a tree of its own; a schedule by steps "
                "(--pacing step) has fewer", self.name, total, len(content.stages),
            )  # fmt: skip
        with content.progress(self.name, total=total, unit="image") as bar:
            for part, rows in content.parts():
                for own in folders.values():
                    (folder / part / own).mkdir(parents=True, exist_ok=True)
                if rows["target"].isna().any():
                    (folder / (part + UNLABELLED)).mkdir()
                columns = (
                    rows[name].tolist()
                    for name in ("sample_id", "label", "filepath", "turn", "content_digest")
                )
                for sample_id, label, path, turn, digest in zip(*columns, strict=True):
                    mine = folders.get(text(label))
                    inside = f"{part}/{mine}" if mine else part + UNLABELLED
                    target = folder / inside / names[sample_id]
                    if sample_id in placed:
                        again(placed[sample_id], target)
                    else:
                        place(Path(path), target, content.link, text(turn), text(digest))
                        placed[sample_id] = target
                    bar.update()

    def read(self, folder: Path) -> pd.DataFrame:
        """Read the splits back from the tree."""
        rows: list[tuple[str, str, str | None, None]] = []
        for split in SPLITS:
            for path in sorted((folder / split).glob("*/*")):
                rows.append((str(path), split, class_of(path.parent.name), None))
            for path in sorted((folder / (split + UNLABELLED)).glob("*")):
                rows.append((str(path), split, None, None))
        return pd.DataFrame(rows, columns=["filepath", "split", "label", "tier"], dtype=object)


class Timm(ImageFolder):
    """The same for ``timm``: only extensions that it reads, and its class map.

    ``create_dataset(name="", root=FOLDER, split="train", class_map=FOLDER/class_map.txt)``, and
    ``train.py --data-dir FOLDER --train-split train_stage1 --class-map FOLDER/class_map.txt``.
    Without the class map timm sorts the folders in an order of its own.
    """

    name = "timm"
    summary = "the same tree with the class map for timm"
    readable = TIMM


def _names(content: Content, readable: tuple[str, ...]) -> dict[str, str]:
    """The file name of every kept image, different within its split and class."""
    names: dict[str, str] = {}
    kept = content.kept
    labels = kept["label"].map(text).where(kept["target"].notna(), "")
    for _, rows in kept.groupby([kept["split"], labels], sort=False):
        names |= named(rows, readable)
    return names
