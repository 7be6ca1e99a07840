from __future__ import annotations

import logging
import threading
import time

import numpy as np
import pytest
import torch

from curate.errors import ModelError
from curate.inference import choosing
from curate.inference.choosing import compiled_if_worth, open_engine, timed
from curate.inference.embedder import Output
from curate.inference.engines import (
    OpenVinoEngine,
    ReplicatedEngine,
    TorchEngine,
    agree,
    pick_device,
    pick_devices,
)
from curate.progress import log

CPU = torch.device("cpu")
SIZE = (3, 8, 8)


def some(n: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, 8, 8, 3), np.uint8)


class Means(torch.nn.Module):
    """Channel means and, as logits, their differences from the first."""

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        means = pixels.float().mean(dim=(1, 2))
        return means, means - means[:, :1]


class Slow(Means):
    """Sleeps in torch; the conversion has the operators alone."""

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        time.sleep(0.05 * len(pixels))
        return super().forward(pixels)


class SlowConverted(Means):
    """Has more to compute when it is converted."""

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        means, logits = super().forward(pixels)
        if torch.jit.is_tracing():
            waste = means.mean() * torch.ones(1500, 1500)
            for _ in range(3):
                waste = torch.tanh(waste @ waste)
            means = means + 1e-9 * waste.sum()
        return means, logits


class Changed(Slow):
    """Converts to something else."""

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        means, logits = super().forward(pixels)
        return (means * torch.tensor([1.0, -1, 1]) if torch.jit.is_tracing() else means), logits


class Stubborn(Slow):
    """Cannot be converted."""

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if torch.jit.is_tracing():
            raise RuntimeError("not by me\nsecond line")
        return super().forward(pixels)


@pytest.fixture
def logs(caplog) -> pytest.LogCaptureFixture:
    log.propagate = True
    caplog.set_level(logging.INFO, "curate")
    return caplog


def choose(whole: torch.nn.Module, n_forward: int, digest: str):
    return open_engine(whole.eval(), SIZE, [CPU], 32, digest, n_forward)


def test_the_faster_engine_is_taken_and_both_figures_are_said(logs) -> None:
    engine = choose(Slow(), 100_000, "slow")
    assert isinstance(engine, OpenVinoEngine)
    assert "images/s, torch " in logs.text
    assert logs.messages[-1].endswith(": OpenVINO")
    np.testing.assert_allclose(engine.forward(some(3))[0], some(3).mean(axis=(1, 2)), rtol=1e-5)


def test_torch_is_taken_where_it_is_faster(logs, monkeypatch) -> None:
    monkeypatch.setattr(choosing, "CONVERT_SECONDS", 0.0)
    assert isinstance(choose(SlowConverted(), 100_000, "slow-converted"), TorchEngine)
    assert logs.messages[-1].endswith(": torch")


def test_little_work_is_not_worth_a_conversion(logs) -> None:
    assert isinstance(choose(Means(), 500, "little"), TorchEngine)
    assert "too little work to convert the model" in logs.text
    assert isinstance(choose(Slow(), 20, "least"), TorchEngine)


def test_a_model_converted_before_is_worth_less_work(logs) -> None:
    # Torch takes 5 s for 100 images: less than a conversion, more than reading one.
    assert isinstance(choose(Slow(), 100, "before"), TorchEngine)
    OpenVinoEngine(Slow(), some(2), "before")
    assert isinstance(choose(Slow(), 100, "before"), OpenVinoEngine)


@pytest.mark.parametrize(
    ("whole", "message"),
    [
        (Changed(), "OpenVINO's outputs differ from torch's; torch is used"),
        (Stubborn(), "OpenVINO cannot run this model"),
    ],
)
def test_torch_is_the_way_back_and_it_is_said(whole, message, logs) -> None:
    level = logging.getLogger().level
    engine = choose(whole, 100_000, type(whole).__name__)
    assert isinstance(engine, TorchEngine)
    assert message in logs.text
    np.testing.assert_allclose(engine.forward(some(1))[0], some(1).mean(axis=(1, 2)), rtol=1e-5)
    assert logging.getLogger().level == level


def test_the_choice_does_not_change_what_is_found() -> None:
    few, many = choose(Slow(), 10, "same"), choose(Slow(), 100_000, "same")
    assert type(few) is not type(many)
    assert agree(few.forward(some(9)), many.forward(some(9)))


def test_disagreement_is_noticed() -> None:
    one = np.eye(3, dtype=np.float32)
    assert not agree(Output(one, None), Output(one[::-1], None))
    assert not agree(Output(one, one), Output(one, one[::-1]))
    assert not agree(Output(one, one), Output(one, None))
    assert not agree(Output(one, None), Output(one * np.float32(np.nan), None))
    assert agree(Output(one, one), Output(one * 2, one))


