"""Whether a training is compiled, by trying it."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import torch

from curate.training.wrapped import pays_to_compile

CPU = torch.device("cpu")


def step(model: torch.nn.Module) -> None:
    model(torch.ones(4, 8, requires_grad=True)).sum().backward()


def test_it_is_off_unless_asked_for() -> None:
    assert not pays_to_compile("off", torch.nn.Linear(8, 8), step, 10**9, CPU)


def test_a_short_training_does_not_try(caught: Any) -> None:
    assert not pays_to_compile("auto", torch.nn.Linear(8, 8), step, 10, CPU)
    assert "not tried, since all 10 steps take about 0 s" in caught.text


def test_a_compiler_that_fails_is_said_and_done_without(caught: Any) -> None:
    from torch._inductor import config
    from torch._inductor.utils import fresh_cache

    with fresh_cache(), config.patch({"cpp.cxx": ("/nowhere/g++",)}):
        assert not pays_to_compile("on", torch.nn.GELU(), step, 10, CPU)
    assert "torch.compile: not used, since it cannot compile this model here" in caught.text


def test_a_long_training_is_measured_both_ways(caught: Any) -> None:
    own = torch.nn.Linear(8, 8)
    pays_to_compile("auto", own, step, 10**9, CPU)
    assert "a step takes" in caught.text
    assert "over 1000000000 steps that saves" in caught.text
    assert all(one.grad is None for one in own.parameters()), "tried on the model itself"


@pytest.fixture
def caught(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Any:
    log = logging.getLogger("curate")
    monkeypatch.setattr(log, "propagate", True)
    caplog.set_level(logging.INFO, logger="curate")
    return caplog
