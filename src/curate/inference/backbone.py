"""Any timm model as an embedder, with weights from the hub, a file or a trained checkpoint."""

from __future__ import annotations

import hashlib
import os
import socket
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from curate.errors import ModelError, listed
from curate.inference.embedder import Embedder, Output
from curate.inference.engines import Engine, open_engine, pick_device
from curate.inference.hog import Hog
from curate.inference.weights import read_checkpoint

WAYS_OUT = (
    "Ways out: --weights FILE (a backbone state dict), --checkpoint FILE (a trained classifier "
    "with its class list), or --model hog (no weights needed)."
)


class Backbone:
    """A timm model: pre-logits as embeddings and, with a checkpoint, logits."""

    def __init__(
        self,
        name: str,
        model: Any,
        digest: str,
        class_names: tuple[str, ...] | None,
        device: str = "auto",
        batch_size: int | None = None,
    ) -> None:
        """Wrap a loaded model; see `load_embedder`."""
        import timm
        import timm.data

        config = timm.data.resolve_model_data_config(model)
        steps = timm.data.create_transform(**config, is_training=False).transforms
        # The last two steps make a float tensor and normalise it, which the engine does on the
        # whole batch and on its own device.
        self._geometry = [step for step in steps if "Tensor" not in type(step).__name__][:-1]
        self._channels, self._size = config["input_size"][0], config["input_size"][-1]
        self._config, self._model = config, model
        self._torch_device = pick_device(device)
        self._engine: Engine | None = None
        self.name = name
        self.class_names = class_names
        self.digest = f"{name}-{digest}-{config['input_size']}-{config['interpolation']}-" + (
            f"{config['crop_pct']}-{config['mean']}-{config['std']}-{len(class_names or ())}"
        )
        self.batch_size = batch_size or (32 if self._torch_device.type == "cpu" else 256)
        self.device = str(self._torch_device)

    def prepare(self, image: Image.Image) -> NDArray[np.uint8]:
        """Resize and centre-crop as the model's own configuration says."""
        for step in self._geometry:
            image = step(image)
        pixels = np.array(image)
        return pixels if self._channels == 3 else pixels.mean(axis=2, keepdims=True).astype("u1")

    def start(self, n_forward: int) -> None:
        """Choose the engine for this much work."""
        self._engine = open_engine(
            self._model,
            self._config,
            self._torch_device,
            n_forward=n_forward,
            has_logits=self.class_names is not None,
        )
        self.device = self._engine.description

    def forward(self, batch: NDArray[np.uint8]) -> Output:
        """Embed a batch; on a GPU that runs out of memory, in halves."""
        if self._engine is None:
            self.start(len(batch))
        assert self._engine is not None
        return self._engine.forward(batch)

    def settings(self) -> dict[str, Any]:
        """Record the model, its input and where it ran."""
        return {
            "model": self.name,
            "img_size": self._size,
            "device": self.device,
            "batch_size": self.batch_size,
            "weights_digest": self.digest,
        }


def load_embedder(
    name: str,
    weights: Path | None = None,
    checkpoint: Path | None = None,
    class_names: tuple[str, ...] = (),
    device: str = "auto",
    batch_size: int | None = None,
) -> Embedder:
    """Make the embedder that the options ask for.

    Args:
        name: "hog" or any timm model.
        weights: a backbone's state dict; its head is ignored.
        checkpoint: a trained classifier with its class list.
        class_names: the dataset's classes, that a checkpoint must share.
        device: "auto", "cpu", "cuda", "cuda:1", "mps".
        batch_size: images a pass; None chooses.

    Raises:
        ModelError: an unknown model, unreachable hub, weights of another architecture, or a
            class list that differs.
    """
    if name == "hog":
        if weights or checkpoint:
            raise ModelError(
                "Expected no weights with --model hog, found a file. Name the timm model that "
                "the file belongs to by --model."
            )
        return Hog()
    if weights is None and checkpoint is None:
        _be_quick_when_offline()
    import timm

    if not timm.is_model(name):
        close = timm.list_models(f"*{name.split('.')[0][:8]}*")[:5]
        raise ModelError(
            f"Expected a timm model name or hog, found {name!r}. "
            + (f"Did you mean {listed(close)}?" if close else "See timm.list_models().")
        )
    if weights and checkpoint:
        raise ModelError("Expected --weights or --checkpoint, found both. Give one of them.")
    if checkpoint:
        model, digest, names = _from_checkpoint(name, checkpoint, class_names)
        return Backbone(name, model, digest, names, device, batch_size)
    if weights:
        model, digest = _from_weights(name, weights)
        return Backbone(name, model, digest, None, device, batch_size)
    model = _from_hub(name)
    return Backbone(name, model, _state_digest(model), None, device, batch_size)


