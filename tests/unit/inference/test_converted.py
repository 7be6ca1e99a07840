from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import torch

from curate.inference import converted
from curate.inference.engines import OpenVinoEngine
from curate.progress import log


class Whole(torch.nn.Module):
    """Channel means times a weight: uint8 NHWC in, a tuple out, as the engines' modules."""

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(weight))

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor]:
        return (pixels.float().mean(dim=(1, 2)) * self.weight,)


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), np.uint8)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.setenv("CURATE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "openvino"


def embed(weight: float, pixels: np.ndarray, digest: str) -> np.ndarray:
    return OpenVinoEngine(Whole(weight), pixels, digest).forward(pixels).embeddings


def test_a_model_is_converted_once(pixels, own_cache, monkeypatch) -> None:
    first = embed(2.0, pixels, "one")
    np.testing.assert_allclose(first, pixels.mean(axis=(1, 2)) * 2, rtol=1e-5)
    assert len(list(own_cache.iterdir())) == 2
    monkeypatch.setattr(converted, "_convert", lambda *_: pytest.fail("converted again"))
    np.testing.assert_array_equal(embed(2.0, pixels, "one"), first)


def test_other_weights_are_converted_anew(pixels, own_cache) -> None:
    embed(2.0, pixels, "one")
    np.testing.assert_allclose(embed(3.0, pixels, "two"), pixels.mean(axis=(1, 2)) * 3, rtol=1e-5)


def test_a_damaged_file_is_converted_again_and_said(pixels, own_cache, caplog) -> None:
    embed(2.0, pixels, "one")
    (model,) = own_cache.glob("*.xml")
    model.write_text("<net")
    log.propagate = True
    with caplog.at_level(logging.WARNING, "curate"):
        found = embed(2.0, pixels, "one")
    np.testing.assert_allclose(found, pixels.mean(axis=(1, 2)) * 2, rtol=1e-5)
    assert "is damaged and converted again" in caplog.text


def test_a_cache_that_cannot_be_written_is_said_and_does_no_harm(
    pixels, tmp_path, monkeypatch, caplog
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("CURATE_CACHE", str(tmp_path / "file"))
    log.propagate = True
    with caplog.at_level(logging.WARNING, "curate"):
        found = embed(2.0, pixels, "one")
    np.testing.assert_allclose(found, pixels.mean(axis=(1, 2)) * 2, rtol=1e-5)
    assert "not kept for the next time" in caplog.text
