"""The pass on a cluster of several Ray processes on this machine, beside the local pass."""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image

import curate
from curate.errors import ClusterError, ModelError
from curate.inference import ray_engine
from curate.inference.backbone import load_embedder
from curate.inference.decoding import IDENTITY, Work
from curate.inference.passes import embed_into
from curate.inference.ray_engine import Cluster, embed_on_ray
from curate.store.shards import Shards

# Ray warns of settings that it makes itself, and leaves sockets to its processes.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

HOG: dict[str, Any] = {"name": "hog"}

POISONED = """
import os
import torch

class Poisoned(torch.nn.Module):
    def forward(self, x):
        if bool((x.flatten(1).amin(1) > x.new_tensor(0.99)).any()):
            os._exit(1)  # as a driver that takes its process with it
        return x.mean((2, 3))

def make():
    return Poisoned()
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Two nodes of one CPU each, which find a module called `poisoned`."""
    from ray.cluster_utils import Cluster as Nodes

    code = tmp_path_factory.mktemp("code")
    (code / "poisoned.py").write_text(POISONED)
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(code), before]))
    sys.path.insert(0, str(code))
    nodes = Nodes(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    nodes.add_node(num_cpus=1)
    nodes.wait_for_nodes()
    yield nodes
    nodes.shutdown()
    sys.path.remove(str(code))
    os.environ.pop("PYTHONPATH") if before is None else os.environ.update(PYTHONPATH=before)


def images(folder: Path, n: int, size: int = 24) -> list[Work]:
    """Random pictures, and their work."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    work = []
    for i in range(n):
        path = folder / f"{i:04d}.png"
        Image.fromarray(rng.integers(0, 200, (size, size, 3), dtype=np.uint8)).save(path)
        work.append(Work(str(path), digest(path), (IDENTITY,)))
    return work


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def rows(shards: Shards, work: list[Work], name: str = "embeddings") -> Any:
    out = np.empty((len(work), *shards.shape(name)), dtype=np.float32)
    shards.gather(name, [one.digest for one in work], out)
    return out


def on_cluster(folder: Path, work: list[Work], nodes: Any, **options: Any) -> Shards:
    shards = Shards(folder)
    model = options.pop("model", HOG)
    embed_on_ray(
        shards, work, load_embedder(**model), model, Cluster(nodes.address, **options), 10**8
    )
    return shards


def test_the_cluster_says_what_this_machine_says(tmp_path: Path, cluster: Any) -> None:
    work = images(tmp_path / "images", 40)
    broken = tmp_path / "images" / "broken.png"
    broken.write_bytes(b"no picture")
    work.append(Work(str(broken), digest(broken), (IDENTITY,)))
    turned = [one._replace(views=(IDENTITY, "vflip")) for one in work]
    here, there = Shards(tmp_path / "here"), tmp_path / "there"
    embed_into(here, turned, load_embedder(**HOG))
    shards = on_cluster(there, turned, cluster)
    good = turned[:-1]
    for name in ("embeddings", "view_vflip", "thumbnails", "stats"):
        np.testing.assert_array_equal(rows(shards, good, name), rows(here, good, name))
    assert shards.note(work[-1].digest) == here.note(work[-1].digest)
    assert [path.name for path in there.iterdir() if path.suffix != ".safetensors"] == []


def test_a_killed_worker_costs_nothing_but_its_block(tmp_path: Path, cluster: Any) -> None:
    work = images(tmp_path / "images", 160, 200)
    folder, killed = tmp_path / "shards", []

    def kill_one() -> None:
        """As soon as something is written, so that it is in the middle."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not list(folder.glob("*.safetensors")):
            time.sleep(0.01)
        for process in psutil.Process().children(recursive=True):
            if "MapWorker" in " ".join(process.cmdline()):
                process.send_signal(signal.SIGKILL)
                killed.append(process.pid)
                return

    killer = threading.Thread(target=kill_one)
    killer.start()
    shards = on_cluster(folder, work, cluster)
    killer.join()
    assert killed
    here = Shards(tmp_path / "here")
    embed_into(here, work, load_embedder(**HOG))
    np.testing.assert_array_equal(rows(shards, work), rows(here, work))


def test_an_image_that_kills_every_worker_is_named_and_the_rest_kept(
    tmp_path: Path, cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_engine, "ROUNDS", 1)  # each starts torch anew, twice
    work = images(tmp_path / "images", 12, 32)
    poison = tmp_path / "images" / "poison.png"
    Image.new("RGB", (32, 32), "white").save(poison)
    work.insert(5, Work(str(poison), digest(poison), (IDENTITY,)))
    model = {"name": "poisoned:make", "img_size": 32, "batch_size": 1, "device": "cpu"}
    shards = Shards(tmp_path / "shards")
    with pytest.raises(ClusterError, match=r"found 1 that none of 1 tries did: '.*poison\.png'"):
        embed_on_ray(shards, work, load_embedder(**model), model, Cluster(cluster.address), 10**8)
    assert rows(shards, [one for one in work if "poison" not in one.path]).shape[0] == 12


def test_a_node_that_joins_is_used(tmp_path: Path, cluster: Any) -> None:
    node = cluster.add_node(num_cpus=1, resources={"late": 1})
    cluster.wait_for_nodes()
    work = images(tmp_path / "images", 9)
    assert len(rows(on_cluster(tmp_path / "shards", work, cluster, actors=3), work)) == 9
    cluster.remove_node(node)


def test_another_model_on_the_nodes_is_refused(tmp_path: Path, cluster: Any) -> None:
    work = images(tmp_path / "images", 2)
    other = load_embedder("poisoned:make", img_size=32, device="cpu")
    with pytest.raises(ModelError, match="the same model on every node"):
        embed_on_ray(Shards(tmp_path / "shards"), work, other, HOG, Cluster(cluster.address), 10**8)


def test_no_cluster_at_an_address_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match=r"Expected a Ray cluster at 127\.0\.0\.1:1, found none"):
        embed_on_ray(
            Shards(tmp_path / "shards"), images(tmp_path / "images", 1), load_embedder(**HOG),
            HOG, Cluster("127.0.0.1:1"), 10**8,
        )  # fmt: skip


def test_more_gpus_than_any_node_has_are_an_error(tmp_path: Path, cluster: Any) -> None:
    with pytest.raises(ClusterError, match=r"a node with 64 GPUs .* --ray-gpus"):
        on_cluster(tmp_path / "shards", images(tmp_path / "images", 1), cluster, gpus=64)


def test_an_analysis_on_a_cluster_is_the_local_one(tmp_path: Path, cluster: Any) -> None:
    for split in ("train", "val"):
        for name in ("a", "b"):
            images(tmp_path / "data" / split / name, 8, 20 + len(split) + ord(name))
    settings = {"model": "hog", "detectors": ("near_duplicate",), "folds": 2}
    far = curate.analyze(
        tmp_path / "data", tmp_path / "far", engine="ray", ray_address=cluster.address, **settings
    )
    near = curate.analyze(tmp_path / "data", tmp_path / "near", **settings)
    np.testing.assert_array_equal(
        np.load(tmp_path / "far" / "embeddings.npy"), np.load(tmp_path / "near" / "embeddings.npy")
    )
    assert far is not near


def test_options_of_a_cluster_without_one_are_an_error(tmp_path: Path) -> None:
    for name in ("a", "b"):
        images(tmp_path / "data" / "train" / name, 2)
    with pytest.raises(ClusterError, match="Expected --engine ray beside --ray-address"):
        curate.analyze(tmp_path / "data", tmp_path / "run", model="hog", ray_actors=2)
