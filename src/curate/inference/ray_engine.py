"""The pass over the images on a Ray cluster; the only importer of ray.

Ray Data hands the images to actors in blocks. An actor is the same pass as on one machine
(`curate.inference.passes`) with a model of its own, and it writes a block's rows as one shard into
the run, by the digests of the images. So neither the order in which blocks end nor one that is
computed twice, because its worker was killed, can reach the run; only the names of what could not
be read go through the driver.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import socket
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from curate.errors import ClusterError, ModelError, listed
from curate.inference.embedder import Embedder
from curate.inference.passes import Work, missing_work
from curate.inference.ray_actor import Look
from curate.progress import Progress, log, silent
from curate.store.shards import Shards

LARGEST_BLOCK = 2048
"""Images a block: what a killed worker loses."""

BLOCKS_EACH = 4
"""Blocks an actor has to do at least, where there are images enough: the last ones end together."""

ROUNDS = 3
"""How often what came back from no worker is tried; each time in smaller blocks, so that one bad
image stands alone."""

KNOCK_SECONDS = 10.0
"""How long a cluster may take to answer at its address."""

MOST_CPUS = 4
"""Decoding threads of an actor, unless --workers says otherwise: one model takes no more."""


@dataclass(frozen=True)
class Cluster:
    """Where and how wide to run.

    Attributes:
        address: of a cluster, ``auto`` for the one this machine belongs to; None starts one here.
        actors: models at work at a time; None takes what the cluster has room for.
        gpus: GPUs an actor, may be a fraction; None: one each where the cluster has any.
        workers: decoding threads and CPUs an actor; None chooses.
    """

    address: str | None = None
    actors: int | None = None
    gpus: float | None = None
    workers: int | None = None


def check_ray() -> None:
    """Say how to get Ray before any work.

    Raises:
        ModelError: it is not installed.
    """
    try:
        import ray.data  # noqa: F401 - whether it can be had is the question
    except ImportError as error:
        raise ModelError(
            f"Expected Ray for --engine ray, found none ({error}). Install it: "
            'pip install "curate[ray]".'
        ) from error


def embed_on_ray(
    shards: Shards,
    work: Sequence[Work],
    embedder: Embedder,
    model: Mapping[str, Any],
    cluster: Cluster,
    max_pixels: int,
    progress: Progress = silent,
) -> dict[str, tuple[str, str]]:
    """As `curate.inference.passes.embed_into`, on a cluster.

    Every node must have this environment, the images and the folder of the shards at the same
    paths.

    Args:
        shards: where rows are looked up; the actors write them there.
        work: images and views.
        embedder: the model as this process has it; those of the actors must be the same.
        model: the arguments of `curate.inference.backbone.load_embedder`, for the actors.
        cluster: where to run.
        max_pixels: larger images are not decoded.
        progress: shows one bar of images.

    Returns:
        The problems that need not last, as `embed_into` does.

    Raises:
        ClusterError: there is no such cluster, a node lacks the folder, or images are left over
            that no worker could do.
        ModelError: Ray is missing, or an actor's model is another.
    """
    todo = missing_work(shards, work)
    if not todo:
        return {}
    check_ray()
    problems: dict[str, tuple[str, str]] = {}
    why = "a worker ended without a word"
    with (
        _connected(cluster) as ray,
        _meeting_place(shards.folder) as place,
        progress("embed", total=len(todo), unit="image") as bar,
    ):
        plan = _plan(ray, cluster, len(todo))
        log.info(
            "embedding %d images with %s on %d Ray actors of %g CPUs and %g GPUs each",
            len(todo), embedder.name, plan.actors, plan.cpus, plan.gpus,
        )  # fmt: skip
        known = {
            "model": dict(model), "digest": embedder.digest, "place": str(place),
            "threads": int(max(plan.cpus, 1)), "max_pixels": max_pixels,
        }  # fmt: skip
        for round_ in range(ROUNDS):
            block = max(1, plan.block // 8**round_)
            for row in _done(ray, todo, block, plan, {**known, "share": len(todo) // plan.actors}):
                if row["fatal"]:
                    raise (ModelError if row["fatal"] == "model" else ClusterError)(row["why"])
                why = row["why"] or why
                problems.update({d: (p, s) for d, (p, s) in json.loads(row["problems"]).items()})
                bar.update(row["images"])
            shards.reopen()
            todo = [one for one in missing_work(shards, todo) if one.digest not in problems]
            if not todo:
                return problems
            log.warning("%d images came back from no worker (%s)", len(todo), why)
    raise ClusterError(
        f"Expected every image to come back from the cluster, found {len(todo)} that none of "
        f"{ROUNDS} tries did: {listed(one.path for one in todo)}. The last reason: {why}. What is "
        "done is kept: look at those images and that worker, and run the same command again."
    )


@dataclass(frozen=True)
class _Plan:
    actors: int
    most: int | None  # with None the pool grows with the cluster
    cpus: float
    gpus: float
    block: int


def _plan(ray: Any, cluster: Cluster, n: int) -> _Plan:
    """How many actors fit on the nodes there are, and how large their blocks are."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    any_gpu = any(node.get("GPU", 0) for node in nodes)
    gpus = cluster.gpus if cluster.gpus is not None else float(any_gpu)
    able = [node for node in nodes if node.get("CPU", 0) and node.get("GPU", 0) >= gpus]
    if not able:
        raise ClusterError(
            f"Expected a node with {gpus:g} GPUs and a CPU for an actor, found none among "
            f"{len(nodes)} nodes. Ask for fewer GPUs an actor: --ray-gpus."
        )
    least = min(node["CPU"] for node in able)
    cpus = float(min(cluster.workers or MOST_CPUS, least))
    fit = sum(_fitting(node, cpus, gpus) for node in able)
    actors = min(cluster.actors or fit, n)
    block = min(LARGEST_BLOCK, max(1, n // (actors * BLOCKS_EACH)))
    return _Plan(actors, cluster.actors, cpus, gpus, block)


def _fitting(node: Mapping[str, float], cpus: float, gpus: float) -> int:
    fit = node["CPU"] // cpus
    return int(min(fit, node["GPU"] // gpus) if gpus else fit)


def _done(
    ray: Any, todo: Sequence[Work], block: int, plan: _Plan, known: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """What the actors say of each block, as they end."""
    frames = [
        pd.DataFrame(
            [(one.path, one.digest, json.dumps(one.views)) for one in todo[at : at + block]],
            columns=["path", "digest", "views"],
        )
        for at in range(0, len(todo), block)
    ]
    told = ray.data.from_pandas(frames).map_batches(
        Look, batch_size=None, batch_format="pandas", num_cpus=plan.cpus,
        num_gpus=plan.gpus or None, fn_constructor_kwargs=dict(known),
        compute=ray.data.ActorPoolStrategy(
            min_size=1, max_size=plan.most, initial_size=min(plan.actors, len(frames))
        ),
    )  # fmt: skip
    yield from told.iter_rows()


@contextmanager
def _connected(cluster: Cluster) -> Iterator[Any]:
    """Ray, connected; one that was running before stays as it was."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray
    import ray.data

    context, mine = ray.data.DataContext.get_current(), not ray.is_initialized()
    before = context.max_errored_blocks, context.enable_progress_bars
    logger = logging.getLogger("ray.data")
    level = logger.level
    if mine:
        _connect(ray, cluster.address)
    try:
        context.max_errored_blocks = -1  # a lost block is missed afterwards, and tried again
        context.enable_progress_bars = False
        logger.setLevel(logging.ERROR)
        yield ray
    finally:
        logger.setLevel(level)
        context.max_errored_blocks, context.enable_progress_bars = before
        if mine:
            ray.shutdown()


def _connect(ray: Any, address: str | None) -> None:
    options: dict[str, Any] = {"logging_level": "error", "log_to_driver": False}
    if address is None:
        options |= {"include_dashboard": False, "_node_ip_address": "127.0.0.1"}
    try:
        if address is not None and address != "auto" and "://" not in address:
            _knock(address)  # Ray itself would wait for minutes
        ray.init(address=address or "local", **options)
    except (OSError, ValueError, RuntimeError) as error:
        raise ClusterError(
            f"Expected a Ray cluster at {address or 'this machine'}, found none "
            f"({str(error).splitlines()[0]}). Start one (ray start --head), or leave out "
            "--ray-address to use this machine alone."
        ) from error


def _knock(address: str) -> None:
    host, _, port = address.rpartition(":")
    socket.create_connection((host, int(port)), timeout=KNOCK_SECONDS).close()


@contextmanager
def _meeting_place(folder: Path) -> Iterator[Path]:
    """A folder beside the shards by which actors see that they share it, and count deaths."""
    place = folder / f".cluster-{uuid.uuid4().hex}"
    place.mkdir(parents=True)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)  # of a file system that may be gone by now


__all__ = ["Cluster", "check_ray", "embed_on_ray"]
