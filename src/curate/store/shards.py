"""Rows of arrays kept by the content they were made from, in shards written as they finish.

A kill loses the shard in flight and nothing else, and a row is found again wherever the file it
belongs to has moved, because it is known by the digest of that file's bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.progress import log
from curate.store.files import atomic

Part = tuple[Sequence[str], NDArray[Any]]
"""The digests of some rows, and the array of these rows."""

_SUFFIX = ".safetensors"


class Shards:
    """A folder of shards, open for reading and adding.

    Each file holds named arrays in safetensors and, for each name, the digests of its rows. Files
    are written aside and renamed, so that each is whole or absent; one that cannot be read is
    passed over with a warning, as if its rows had never been computed.
    """

    def __init__(self, folder: Path) -> None:
        """Read what the shards in `folder` hold; an absent folder holds nothing."""
        self.folder = folder
        self.reopen()

    @classmethod
    def to_write(cls, folder: Path) -> Shards:
        """The folder for adding only: what others wrote there is not looked at."""
        shards = cls.__new__(cls)
        shards.folder = folder
        shards._forget()
        return shards

    def has(self, name: str, digest: str) -> bool:
        """Whether the row `digest` of the array `name` is here."""
        return digest in self._places[name]

    def note(self, digest: str) -> Any:
        """What was noted of a digest in place of rows, or None."""
        return self._notes.get(digest, (0, None))[1]

    def add(self, parts: Mapping[str, Part], notes: Mapping[str, Any] | None = None) -> None:
        """Write one shard.

        Args:
            parts: array name -> digests and rows.
            notes: digest -> JSON-like, for content that gives no rows.

        Raises:
            ValueError: a part has more or fewer digests than rows.
        """
        from safetensors.numpy import save

        for name, (digests, values) in parts.items():
            if len(digests) != len(values):
                raise ValueError(f"{name}: {len(digests)} digests for {len(values)} rows")
        rows = json.dumps({name: list(digests) for name, (digests, _) in parts.items()})
        about = {"rows": rows, "notes": json.dumps(dict(notes or {}))}
        arrays = {name: np.ascontiguousarray(values) for name, (_, values) in parts.items()}
        unique = hashlib.sha256("".join(about.values()).encode()).hexdigest()[:16]
        path = self.folder / f"{unique}{_SUFFIX}"
        with atomic(path) as file:
            file.write(save(arrays, metadata=about))
        self._index(path)

    def gather(self, name: str, digests: Sequence[str], out: NDArray[Any]) -> None:
        """Copy rows into `out`, one shard in memory at a time.

        Args:
            name: of the array.
            digests: (n,) one a row of `out`; equal ones get equal rows.
            out: (n, ...) is filled.

        Raises:
            KeyError: a row is not here.
        """
        from safetensors import safe_open

        places = self._places[name]
        wanted: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for row, digest in enumerate(digests):
            shard, at = places[digest]
            wanted[shard].append((row, at))
        for shard, pairs in sorted(wanted.items()):
            to, source = np.array(pairs, dtype=np.int64).T
            with safe_open(self._files[shard], framework="numpy") as file:
                out[to] = file.get_tensor(name)[source]

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of one row of an array.

        Raises:
            KeyError: no shard has the array.
        """
        from safetensors import safe_open

        places = self._places[name]
        if not places:
            raise KeyError(name)
        shard, _ = next(iter(places.values()))
        with safe_open(self._files[shard], framework="numpy") as file:
            return tuple(file.get_slice(name).get_shape()[1:])

    def keep_only(self, digests: Iterable[str]) -> None:
        """Remove the shards of which nothing belongs to `digests`, to free the disk."""
        kept = set(digests)
        used = {shard for digest, (shard, _) in self._notes.items() if digest in kept}
        for places in self._places.values():
            used |= {shard for digest, (shard, _) in places.items() if digest in kept}
        for shard, path in enumerate(self._files):
            if shard not in used:
                path.unlink(missing_ok=True)
        self.reopen()

    def _forget(self) -> None:
        self._files: list[Path] = []
        self._places: dict[str, dict[str, tuple[int, int]]] = defaultdict(dict)
        self._notes: dict[str, tuple[int, Any]] = {}

    def reopen(self) -> None:
        """Read anew what the folder holds, after others have written there."""
        self._forget()
        for path in sorted(self.folder.glob(f"*{_SUFFIX}")):
            self._index(path)

    def _index(self, path: Path) -> None:
        try:
            about = _about(path)
            rows: dict[str, list[str]] = json.loads(about["rows"])
            notes = json.loads(about["notes"])
        except Exception as error:  # noqa: BLE001 - safetensors raises its own; any damage is a miss
            log.warning("%s is damaged and computed again (%s)", path, str(error).splitlines()[0])
            return
        number = len(self._files)
        self._files.append(path)
        for name, digests in rows.items():
            self._places[name].update({d: (number, i) for i, d in enumerate(digests)})
        self._notes.update({digest: (number, note) for digest, note in notes.items()})


def _about(path: Path) -> dict[str, str]:
    """The metadata of one shard; opening it checks that the file is as long as it says."""
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        found: dict[str, str] = file.metadata()
    return found
