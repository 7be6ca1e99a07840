"""timm models: weights from the hub, a file or a trained checkpoint; at any size they take."""

from __future__ import annotations

import os
import socket
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from curate.errors import ModelError, listed
from curate.inference.class_lists import check_classes
from curate.inference.embedder import Loaded
from curate.inference.weights import (
    Checkpoint,
    load_state,
    misfits,
    read_checkpoint,
    state_digest,
)

WAYS_OUT = (
    "Ways out: --weights FILE (a backbone state dict), --checkpoint FILE (a trained classifier "
    "with its class list), or --model hog (no weights needed)."
)


HUB, FOLDER = "hf-hub:", "local-dir:"
"""How timm names a model by its place on the hub, or by a folder with a config.json."""


def check_source(name: str) -> bool:
    """Whether a name says where the model lies, and the folder is one where it names a folder.

    Raises:
        ModelError: the folder holds no model of timm's.
    """
    if name.startswith(FOLDER):
        config = Path(name.removeprefix(FOLDER)) / "config.json"
        if not config.is_file():
            raise ModelError(
                f"Expected a timm model with its config.json in {config.parent}, found none. Name "
                "the folder that timm's save_for_hf wrote."
            )
    return name.startswith((HUB, FOLDER))


def check_known(name: str, what: str, besides: str = "") -> None:
    """Refuse a name that is neither timm's nor says where the model lies.

    Args:
        name: as given.
        what: was expected, in words.
        besides: what else could have been given, a sentence after a space.

    Raises:
        ModelError: naming those that are spelt nearly so.
    """
    import timm

    if check_source(name) or timm.is_model(name):
        return
    close = timm.list_models(f"*{name.split('.')[0][:8]}*")[:5]
    raise ModelError(
        f"Expected {what}, found {name!r}. "
        + (f"Did you mean {listed(close)}?" if close else "See timm.list_models().")
        + besides
    )


def load_timm(
    name: str,
    weights: Path | None,
    checkpoint: Path | None,
    class_names: tuple[str, ...],
    img_size: int | None,
) -> Loaded:
    """Make a timm model that gives pre-logits and, from a checkpoint, logits.

    Raises:
        ModelError: an unreachable hub, weights of another architecture, a class list that differs,
            or a size that the model cannot take.
    """
    import timm.data

    names = None
    if checkpoint:
        found = read_checkpoint(checkpoint)
        names = checked_names(found, checkpoint, class_names)
        model = _with_weights(name, found, checkpoint, len(names), img_size)
    elif weights:
        found = read_checkpoint(weights)
        model = _with_weights(name, found, weights, 0, img_size)
    else:
        model, found = _from_hub(name), None
    digest = found.digest if found else state_digest(model)
    return ready(name, model, timm.data.resolve_model_data_config(model), digest, names, img_size)


def ready(
    name: str,
    model: Any,
    config: dict[str, Any],
    digest: str,
    names: tuple[str, ...] | None,
    img_size: int | None,
) -> Loaded:
    """Set the image size of a timm model and try it.

    Raises:
        ModelError: the model cannot take images of that size.
    """
    from curate.inference.networks import TimmNetwork

    network = TimmNetwork(model, names is not None).eval()
    if img_size is not None:
        own, channels = config["input_size"], config["input_size"][0]
        config = {**config, "input_size": (channels, img_size, img_size)}
        _resize(name, model, network, config["input_size"], own)
    return Loaded(network, config, digest, names)


def checked_names(found: Checkpoint, path: Path, class_names: tuple[str, ...]) -> tuple[str, ...]:
    """A checkpoint's class list.

    Raises:
        ModelError: it has none, or not the data's.
    """
    if found.class_names is None:
        raise ModelError(
            f"Expected a class list in {path} (class_names, classes or class_to_idx) or in "
            f"{path.with_name('classes.txt')}, found none. Save one, in the order of the logits; "
            "or use the file as a backbone: --weights."
        )
    way_out = "use the file as a backbone: --weights"
    return check_classes(found.class_names, class_names, path, way_out)


def be_quick_when_offline() -> None:
    """Spare a machine without network the hub's minute of retries: its cache still serves.

    Must come before the first import of huggingface_hub, which reads the environment once.
    """
    if "HF_HUB_OFFLINE" in os.environ or urllib.request.getproxies():
        return
    host = urlsplit(os.environ.get("HF_ENDPOINT", "https://huggingface.co")).hostname
    try:
        socket.getaddrinfo(host, 443)
    except OSError:
        os.environ["HF_HUB_OFFLINE"] = "1"


def _with_weights(
    name: str, found: Checkpoint, path: Path, n_classes: int, img_size: int | None
) -> Any:
    """A model with the weights of a file, which were trained at its own size or at `img_size`."""
    import timm

    from curate.inference.heads import classifier_names, has_mlp_head, put_mlp_head

    model = timm.create_model(name, pretrained=False, num_classes=n_classes)
    heads = classifier_names(model) if n_classes == 0 else ()
    own = model.state_dict()
    if img_size is not None and misfits(own, found.state_for(own), heads)[1]:
        model = _at_size(name, n_classes, img_size) or model
    if n_classes and has_mlp_head(model, found.state):
        put_mlp_head(model)
    load_state(model, found, name, path, heads)
    return model


def _at_size(name: str, n_classes: int, img_size: int) -> Any | None:
    """A model made for another size, whose positions have other shapes; None if it has no say."""
    import timm

    try:
        return timm.create_model(name, num_classes=n_classes, img_size=img_size)
    except (TypeError, ValueError, AssertionError):
        return None


def _resize(
    name: str, model: Any, network: Any, size: tuple[int, ...], own: tuple[int, ...]
) -> None:
    """Fit what depends on the image size, such as a transformer's positions, and try a forward."""
    import torch

    try:
        if hasattr(model, "set_input_size"):
            model.set_input_size(size[1:])
        with torch.inference_mode():
            network(torch.zeros(1, *size))
    except Exception as error:  # a model may raise anything at a size it was not made for
        why = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelError(
            f"Expected --img-size that {name} takes, found {size[1]}: {why} Its own size is "
            f"{own[1]} x {own[2]}. Leave out --img-size, or choose a multiple of its patch size "
            "or stride."
        ) from error


def _from_hub(name: str) -> Any:
    import timm

    if not check_source(name) and not timm.is_model_pretrained(name):
        raise ModelError(
            f"Expected pretrained weights for {name}, found none on the hub. {WAYS_OUT}"
        )
    try:
        return timm.create_model(name, pretrained=True, num_classes=0)
    except Exception as error:
        if name.startswith(FOLDER) or not _is_network_error(error):
            raise
        raise ModelError(
            f"Expected to fetch the weights of {name} from the model hub, found no way to reach "
            f"it ({type(error).__name__}). {WAYS_OUT}"
        ) from error


def _is_network_error(error: BaseException) -> bool:
    """Whether any error in the chain is one of connecting or of an offline hub."""
    while True:
        module = type(error).__module__.split(".")[0]
        if isinstance(error, OSError) or module in {"httpx", "httpcore", "requests", "urllib3"}:
            return True
        if module == "huggingface_hub":
            return True
        following = error.__cause__ or error.__context__
        if following is None:
            return False
        error = following
