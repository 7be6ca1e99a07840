"""Shards for the webdataset package: tar files whose bytes depend on their content alone."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd

from curate.findings import stage_rng
from curate.remedies.formats.content import SPLITS, Content
from curate.remedies.formats.manifests import as_read, records
from curate.remedies.formats.names import EXTENSIONS
from curate.remedies.formats.placing import checked_bytes, text, turned_png

READABLE = (".jpg", ".png", ".ppm")
"""What ``WebDataset.decode("pil")`` takes for an image, of `EXTENSIONS`; others are called
``.png``, since it goes by their content."""

MAX_IMAGES = 10_000
MAX_BYTES = 2**30
"""A shard is full at so many images or bytes: the usual 1 GB, large enough to be read in one
stroke, small enough for several readers."""


class WebDataset:
    """``train-TIER-000000.tar`` and so on, ``val-...``, ``test-...``, and ``shards.json``.

    Every image is three members: the image, ``.cls`` with its target (none without one) and
    ``.json`` with the columns of our lists, `stages` (counted from 1) among them. The shards of
    train hold one tier each, so a stage is the shards of its tiers, which ``shards.json`` names;
    where a stage takes a share of them only, select by `stages`. The order inside is shuffled by
    the seed of the run.
    """

    name = "webdataset"
    summary = "tar shards by split and tier for the webdataset package"

    def write(self, folder: Path, content: Content) -> None:
        """Write the shards and the list of them."""
        folder.mkdir(exist_ok=True)
        stages = content.stage_numbers()
        shards: dict[str, list[str]] = {}
        with content.progress(self.name, total=len(content.kept), unit="image") as bar:
            for name, rows in _parts(content):
                order = stage_rng(content.seed, f"webdataset {name}").permutation(len(rows))
                shuffled = rows.iloc[order]
                formats = [text(kind) for kind in shuffled["format"]]
                with _Shards(folder, quote(name, safe=" ")) as writer:
                    for row, kind in zip(records(shuffled), formats, strict=True):
                        writer.add({**row, "stages": stages.get(row["sample_id"], [])}, kind)
                        bar.update()
                shards[name] = writer.written
        by_stage = [
            [
                shard
                for tier in stage.tiers
                for shard in shards.get(f"train-{tier}", [])
            ]
            for stage in content.schedule.stages
        ]  # fmt: skip
        about = {
            **{split: [s for name in shards if name.split("-")[0] == split for s in shards[name]]
               for split in SPLITS},
            "stages": by_stage,
        }  # fmt: skip
        (folder / "shards.json").write_bytes(
            (json.dumps(about, indent=2, ensure_ascii=False) + "\n").encode()
        )

    def read(self, folder: Path) -> pd.DataFrame:
        """Read the splits back; `filepath` is where the image lay when it was exported."""
        rows = []
        about = json.loads((folder / "shards.json").read_text("utf-8"))
        for split in SPLITS:
            for shard in about[split]:
                with tarfile.open(folder / shard) as tar:
                    for member in tar:
                        if member.name.endswith(".json"):
                            file = tar.extractfile(member)
                            assert file is not None
                            known = json.loads(file.read())
                            rows.append((known["filepath"], split, known["label"], known["tier"]))
        return as_read(pd.DataFrame(rows, columns=["filepath", "split", "label", "tier"]))


class _Shards:
    """Writes the shards of one part, and begins a new one when the last is full."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name
        self._tar: tarfile.TarFile | None = None
        self._images = self._bytes = 0
        self.written: list[str] = []

    def add(self, row: dict[str, Any], kind: str) -> None:
        """Append one image."""
        source = Path(row["filepath"])
        suffix = EXTENSIONS.get(kind, source.suffix.lower())
        if row["turn"]:
            pixels, suffix = turned_png(source, row["turn"]), ".png"
        else:
            pixels = checked_bytes(source, text(row["content_digest"]))
        members = {suffix if suffix in READABLE else ".png": pixels}
        if row["target"] is not None:
            members[".cls"] = str(row["target"]).encode()
        # The turn is carried out: who finds it here would carry it out again.
        known = {key: value for key, value in row.items() if key != "turn"}
        members[".json"] = json.dumps(known, ensure_ascii=False).encode()
        if self._tar is None or self._images == MAX_IMAGES or self._bytes >= MAX_BYTES:
            self._next()
        assert self._tar is not None
        for ending, content in members.items():
            # The key ends at the first dot, so it has none.
            info = tarfile.TarInfo(quote(row["sample_id"], safe="").replace(".", "%2E") + ending)
            info.size, info.mode, info.mtime = len(content), 0o644, 0
            self._tar.addfile(info, io.BytesIO(content))
            self._bytes += len(content)
        self._images += 1

    def __enter__(self) -> _Shards:
        return self

    def __exit__(self, *_: object) -> None:
        if self._tar is not None:
            self._tar.close()

    def _next(self) -> None:
        if self._tar is not None:
            self._tar.close()
        name = f"{self._name}-{len(self.written):06d}.tar"
        path = self._folder / name
        self._tar = tarfile.open(path, "w", format=tarfile.USTAR_FORMAT)  # noqa: SIM115 - kept open
        self.written.append(name)
        self._images = self._bytes = 0


def _parts(content: Content) -> Iterator[tuple[str, pd.DataFrame]]:
    """The tiers of train, and the other splits."""
    train = content.of("train")
    for tier in dict.fromkeys([*content.tiers, *train["tier"]]):
        rows = train[train["tier"] == tier]
        if len(rows):
            yield f"train-{tier}", rows
    for split in SPLITS[1:]:
        yield split, content.of(split)
