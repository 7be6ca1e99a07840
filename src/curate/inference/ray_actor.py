"""What a Ray actor does with a block of images; it knows nothing of Ray."""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from curate.inference.passes import Work, embed_into
from curate.progress import silent
from curate.store.shards import Shards

DEATHS = 2
"""Workers that may die on one block of a round; Ray by itself would give it to others for ever."""


class Look:
    """An actor: one model, and a pass over each block that it is given.

    What cannot be is said in the answer to a block, since Ray would start an actor that raises
    again and again.

    Args:
        model: the arguments of `curate.inference.backbone.load_embedder`.
        digest: of the model that it must be.
        place: a folder beside the shards, by which it is seen that this node has them.
        threads: for decoding.
        max_pixels: larger images are not decoded.
        share: images that it will be given, about.
    """

    def __init__(
        self, model: Mapping[str, Any], digest: str, place: str, threads: int, max_pixels: int,
        share: int,
    ) -> None:  # fmt: skip
        from curate.inference.backbone import load_embedder

        self._fatal, self._why = "", ""
        self._threads, self._max_pixels = threads, max_pixels
        self._place = Path(place)
        if not self._place.is_dir():
            self._fatal = "cluster"
            self._why = (
                f"Expected the folder {self._place.parent} on every node of the cluster, found "
                f"none on {os.uname().nodename}. Put run and images on a shared file system."
            )
            return
        self._shards = Shards.to_write(self._place.parent)
        self._embedder = load_embedder(**model)
        if self._embedder.digest != digest:
            self._fatal = "model"
            self._why = (
                f"Expected the same model on every node of the cluster, found another on "
                f"{os.uname().nodename}. Give all nodes the same weights and versions."
            )
            return
        self._embedder.start(share)

    def __call__(self, block: pd.DataFrame) -> pd.DataFrame:
        """Do one block."""
        problems: Mapping[str, tuple[str, str]] = {}
        name = hashlib.sha256("".join(block["digest"]).encode()).hexdigest()[:32]
        died = len(list(self._place.glob(f"{name}.*")))
        why = self._why or (f"{died} workers died on it" if died >= DEATHS else "")
        if not why:
            begun = self._place / f"{name}.{uuid.uuid4().hex}"
            begun.touch()
            try:
                problems = embed_into(
                    self._shards, _work(block), self._embedder, self._threads, silent,
                    self._max_pixels,
                )  # fmt: skip
            except Exception as error:  # noqa: BLE001 - told by the driver, which tries again
                why = f"{type(error).__name__} on {os.uname().nodename}: {error}"
            begun.unlink()
        return pd.DataFrame(
            {
                "images": [0 if why else len(block)], "problems": [json.dumps(problems)],
                "why": [why], "fatal": [self._fatal],
            }
        )  # fmt: skip


def _work(block: pd.DataFrame) -> list[Work]:
    return [
        Work(path, digest, tuple(json.loads(views)))
        for path, digest, views in block[["path", "digest", "views"]].itertuples(index=False)
    ]