class Greedy(Means):
    """Has memory for so many images, and counts its calls."""

    def __init__(self, fits: int, error: Exception) -> None:
        super().__init__()
        self.fits, self.error, self.calls = fits, error, []

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        self.calls.append(len(pixels))
        if len(pixels) > self.fits:
            raise self.error
        return super().forward(pixels)


NO_MEMORY = [
    torch.cuda.OutOfMemoryError("CUDA out of memory"),
    RuntimeError("MPS backend out of memory"),
    RuntimeError("DefaultCPUAllocator: can't allocate memory"),
]


@pytest.mark.parametrize("error", NO_MEMORY)
def test_batches_shrink_for_good_where_memory_runs_out(error, logs) -> None:
    whole = Greedy(3, error)
    engine = TorchEngine(whole, CPU)
    out = engine.forward(some(10))
    assert whole.calls == [10, 5, 2, 2, 2, 2, 2]
    np.testing.assert_allclose(out.embeddings, some(10).mean(axis=(1, 2)), rtol=1e-5)
    assert out.logits.shape == (10, 3)
    assert "memory ran out at 10 images on cpu; going on with batches of 5" in logs.text
    engine.forward(some(4))
    assert whole.calls[7:] == [2, 2]


def test_no_memory_for_one_image_is_said() -> None:
    with pytest.raises(ModelError, match="memory for one image on cpu, found too little"):
        TorchEngine(Greedy(0, NO_MEMORY[0]), CPU).forward(some(4))


def test_other_errors_of_a_model_are_not_taken_for_memory() -> None:
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        TorchEngine(Greedy(0, RuntimeError("mat1 and mat2")), CPU).forward(some(4))


def test_replicas_share_a_batch_in_order_and_at_the_same_time() -> None:
    class Meeting(Means):
        """Waits until the other replica has its share too."""

        barrier = threading.Barrier(2, timeout=30)

        def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            self.barrier.wait()
            return super().forward(pixels)

    engine = ReplicatedEngine(Meeting(), [CPU, CPU])
    out = engine.forward(some(7))
    np.testing.assert_allclose(out.embeddings, some(7).mean(axis=(1, 2)), rtol=1e-5)
    assert engine.description == "2 x cpu, float32, torch"


def test_replicas_have_weights_of_their_own() -> None:
    whole = torch.nn.ModuleDict({"inner": torch.nn.Linear(2, 2)})
    engine = ReplicatedEngine(whole, [CPU, CPU])
    modules = [one._whole for one in engine._engines]
    assert modules[0] is not modules[1]
    weights = [module["inner"].weight for module in modules]
    assert torch.equal(*weights)
    assert weights[0].data_ptr() != weights[1].data_ptr()


def test_compiling_is_tried_only_where_it_would_pay(logs, monkeypatch) -> None:
    whole = Means().eval()
    eager = TorchEngine(whole, CPU)
    assert compiled_if_worth(eager, whole, CPU, None, 1000, 8, some(4)) is None
    assert logs.text == ""


@pytest.mark.parametrize("fast", [True, False])
def test_a_compiled_model_is_used_where_it_is_faster(fast: bool, logs, monkeypatch) -> None:
    compiled = Means() if fast else Slow()
    monkeypatch.setattr(torch, "compile", lambda whole: compiled.eval())
    whole = Slow().eval() if fast else Means().eval()
    engine = TorchEngine(whole, CPU)
    chosen = compiled_if_worth(engine, whole, CPU, None, 10**9, 8, some(4))
    assert (chosen is not None) == fast
    assert logs.messages[-1].endswith(": compiled" if fast else ": eager")
    if chosen is not None:
        found = chosen.forward(some(3)).embeddings
        np.testing.assert_allclose(found, some(3).mean(axis=(1, 2)), rtol=1e-5)
        assert chosen.description == "cpu, float32, torch.compile"


def test_a_model_that_cannot_be_compiled_runs_as_it_is(logs, monkeypatch) -> None:
    def fail(whole: torch.nn.Module) -> None:
        raise RuntimeError("no compiler")

    monkeypatch.setattr(torch, "compile", fail)
    whole = Means().eval()
    engine = TorchEngine(whole, CPU)
    assert compiled_if_worth(engine, whole, CPU, None, 10**12, 8, some(4)) is None
    assert "torch.compile cannot take this model (no compiler)" in logs.text


def test_timing_stops_when_it_has_lasted_long_enough(monkeypatch) -> None:
    monkeypatch.setattr(choosing, "PATIENCE", 0.0)
    whole = Greedy(9, RuntimeError())
    out, rate = timed(TorchEngine(whole, CPU), some(4))
    assert whole.calls == [4]
    assert rate > 0
    assert len(out.embeddings) == 4


def test_devices() -> None:
    assert pick_devices("cpu") == [CPU]
    assert pick_device("cpu") == CPU
    with pytest.raises(ModelError, match="Expected a device such as"):
        pick_devices("warp9")
    with pytest.raises(ModelError, match="Expected a meta device"):
        pick_devices("meta")
