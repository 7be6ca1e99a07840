"""Learning rates scaled in the steps of an optimizer, beside schedulers of every kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.optim import lr_scheduler as schedulers

from curate.training.rates import ScaledRates

STEPS = 8


def factor_of(step: int) -> float:
    return 1.0 if step < 3 else 0.5 if step < 6 else 0.1


def used(make: Callable[[Any], Any], scale: bool, **options: Any) -> list[float]:
    """The rates that a weight with the gradient 1 moves by."""
    weight = torch.nn.Parameter(torch.zeros((), dtype=torch.float64))
    optimizer = torch.optim.SGD([weight], lr=0.4, **options)
    scheduler = make(optimizer)
    moved: list[float] = []
    rates = ScaledRates(optimizer, lambda: factor_of(len(moved))) if scale else None
    for _ in range(STEPS):
        weight.grad = torch.ones_like(weight)
        before = weight.item()
        seen = optimizer.param_groups[0]["lr"]
        optimizer.step()
        assert optimizer.param_groups[0]["lr"] is seen
        moved.append(before - weight.item())
        metric = (1.0,) if isinstance(scheduler, schedulers.ReduceLROnPlateau) else ()
        scheduler.step(*metric)
    if rates is not None:
        rates.remove()
        assert not optimizer._optimizer_step_pre_hooks
    return moved


@pytest.mark.parametrize(
    "make",
    [
        lambda o: schedulers.StepLR(o, 2),
        lambda o: schedulers.ExponentialLR(o, 0.8),
        lambda o: schedulers.CosineAnnealingLR(o, STEPS),
        lambda o: schedulers.LambdaLR(o, lambda step: 1 / (step + 1)),
        lambda o: schedulers.OneCycleLR(o, 0.4, total_steps=STEPS + 1, cycle_momentum=False),
        lambda o: schedulers.ReduceLROnPlateau(o, patience=1),
    ],
    ids=["step", "exponential", "cosine", "lambda", "one-cycle", "plateau"],
)
def test_the_rate_used_is_the_schedulers_times_the_factor(make: Callable[[Any], Any]) -> None:
    plain = used(make, scale=False)
    assert used(make, scale=True) == pytest.approx(
        [rate * factor_of(step) for step, rate in enumerate(plain)]
    )


def test_a_step_that_is_broken_off_leaves_no_factor_behind() -> None:
    weight = torch.nn.Parameter(torch.zeros(()))
    optimizer = torch.optim.SGD([weight], lr=0.4)
    rates = ScaledRates(optimizer, lambda: 0.5)

    def stop() -> float:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        optimizer.step(stop)
    assert optimizer.param_groups[0]["lr"] == 0.2
    rates.restore()
    assert optimizer.param_groups[0]["lr"] == 0.4
    with pytest.raises(KeyboardInterrupt):
        optimizer.step(stop)
    weight.grad = torch.ones(())
    optimizer.step()
    assert weight.item() == pytest.approx(-0.2)
    assert optimizer.param_groups[0]["lr"] == 0.4


def test_every_group_and_a_rate_that_is_a_tensor_are_scaled() -> None:
    weights = [torch.nn.Parameter(torch.zeros(())) for _ in range(2)]
    rate = torch.tensor(0.4)
    optimizer = torch.optim.SGD(
        [{"params": [weights[0]], "lr": rate}, {"params": [weights[1]]}], 0.2
    )
    ScaledRates(optimizer, lambda: 0.5)
    for weight in weights:
        weight.grad = torch.ones(())
    optimizer.step()
    assert [weight.item() for weight in weights] == pytest.approx([-0.2, -0.1])
    assert optimizer.param_groups[0]["lr"] is rate
    assert rate.item() == pytest.approx(0.4)
