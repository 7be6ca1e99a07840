"""Torch modules that give embeddings and logits from one pass, whatever the model inside gives.

Every class but `Whole` takes normalised (b, c, h, w) float images and returns ``(embeddings,)`` or
``(embeddings, logits)``, both two-dimensional. Import this file where it is used: it imports torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

Tensors = tuple[torch.Tensor, ...]

MIN_CONVOLUTIONS = 4
"""Spatial convolutions from which a model is a convolution net; a transformer has one or two."""


class TimmNetwork(torch.nn.Module):
    """A timm model, or one with timm's `forward_features` and `forward_head`."""

    def __init__(self, model: Any, has_logits: bool) -> None:
        super().__init__()
        self.model, self.has_logits = model, has_logits

    def forward(self, images: torch.Tensor) -> Tensors:
        """Pre-logits, and logits of a classifier."""
        features = self.model.forward_features(images)
        embeddings = self.model.forward_head(features, pre_logits=True).flatten(1)
        if not self.has_logits:
            return (embeddings,)
        return embeddings, self.model.forward_head(features)


class Classifier(torch.nn.Module):
    """A module that ends in a linear layer, whose input is the embedding.

    Args:
        model: gives a (b, n) tensor.
        last: name of the linear layer in it.
        has_logits: whether its output is wanted.
        is_softmax: its output is probabilities, whose logarithm is the logits.
    """

    def __init__(self, model: Any, last: str, has_logits: bool, is_softmax: bool) -> None:
        super().__init__()
        self.model, self.last = model, last
        self.has_logits, self.is_softmax = has_logits, is_softmax

    def forward(self, images: torch.Tensor) -> Tensors:
        """What enters the last layer, and the module's own output."""
        seen: list[torch.Tensor] = []
        last = self.model.get_submodule(self.last)
        # A hook for this call only: copies of the module on other devices have their own.
        with last.register_forward_pre_hook(lambda _, given: seen.append(given[0])):
            out = single(self.model(images))
        embeddings = seen[-1].flatten(1)
        return (embeddings, as_logits(out, self.is_softmax)) if self.has_logits else (embeddings,)


class Outputs(torch.nn.Module):
    """A module taken at its word: a pair is embeddings and logits, one tensor is the embeddings.

    One tensor is the logits as well where those are wanted and there is no second.
    """

    def __init__(self, model: Any, has_logits: bool, is_softmax: bool) -> None:
        super().__init__()
        self.model = model
        self.has_logits, self.is_softmax = has_logits, is_softmax

    def forward(self, images: torch.Tensor) -> Tensors:
        """The module's outputs."""
        out = tensors(self.model(images))
        embeddings = out[0]
        if embeddings.dim() == 4:
            embeddings = embeddings.mean(dim=(2, 3))
        if not self.has_logits:
            return (embeddings,)
        return embeddings, as_logits(out[-1], self.is_softmax)


class Whole(torch.nn.Module):
    """A network with its normalisation inside, so that it runs on the device and on bytes.

    Args:
        network: one of the classes above.
        config: timm's data config, of which `mean` and `std` are used, in [0, 1].
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, network: Any, config: Mapping[str, Any]) -> None:
        super().__init__()
        self.network = network
        self.is_convolutional = is_convolutional(network)
        for name in ("mean", "std"):
            value = torch.tensor(config[name], dtype=torch.float32).view(1, -1, 1, 1) * 255
            self.register_buffer(name, value)

    def forward(self, pixels: torch.Tensor) -> Tensors:
        """Take (b, h, w, c) uint8; give (b, d) embeddings and (b, n_classes) logits if any."""
        # Permuted, not copied: that is channels_last already, which convolutions are faster in.
        images = (pixels.permute(0, 3, 1, 2).float() - self.mean) / self.std
        if not self.is_convolutional:
            images = images.contiguous()
        out: Tensors = self.network(images)
        return out


def is_convolutional(network: Any) -> bool:
    """Whether a model consists of spatial convolutions, and so gains by channels_last."""
    wide = (
        module
        for module in network.modules()
        if isinstance(module, torch.nn.Conv2d) and max(module.kernel_size) > 1
    )
    return sum(1 for _ in wide) >= MIN_CONVOLUTIONS


def tensors(out: Any) -> Tensors:
    """A module's output as a tuple; for anything but tensors an empty one."""
    found = tuple(out) if isinstance(out, tuple | list) else (out,)
    return found if all(isinstance(one, torch.Tensor) for one in found) else ()


def single(out: Any) -> torch.Tensor:
    """The tensor of an output that is one, bare or in a tuple."""
    return tensors(out)[0]


def as_logits(out: torch.Tensor, is_softmax: bool) -> torch.Tensor:
    """Logits from what a classifier gives."""
    return out.clamp_min(1e-12).log() if is_softmax else out


def looks_like_softmax(out: torch.Tensor) -> bool:
    """Whether (b, n) outputs are probabilities: within [0, 1], with rows that sum to one."""
    if out.dim() != 2 or out.shape[1] < 2:
        return False
    total = out.float().sum(dim=1)
    return bool((out >= 0).all() and (total - 1).abs().max() < 1e-3)
