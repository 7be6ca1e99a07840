"""Steps of the optimizer: rates, accumulation, clipping and averages."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

from curate.errors import TrainingError
from curate.training.optimising import Optimising
from curate.training.options import Options

CPU = torch.device("cpu")


def linear() -> torch.nn.Linear:
    torch.manual_seed(0)
    return torch.nn.Linear(3, 2)


def optimising(model: Any, epochs: int = 8, scale: float = 1.0, **options: Any) -> Optimising:
    plain = {"opt": "momentum", "lr": 0.1, "momentum": 0.0, "weight_decay": 0.0, **options}
    return Optimising(Options(**plain), model, CPU, epochs, lambda: scale)


@pytest.mark.parametrize(
    ("options", "rates"),
    [
        ({"sched": "constant"}, [1, 1, 1, 1, 1, 1, 1, 1]),
        ({"sched": "step", "decay_epochs": 3}, [1, 1, 1, 0.1, 0.1, 0.1, 0.01, 0.01]),
        ({"sched": "step"}, [1, 1, 0.1, 0.1, 0.01, 0.01, 0.001, 0.001]),
        ({"sched": "multistep"}, [1, 1, 1, 1, 0.1, 0.1, 0.01, 0.01]),
        ({"sched": "multistep", "decay_milestones": (1,)}, [1] + [0.1] * 7),
        ({"sched": "constant", "warmup_epochs": 2, "warmup_lr": 0.0}, [0, 0.5] + [1] * 6),
    ],
)
def test_rates_by_epoch(options: dict[str, Any], rates: list[float]) -> None:
    own, found = optimising(linear(), **options), []
    for epoch in range(8):
        found.append(own.lr)
        own.end_epoch(epoch, None)
    assert found == pytest.approx([0.1 * rate for rate in rates])


def test_cosine_ends_near_nothing() -> None:
    own, found = optimising(linear()), []
    for epoch in range(8):
        found.append(own.lr)
        own.end_epoch(epoch, None)
    assert found[0] == 0.1
    assert found == sorted(found, reverse=True)
    assert found[-1] < 0.005


def test_plateau_waits_and_its_waiting_is_kept() -> None:
    options = {"sched": "plateau", "patience_epochs": 1}
    own = optimising(linear(), **options)
    for epoch, accuracy in enumerate([0.5, 0.5]):
        own.end_epoch(epoch, accuracy)
    again = optimising(linear(), **options)
    again.load_state_dict(own.state_dict(), 2)
    for one in (own, again):
        assert one.lr == 0.1
        one.end_epoch(2, 0.5)
        assert one.lr == pytest.approx(0.01)


def test_the_factor_of_the_stage_is_in_the_step_alone() -> None:
    model, scaled = linear(), linear()
    for one, scale in ((model, 1.0), (scaled, 0.5)):
        own = optimising(one, scale=scale)
        own.backward(one(torch.ones(1, 3)).sum(), True)
        assert own.lr == 0.1
    start = linear().bias
    assert torch.allclose((start - model.bias) * 0.5, start - scaled.bias)


def test_batches_that_are_taken_together_are_one_step() -> None:
    images = torch.arange(12.0).view(4, 3)
    whole, parts = linear(), linear()
    own = optimising(whole)
    own.backward(whole(images).pow(2).mean(), True)
    own = optimising(parts, grad_accum_steps=2)
    for last in (False, True):
        batch = images[2:] if last else images[:2]
        own.backward(parts(batch).pow(2).mean() / 2, last)
    assert torch.allclose(whole.weight, parts.weight, atol=1e-6)


def test_gradients_are_clipped_together() -> None:
    model = linear()
    own = optimising(model, clip_grad=0.5)
    before = copy.deepcopy(model)
    own.backward(1000 * model(torch.ones(1, 3)).sum(), True)
    pairs = zip(before.parameters(), model.parameters(), strict=True)
    steps = [(a - b).detach().flatten() for a, b in pairs]
    assert float(torch.cat(steps).norm()) == pytest.approx(0.1 * 0.5, rel=1e-3)


def test_the_average_lags_behind() -> None:
    model = linear()
    own = optimising(model, model_ema=True, model_ema_decay=0.9)
    assert own.averaged is not model
    first = linear()
    for _ in range(5):
        own.backward(model(torch.ones(1, 3)).sum(), True)
    at = [float((one.bias - first.bias).detach().abs().sum()) for one in (own.averaged, model)]
    assert 0 < at[0] < at[1]
    again = optimising(linear(), model_ema=True, model_ema_decay=0.9)
    again.load_state_dict(own.state_dict(), 1)
    assert torch.equal(again.averaged.weight, own.averaged.weight)


def test_an_optimizer_that_timm_does_not_know() -> None:
    with pytest.raises(TrainingError, match=r"such as adamw, adam, sgd.*found 'adan2'"):
        optimising(linear(), opt="adan2")


def test_an_optimizer_that_cannot_be_made() -> None:
    with pytest.raises(TrainingError, match="timm cannot make it"):
        optimising(linear(), opt="fusedadam")  # asks for a package of NVIDIA's
