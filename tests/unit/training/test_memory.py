"""What is said when memory runs out; the memory is truly asked for."""

from __future__ import annotations

import pytest
import torch

from curate.training.memory import is_out_of_memory, largest_fitting, too_large_error


def step(n: int, most: int = 13) -> None:
    """Asks for a petabyte from more than `most` images on."""
    torch.empty(2**50 if n > most else 8, dtype=torch.uint8)


def test_torch_says_so_itself() -> None:
    with pytest.raises(RuntimeError) as caught:
        step(64)
    assert is_out_of_memory(caught.value)
    assert not is_out_of_memory(RuntimeError("shapes do not fit"))


@pytest.mark.parametrize(("most", "found"), [(13, 12), (63, 48), (1, 1), (0, 0)])
def test_the_largest_that_fits_of_two_sizes_an_octave(most: int, found: int) -> None:
    assert largest_fitting(lambda n: step(n, most), 64) == found


def test_other_faults_are_not_taken_for_it() -> None:
    def broken(_: int) -> None:
        raise RuntimeError("shapes do not fit")

    with pytest.raises(RuntimeError, match="shapes"):
        largest_fitting(broken, 64)


def test_the_message_says_what_to_do() -> None:
    said = str(too_large_error(step, 64, 2, "images on cpu"))
    assert said == (
        "Expected memory for batches of 64 images on cpu, found too little. A batch of 12 fits: "
        "--batch-size 12 --grad-accum-steps 12 takes steps of as many images."
    )
    assert "Not even one" in str(too_large_error(lambda n: step(n, 0), 64, 1, "images"))
