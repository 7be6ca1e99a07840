"""Pictures from anywhere: files, folders, patterns and addresses, as one list."""

from __future__ import annotations

import glob
import os
import re
import tempfile
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from curate.data.listing import has_image_extension, printable
from curate.errors import DataError
from curate.pipeline.predict_fetch import TIMEOUT, NotFetched, fetch

FETCHING = 8
"""Addresses that are fetched at a time."""

TOLD = 5
"""Pictures that an error names."""

_PATTERN = re.compile(r"[*?\[]")
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")


@dataclass(frozen=True)
class Picture:
    """One picture that was asked for.

    Attributes:
        given: its path or address, as a person is told it.
        path: of the file; empty where there is none.
        asked: it was named, or is named like an image; what else is found in a folder and is no
            image is passed over.
        named: on its own, not by a folder or a pattern.
        problem: why there is no file, as (problem, detail).
    """

    given: str
    path: str = ""
    asked: bool = True
    named: bool = True
    problem: tuple[str, str] | None = None


@contextmanager
def pictures(
    images: Sequence[str],
    lists: Sequence[Path] = (),
    timeout: float = TIMEOUT,
    outputs: Collection[Path] = (),
) -> Iterator[list[Picture]]:
    """The pictures that some arguments name, each once, in order; fetched ones last the block.

    Args:
        images: files; folders, with all that lies below; patterns such as ``photos/**/*.jpg``;
            http and https addresses.
        lists: text files with any of these, one a line; a line that begins with # is a comment.
        timeout: seconds without an answer after which an address is given up.
        outputs: files that will be written: earlier ones in a folder are no pictures to predict.

    Raises:
        DataError: a list cannot be read, nothing is asked for at all, or nothing of it is there.
    """
    asked = [*images, *(line for path in lists for line in _lines(path))]
    if not asked:
        raise DataError(
            "Expected pictures: files, folders, patterns such as 'photos/*.jpg' or http(s) "
            "addresses; found none."
        )
    ours = {os.path.realpath(path.expanduser()) for path in outputs}
    found: dict[str, Picture] = {}
    for one in asked:
        for picture in _named(one):
            if picture.named or os.path.realpath(picture.path) not in ours:
                found.setdefault(picture.path or picture.given, picture)
    every = list(found.values())
    remote = [i for i, one in enumerate(every) if _is_remote(one)]
    if not remote:
        check_some([(one.given, one.problem) for one in every])
        yield every
        return
    with tempfile.TemporaryDirectory(prefix="curate-predict-") as folder:

        def fetched(i: int) -> Picture:
            one, target = every[i], Path(folder) / str(i)
            try:
                fetch(one.given, target, timeout)
            except NotFetched as error:
                return replace(one, problem=("not_fetched", str(error)))
            return replace(one, path=str(target))

        with ThreadPoolExecutor(FETCHING, thread_name_prefix="fetch") as threads:
            for i, picture in zip(remote, threads.map(fetched, remote), strict=True):
                every[i] = picture
        check_some([(one.given, one.problem) for one in every])
        yield every


def check_some(pictures: Sequence[tuple[str, tuple[str, str] | None]]) -> None:
    """Refuse to predict nothing.

    Args:
        pictures: names of pictures, each with why it cannot be read, or None.

    Raises:
        DataError: none of them can be read; names the first ones and why.
    """
    if any(problem is None for _, problem in pictures):
        return
    told = [
        f"{name}: {problem[0].replace('_', ' ')}, {problem[1]}"
        for name, problem in pictures
        if problem is not None
    ]
    rest = f"; and {len(told) - TOLD} more" if len(told) > TOLD else ""
    found = f"none of {len(told)} ({'; '.join(told[:TOLD])}{rest})" if told else "none"
    raise DataError(
        f"Expected pictures that can be read, found {found}. Check the paths and addresses."
    )


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"Expected a list of pictures in {path}, one path or address a line in UTF-8, found "
            f"a file that cannot be read ({error}). Check the path."
        ) from error
    lines = [line.strip() for line in text.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def _is_remote(one: Picture) -> bool:
    return not one.path and one.problem is None


def _named(one: str) -> Iterator[Picture]:
    """What one argument names."""
    address = _ADDRESS.match(one)
    if address is not None:
        known = address[1].lower() in ("http", "https")
        why = ("not_fetched", f"only http and https are fetched, not {address[1]}")
        yield Picture(one, problem=None if known else why)
        return
    path = Path(one).expanduser()
    if os.path.lexists(path) or not _PATTERN.search(one):
        yield from _at(path)
        return
    matches = sorted(glob.glob(str(path), recursive=True))  # noqa: PTH207 - takes absolute patterns
    for match in matches:
        yield from _at(Path(match), named=False)
    if not matches:
        yield Picture(printable(one), problem=("missing", "no file matches the pattern"))


def _at(path: Path, named: bool = True) -> Iterator[Picture]:
    if path.is_dir():
        yield from _below(path)
    elif path.exists():
        yield _file(path, True, named)
    else:
        yield Picture(printable(str(path)), problem=("missing", "there is no such file"))


def _file(path: Path, asked: bool, named: bool) -> Picture:
    given = printable(str(path))
    if not path.is_file():
        return Picture(given, problem=("unreadable", "not a regular file"))
    return Picture(given, str(path.absolute()), asked, named)


def _below(folder: Path) -> Iterator[Picture]:
    """All files below a folder that are not hidden."""
    closed: list[OSError] = []
    for here, folders, files in os.walk(folder, onerror=closed.append):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith("."):
                asked = has_image_extension(name)
                one = _file(Path(here) / name, asked, named=False)
                if asked or one.problem is None:
                    yield one
    for error in closed:
        where = printable(str(error.filename))
        yield Picture(where, problem=("permission", f"cannot be listed: {error.strerror}"))
