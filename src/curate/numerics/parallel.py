"""Independent pieces of linear algebra side by side, each on one core."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")

MOST_THREADS = 8
"""Each holds a few matrices of its own."""


def side_by_side(work: Callable[[Task], Result], tasks: Iterable[Task]) -> list[Result]:
    """The results of `work` for each task, in order, with BLAS held to one thread meanwhile.

    Threads inside a factorisation or a small product wait for each other at every step, which on
    cores that are busy with something else takes many times as long as one thread does. Whole
    tasks need not wait, and no result depends on how many cores there are.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # ships no types

    with (
        threadpool_limits(limits=1, user_api="blas"),
        ThreadPoolExecutor(min(os.cpu_count() or 1, MOST_THREADS)) as pool,
    ):
        return list(pool.map(work, tasks))
