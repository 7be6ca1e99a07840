"""Keeping Pillow's warnings to itself while files are read in several threads."""

from __future__ import annotations

import threading
import warnings


class _Quiet:
    """Silences Pillow's warnings while any thread reads an image.

    `warnings.catch_warnings` swaps a global, so threads that enter and leave it crosswise can leave
    it swapped for good. Here the first reader in takes it and the last one out gives it back.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._readers = 0
        self._caught = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            if not self._readers:
                self._caught = warnings.catch_warnings()
                self._caught.__enter__()
                warnings.filterwarnings("ignore", module=r"PIL(\.|$)")
            self._readers += 1

    def __exit__(self, *exc: object) -> None:
        with self._lock:
            self._readers -= 1
            if not self._readers:
                self._caught.__exit__(None, None, None)


quiet = _Quiet()
