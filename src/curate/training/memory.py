"""When memory runs out: which batch would have fitted."""

from __future__ import annotations

import gc
from collections.abc import Callable

import torch
from timm.utils import decay_batch_step

from curate.errors import TrainingError

_ON_CPU = ("can't allocate memory", "not enough memory", "cannot allocate memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether torch found no memory, on whatever device."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(words in text for words in _ON_CPU)


def too_large_error(
    step: Callable[[int], object], batch_size: int, accumulate: int, what: str
) -> TrainingError:
    """What a training ends with that had no memory for its batches, in words.

    Args:
        step: see `largest_fitting`.
        batch_size: that was too large.
        accumulate: batches that a step took together.
        what: the images, model and device.
    """
    fits = largest_fitting(step, batch_size)
    told = f"Expected memory for batches of {batch_size} {what}, found too little. "
    if not fits:
        return TrainingError(
            f"{told}Not even one image fits: choose a smaller model or --img-size."
        )
    together = -(-batch_size // fits) * accumulate
    return TrainingError(
        f"{told}A batch of {fits} fits: --batch-size {fits} --grad-accum-steps {together} takes "
        "steps of as many images."
    )


def largest_fitting(step: Callable[[int], object], batch_size: int) -> int:
    """The largest batch that a step has memory for, of those below one that had not.

    Two sizes an octave are tried (48, 32, 24...), as timm's ``validate.py --retry`` does, so the
    answer is below the true limit by a third at most.

    Args:
        step: does a forward and a backward pass of so many images.
        batch_size: that was too large.

    Returns:
        0 where not even one image fits.
    """
    size = int(decay_batch_step(batch_size))
    while size > 0:
        _release()
        try:
            step(size)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            size = int(decay_batch_step(size))
        else:
            return size
    return 0


def _release() -> None:
    """Give back what the failed pass left behind."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