def _be_quick_when_offline() -> None:
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


def _from_hub(name: str) -> Any:
    import timm

    if not timm.is_model_pretrained(name):
        raise ModelError(
            f"Expected pretrained weights for {name}, found none on the hub. {WAYS_OUT}"
        )
    try:
        return timm.create_model(name, pretrained=True, num_classes=0)
    except Exception as error:
        if not _is_network_error(error):
            raise
        raise ModelError(
            f"Expected to fetch the weights of {name} from the model hub, found no way to reach "
            f"it ({type(error).__name__}). {WAYS_OUT}"
        ) from error


def _state_digest(model: Any) -> str:
    """Digest of all parameters: the hub may give other weights under the same name one day."""
    total = hashlib.sha256()
    for key, value in sorted(model.state_dict().items()):
        total.update(key.encode())
        total.update(value.numpy().tobytes())
    return total.hexdigest()[:32]


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


def _from_weights(name: str, path: Path) -> tuple[Any, str]:
    import timm

    found = read_checkpoint(path)
    model = timm.create_model(name, pretrained=False, num_classes=0)
    _load(model, found.state, name, path, head_ignored=True)
    return model, found.digest


def _from_checkpoint(
    name: str, path: Path, class_names: tuple[str, ...]
) -> tuple[Any, str, tuple[str, ...]]:
    import timm

    found = read_checkpoint(path)
    if found.class_names is None:
        raise ModelError(
            f"Expected a class list in {path} (class_names, classes or class_to_idx) or in "
            f"{path.with_name('classes.txt')}, found none. Save one, in the order of the logits; "
            "or use the file as a backbone: --weights."
        )
    missing = sorted(set(class_names) - set(found.class_names))
    extra = sorted(set(found.class_names) - set(class_names))
    if missing or extra:
        raise ModelError(
            f"Expected the {len(class_names)} classes of the data in {path}, found a different "
            f"list: missing there {listed(missing) or 'none'}; only there "
            f"{listed(extra) or 'none'}. "
            "Rename the folders, or use the file as a backbone: --weights."
        )
    model = timm.create_model(name, pretrained=False, num_classes=len(found.class_names))
    _load(model, found.state, name, path, head_ignored=False)
    return model, found.digest, found.class_names


def _load(model: Any, state: dict[str, Any], name: str, path: Path, head_ignored: bool) -> None:
    """Load parameters strictly, less the head if it is ignored."""
    own = model.state_dict()
    missing = [key for key in own if key not in state]
    misfit = [key for key in own if key in state and own[key].shape != state[key].shape]
    heads = set()
    if head_ignored:
        classifier = model.pretrained_cfg.get("classifier") or ()
        heads = {classifier} if isinstance(classifier, str) else set(classifier)
    unused = [
        key for key in state if key not in own and not any(key.startswith(f"{h}.") for h in heads)
    ]
    if missing or misfit or unused:
        raise ModelError(
            f"Expected the weights of {name} in {path}, found another architecture's: "
            f"{len(missing)} parameters missing ({listed(missing, 3) or 'none'}), {len(misfit)} of "
            f"another shape ({listed(misfit, 3) or 'none'}), {len(unused)} unknown "
            f"({listed(unused, 3) or 'none'}). Name the right --model."
        )
    model.load_state_dict({key: state[key] for key in own})
    model.eval()
