"""The whole loop on one folder of images: train, find, remedy, train again, compare.

It shows the way; whether the way helps is for `curate verify` to say. It compares one pair of
trainings, and another seed alone changes a training by as much as most remedies do.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from curate.data.catalog import scan
from curate.data.source import Source
from curate.errors import DataError, RunError
from curate.pipeline.loop_record import LoopRecord
from curate.pipeline.loop_steps import Options, Step, command, flags_of, steps_of
from curate.pipeline.plain_text import wrapped
from curate.progress import Progress, silent
from curate.store.journal import FILE as JOURNAL
from curate.store.run import Run, cache_key

VERSION = 1
"""Raised where the same options lead to other steps."""

BUDGET = "30m"
"""For `curate verify`, as it is proposed."""


@dataclass(frozen=True)
class Looped:
    """A finished loop.

    Attributes:
        home: its directory.
        found: the run of the analysis.
        before, after: the runs of the two models.
        seconds: of each step when it was done, in their order.
        taken: the steps that were finished before.
    """

    home: Path
    found: Run
    before: Run
    after: Run
    seconds: dict[str, float]
    taken: tuple[str, ...]


def close_the_loop(
    data: str | Path,
    home: str | Path,
    options: Options | None = None,
    *,
    say: Callable[[str], object] = lambda line: None,
    progress: Progress = silent,
) -> Looped:
    """Do what is not done yet of the loop; a loop that was broken off goes on where it was.

    A step is finished as long as its options, the images and the decisions of people that it starts
    from are what they were; with the first one that is not, all that follow are done again, and
    what they had written is replaced.

    Args:
        data: a folder of images, with labels and a val split.
        home: a new directory, or that of an earlier loop.
        options: of the trainings.
        say: takes each line for a person: what is done, by which command, and what it came to.
        progress: for the bars.

    Raises:
        RunError: there is something else at `home`.
        InputError: as of the steps.
    """
    options = options or Options()
    folder, target = Path(data).expanduser().absolute(), Path(home).expanduser().absolute()
    record = LoopRecord(target)
    key = cache_key("loop", VERSION, asdict(options), _images(folder, progress))
    steps = steps_of(folder, target, options)
    taken = []
    for number, step in enumerate(steps, 1):
        key = cache_key(step.name, VERSION, key, step.reads_now())
        for line in wrapped(f"{number} of {len(steps)}: {step.what}", "  "):
            say(line)
        say(f"  $ {step.command}")
        done = record.seconds(step.name)
        if record.key(step.name) == key and done is not None and step.makes.is_file():
            taken.append(step.name)
            how = f"taken as it is, it took {done:.1f} s"
        else:
            how = f"{_do(step, key, record, progress):.1f} s"
        for line in step.tell():
            say(f"  {line}")
        say(f"  ({how})")
        say("")
    seconds = {step.name: record.seconds(step.name) or 0.0 for step in steps}
    for line in closing(target, options, seconds):
        say(line)
    found, before, after = (
        Run(target / name) for name in ("found", "baseline/run", "retrained/run")
    )
    return Looped(target, found, before, after, seconds, tuple(taken))


def closing(home: Path, options: Options, seconds: dict[str, float]) -> list[str]:
    """What the comparison does not say, and what to do about it."""
    verify = command(
        "verify", home / "export", "--seeds", 5, "--budget", BUDGET, *flags_of(options.training())
    )
    told = ", ".join(f"{name} {value:.1f} s" for name, value in seconds.items())
    return [
        *wrapped(
            "One pair of trainings proves little: the intervals are about other images, and know "
            "nothing of another seed. Several seeds of each, of the same number of steps, with a "
            "control, are the next command:"
        ),
        f"  $ {verify}",
        "",
        f"{told}; together {sum(seconds.values()):.0f} s",
    ]


def _do(step: Step, key: str, record: LoopRecord, progress: Progress) -> float:
    """Do a step and note it; returns its seconds."""
    known = record.key(step.name)
    # A training that was broken off goes on. One of something else, or a finished one whose ground
    # has changed, is replaced.
    if step.clears is not None and known is not None and (known != key or step.makes.is_file()):
        _check_nothing_decided(step.clears / "run")
        shutil.rmtree(step.clears, ignore_errors=True)
    start = time.perf_counter()
    record.begin(step.name, key)
    step.do(progress)
    seconds = time.perf_counter() - start
    record.finish(step.name, seconds)
    return seconds


def _check_nothing_decided(run: Path) -> None:
    """Refuse to replace a run in which people decided something."""
    journal = run / JOURNAL
    if journal.is_file() and journal.stat().st_size:
        raise RunError(
            f"Expected to replace {run}, found decisions of people in it. Move it away, or choose "
            "another --to."
        )


def _images(data: Path, progress: Progress) -> list[Any]:
    """Which images there are, by their content."""
    found = scan(Source(str(data)), None, None, progress, 0)
    if not (found.table["split"] == "val").any():
        raise DataError(
            f"Expected train and val folders in {data}, found no val images. A training needs them "
            "to choose its best epoch: see --val-fraction of `curate analyze`."
        )
    return found.table[["sample_id", "content_digest"]].to_numpy().tolist()


__all__ = ["Looped", "Options", "close_the_loop"]
