"""Trying a torch module on empty images: what it gives, and where its embeddings are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from curate.errors import ModelError

GIVES = "Let its forward give one (batch, n) tensor, or a pair (embeddings, logits) of them."


@dataclass(frozen=True)
class Trial:
    """What a module gave.

    Attributes:
        form: "pair" (embeddings, logits); "timm": with `forward_features` and `forward_head`;
            "linear": one tensor, which comes from a linear layer; "single": any other tensor.
        last: name of that linear layer, None in the other forms.
        n_logits: columns of the logits; None where the output can be none.
        is_softmax: the output is probabilities.
    """

    form: str
    last: str | None
    n_logits: int | None
    is_softmax: bool

    def network(self, model: Any, has_logits: bool) -> Any:
        """The module as one of `curate.inference.networks`."""
        from curate.inference.networks import Classifier, Outputs, TimmNetwork

        if self.form == "timm":
            return TimmNetwork(model, has_logits).eval()
        if self.last is not None:
            return Classifier(model, self.last, has_logits, self.is_softmax).eval()
        return Outputs(model, has_logits, self.is_softmax).eval()

    def check_width(self, names: tuple[str, ...], where: str) -> None:
        """Raise `ModelError` unless the logits have a column for every class."""
        if self.n_logits != len(names):
            raise ModelError(
                f"Expected {len(names)} logits from {where}, one for each class of its list, "
                f"found {self.n_logits or 'none'}. Correct the list or the module."
            )


def try_out(model: Any, size: tuple[int, int, int], where: str) -> Trial:
    """Run a module on two black images.

    Args:
        model: a torch module, or a scripted one.
        size: (channels, height, width).
        where: the model, for messages.

    Raises:
        ModelError: the forward pass fails, or gives something else than embeddings.
    """
    import torch

    from curate.inference.networks import looks_like_softmax, tensors

    images = torch.zeros(2, *size)
    linears: list[tuple[str, Any]] = []
    try:
        with torch.inference_mode(), _watching_linears(model, linears):
            given = model(images)
    except Exception as error:  # a user's module may raise anything
        raise ModelError(
            f"Expected {where} to take {size[0]} x {size[1]} x {size[2]} images, found "
            f"{_in_words(error)}. Correct it, or give its --img-size."
        ) from error
    out = tensors(given)
    usable = [one.dim() in (2, 4) and len(one) == 2 and one.is_floating_point() for one in out]
    if len(out) not in (1, 2) or not all(usable) or (len(out) == 2 and out[1].dim() != 2):
        shapes = [tuple(one.shape) for one in out] or type(given).__name__
        raise ModelError(f"Expected embeddings of two images from {where}, found {shapes}. {GIVES}")
    is_softmax = looks_like_softmax(out[-1])
    n_logits = out[-1].shape[1] if out[-1].dim() == 2 else None
    if len(out) == 2:
        return Trial("pair", None, n_logits, is_softmax)
    if _is_like_timm(model, images):
        return Trial("timm", None, n_logits, False)
    if linears and linears[-1][1] == tuple(out[0].shape):
        return Trial("linear", linears[-1][0], n_logits, is_softmax)
    return Trial("single", None, n_logits, is_softmax)


@contextmanager
def _watching_linears(model: Any, seen: list[tuple[str, Any]]) -> Iterator[None]:
    """Note names and output shapes of the linear layers in the order in which they run."""
    import torch

    handles = []
    if not isinstance(model, torch.jit.ScriptModule):
        for name, module in model.named_modules():
            if isinstance(module, torch.nn.Linear) and name:

                def note(_: Any, __: Any, out: Any, name: str = name) -> None:
                    seen.append((name, tuple(out.shape)))

                handles.append(module.register_forward_hook(note))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _is_like_timm(model: Any, images: Any) -> bool:
    """Whether a module has timm's two halves of a forward pass, and they work as timm's do."""
    import torch

    if not (hasattr(model, "forward_features") and hasattr(model, "forward_head")):
        return False
    try:
        with torch.inference_mode():
            features = model.forward_features(images)
            out = model.forward_head(features, pre_logits=True)
    except Exception:  # noqa: BLE001 (same names, other arguments: then its forward is all we use)
        return False
    return isinstance(out, torch.Tensor) and len(out) == len(images)


def _in_words(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
