from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file
from skimage.data import astronaut

from curate.inference.backbone import load_embedder
from curate.inference.choosing import open_engine
from curate.inference.decoding import IDENTITY, Decoding, Work
from curate.inference.engines import MIN_COSINE_HALF, ReplicatedEngine, TorchEngine, agree
from curate.inference.networks import TimmNetwork, Whole

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]

MODELS = ["resnet18", "vit_tiny_patch16_224", "efficientnet_b0"]


def whole_of(name: str) -> Whole:
    torch.manual_seed(0)
    model = timm.create_model(name, num_classes=0).eval()
    return Whole(TimmNetwork(model, False), timm.data.resolve_model_data_config(model)).eval()


def some(n: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (n, 224, 224, 3), np.uint8)


@pytest.mark.parametrize("name", MODELS)
def test_a_gpu_says_what_the_cpu_says(name: str) -> None:
    want = TorchEngine(whole_of(name), torch.device("cpu")).forward(some(20))
    devices = [torch.device("cuda", 0)]
    engine = open_engine(whole_of(name), (3, 224, 224), devices, 16, name, 1000)
    got = engine.forward(some(20))
    assert got.embeddings.dtype == np.float32
    assert agree(want, got, MIN_COSINE_HALF)
    assert "float" in engine.description
    single = TorchEngine(whole_of(name), devices[0]).forward(some(20))
    assert agree(want, single)


def test_a_batch_that_does_not_fit_is_halved() -> None:
    engine = TorchEngine(whole_of("resnet18"), torch.device("cuda", 0))
    want = engine.forward(some(6)).embeddings
    _, total = torch.cuda.mem_get_info(0)
    used = torch.cuda.memory_reserved(0)
    torch.cuda.set_per_process_memory_fraction((used + 300 * 2**20) / total, 0)
    try:
        batch = np.resize(some(6), (600, 224, 224, 3))
        got = engine.forward(batch).embeddings
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, 0)
    assert engine._limit < 600
    np.testing.assert_allclose(got[:6], want, rtol=1e-2, atol=1e-2)
    np.testing.assert_allclose(got[-6:], want, rtol=1e-2, atol=1e-2)


def test_two_replicas_on_one_gpu_keep_the_order() -> None:
    device = torch.device("cuda", 0)
    want = TorchEngine(whole_of("resnet18"), device).forward(some(9)).embeddings
    got = ReplicatedEngine(whole_of("resnet18"), [device, device]).forward(some(9)).embeddings
    np.testing.assert_allclose(got, want, rtol=1e-2, atol=1e-2)


def test_files_decoded_on_the_gpu_give_the_same_rows(tmp_path: Path) -> None:
    paths = []
    for i in range(20):
        picture = Image.fromarray(np.roll(astronaut(), 9 * i, axis=1)).resize((500 + i, 375))
        paths.append(tmp_path / f"{i}.jpg")
        picture.save(paths[-1], quality=90)
    torch.manual_seed(0)
    save_file(timm.create_model("resnet18", num_classes=0).state_dict(), tmp_path / "w.safetensors")
    backbone = load_embedder("resnet18", weights=tmp_path / "w.safetensors", device="cuda:0")
    work = [Work(str(path), path.name, (IDENTITY,)) for path in paths]
    how = Decoding(backbone, 2, 2**27, lambda _: None)
    assert backbone.jpeg_decoder is not None
    assert how._agrees(work, backbone.jpeg_decoder)
    ours = [one.pixels for one in how.by_threads(work)]
    theirs = [one.pixels for one in how.by_gpu(work, backbone.jpeg_decoder)]
    difference = np.abs(np.stack(ours).astype(int) - np.stack(theirs))
    assert difference.mean() < 1.5
