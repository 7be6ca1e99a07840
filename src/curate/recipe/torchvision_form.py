"""`policy.torchvision.py`: the policy in `torchvision.transforms.v2`, as far as it has the same.

Not the same pixels: torchvision draws other random numbers, and some of its transforms are only
close. What has no form there is named in the code and left out; so is JPEG compression, whose codec
torchvision 0.29 deprecates and warns of at each image.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from curate.recipe.applying import step_spec
from curate.recipe.code_form import LABEL_CHECK, stages, trainer_settings
from curate.recipe.code_text import Call, text
from curate.recipe.policy import Policy, Step
from curate.recipe.specs import CLASS, Spec, steps

_HEAD = '''"""An augmentation policy in torchvision.transforms.v2.

    transform = pipeline(stage=0, label="cat")
    changed = transform(image)

`image` is a (3, height, width) uint8 tensor, `label` a class name. Without a label, steps that
exclude a class are passed over. Not the same pixels as from albumentations: close in kind and size.
"""

import torch
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

'''

_MIRRORED = '''

class Mirrored(torch.nn.Module):
    """Continue a picture by its mirror image before a transform, and cut it back after it.

    torchvision would fill what a turn or shift leaves free with one colour, a mark that a model
    learns.
    """

    def __init__(self, transform):
        super().__init__()
        self.transform = transform

    def forward(self, image):
        height, width = image.shape[-2:]
        padded = F.pad(image, [width // 2, height // 2], padding_mode="reflect")
        return F.center_crop(self.transform(padded), [height, width])


'''

_TAIL = '''

def pipeline(stage, label=None):
    """The transforms of a stage for images of one class."""
    check_label(label)
    chosen = [
        t for t, excluded in STAGES[stage] if label not in excluded and (label or not excluded)
    ]
    return v2.Compose(chosen or [v2.Identity()])


def batch_transform(stage, num_classes):
    """What mixes the images of a batch, for (images, integer labels); None where nothing does."""
    made = {"mixup": v2.MixUp, "cutmix": v2.CutMix}
    chosen = [
        v2.RandomApply([made[name](alpha=s["alpha"], num_classes=num_classes)], p=s["probability"])
        for name, s in TRAINER[stage].items()
    ]
    return v2.Compose(chosen) if chosen else None
'''


class _NoFormError(Exception):
    """torchvision has no such transform."""


def to_code(policy: Policy) -> str:
    """The text of `policy.torchvision.py`."""
    height, width = policy.image_size
    return (
        _HEAD
        + f"IMAGE_SIZE = ({height}, {width})\n"
        + _MIRRORED
        + stages(policy, lambda step: _form(step, policy.image_size))
        + trainer_settings(policy)
        + LABEL_CHECK
        + _TAIL
    )


def without_form(policy: Policy) -> tuple[str, ...]:
    """The transforms of a policy that torchvision has none for."""
    names = (step.transform for number in range(len(policy.stages)) for step in policy.stage(number)
             if not step.batch and isinstance(_form(step, policy.image_size), str))  # fmt: skip
    return tuple(dict.fromkeys(names))


def _form(step: Step, size: tuple[int, int]) -> Call | str:
    try:
        return _translate(step_spec(step, size))
    except _NoFormError as error:
        return f"torchvision has no {error}."


def _translate(spec: Spec) -> Call:
    name, p = spec[CLASS], spec["p"]
    if name == "OneOf":
        return _maybe(_one_of(spec["transforms"]), p)
    if name == "Sequential":
        return _maybe(Call("v2.Compose", ([_translate(child) for child in spec["transforms"]],)), p)
    if name not in _FORMS:
        raise _NoFormError(name)
    return _FORMS[name](spec, p)


def _one_of(children: list[Spec]) -> Call:
    """What differs here only in a sign may be the same there, and is written once."""
    weights: dict[str, float] = {}
    calls: dict[str, Call] = {}
    for child in children:
        call = _translate({**child, "p": 1.0})
        calls[text(call)] = call
        weights[text(call)] = weights.get(text(call), 0) + child["p"]
    if len(calls) == 1:
        return next(iter(calls.values()))
    named = {} if len(set(weights.values())) == 1 else {"p": list(weights.values())}
    return Call("v2.RandomChoice", (list(calls.values()),), named)


def _maybe(call: Call, p: float) -> Call:
    return call if p == 1 else Call("v2.RandomApply", ([call],), {"p": p})


def _plain(name: str, *renamed: tuple[str, str]) -> Callable[[Spec, float], Call]:
    """A transform of the same arguments under other names, which takes no probability."""

    def form(spec: Spec, p: float) -> Call:
        _only(spec, *(ours for ours, _ in renamed))
        return _maybe(Call(name, (), {theirs: spec[ours] for ours, theirs in renamed}), p)

    return form


def _flip(name: str) -> Callable[[Spec, float], Call]:
    return lambda spec, p: Call(name, (), {"p": p})


def _mirrored(call: Call, p: float) -> Call:
    return _maybe(Call("Mirrored", (call,)), p)


def _rotate(spec: Spec, p: float) -> Call:
    _only(spec, "limit", "border_mode")
    return _mirrored(Call("v2.RandomRotation", (), {"degrees": spec["limit"], **_SMOOTH}), p)


def _affine(spec: Spec, p: float) -> Call:
    """Shifts are symmetric there, and a share of the mirrored picture, which is twice as large."""
    _only(spec, "translate_percent", "scale", "keep_ratio", "border_mode")
    moved = spec.get("translate_percent", {"x": [0, 0], "y": [0, 0]})
    most = [round(max(map(abs, moved[axis])) / 2, 6) for axis in ("x", "y")]
    named: dict[str, Any] = {"degrees": 0, "translate": most}
    if "scale" in spec:
        named["scale"] = spec["scale"]
    return _mirrored(Call("v2.RandomAffine", (), {**named, **_SMOOTH}), p)


def _perspective(spec: Spec, p: float) -> Call:
    """Corners move there by uniform draws up to half of the scale, here by normal draws.

    Equal means: scale / 4 = sqrt(2 / pi) * standard deviation, taken at the largest one.
    """
    _only(spec, "scale", "border_mode")
    scale = min(1.0, round(4 * math.sqrt(2 / math.pi) * max(spec["scale"]), 4))
    return _mirrored(Call("v2.RandomPerspective", (), {"distortion_scale": scale, "p": 1.0}), p)


def _elastic(spec: Spec, p: float) -> Call:
    """A displacement of alpha / size in coordinates from -1 to 1, so half as many pixels."""
    _only(spec, "alpha", "sigma", "noise_distribution", "border_mode")
    if spec.get("noise_distribution") != "uniform":
        raise _NoFormError("ElasticTransform with normal noise")
    named = {"alpha": 2.0 * spec["alpha"], "sigma": float(spec["sigma"])}
    return _mirrored(Call("v2.ElasticTransform", (), named), p)


def _blur(spec: Spec, p: float) -> Call:
    _only(spec, "blur_limit", "sigma_limit")
    kernel = 2 * max(1, math.ceil(3.5 * spec["sigma_limit"][1])) + 1
    return _maybe(
        Call("v2.GaussianBlur", (), {"kernel_size": kernel, "sigma": spec["sigma_limit"]}), p
    )


def _noise(spec: Spec, p: float) -> Call:
    _only(spec, "std_range", "per_channel")
    return _maybe(_choice("v2.GaussianNoise", [{"sigma": s} for s in steps(*spec["std_range"])]), p)


def _sharpen(spec: Spec, p: float) -> Call:
    """The same up to rounding: factor = 1 + 13 alpha, see the operations of timm."""
    _only(spec, "alpha", "lightness")
    if list(spec["lightness"]) != [1.0, 1.0]:
        raise _NoFormError("Sharpen that changes the lightness")
    named = [
        {"sharpness_factor": round(1 + 13 * alpha, 4), "p": 1.0} for alpha in steps(*spec["alpha"])
    ]
    return _maybe(_choice("v2.RandomAdjustSharpness", named), p)


def _dropout(spec: Spec, p: float) -> Call:
    _only(spec, "num_holes_range", "hole_height_range", "hole_width_range", "fill")
    if list(spec["num_holes_range"]) != [1, 1] or not isinstance(spec["fill"], int):
        raise _NoFormError("CoarseDropout of several holes, or of changing colours")
    low, high = (round(side**2, 6) for side in spec["hole_height_range"])
    named = {"p": p, "scale": [low, high], "ratio": [0.5, 2.0], "value": spec["fill"]}
    return Call("v2.RandomErasing", (), named)


def _choice(name: str, named: list[dict[str, Any]]) -> Call:
    calls = [Call(name, (), each) for each in named]
    return calls[0] if len(calls) == 1 else Call("v2.RandomChoice", (calls,))


def _only(spec: Spec, *known: str) -> None:
    """An argument without a counterpart would be lost without a word."""
    lost = [key for key in spec if key not in (CLASS, "p", *known)]
    if lost:
        raise _NoFormError(f"{spec[CLASS]} with {', '.join(lost)}")


_SMOOTH = {"interpolation": Call("v2.InterpolationMode", ("bilinear",))}
_JITTER = ("brightness", "contrast", "saturation", "hue")
_FORMS: Mapping[str, Callable[[Spec, float], Call]] = {
    "HorizontalFlip": _flip("v2.RandomHorizontalFlip"),
    "VerticalFlip": _flip("v2.RandomVerticalFlip"),
    "Rotate": _rotate,
    "Affine": _affine,
    "Perspective": _perspective,
    "RandomResizedCrop": _plain(
        "v2.RandomResizedCrop", ("size", "size"), ("scale", "scale"), ("ratio", "ratio")
    ),
    "ElasticTransform": _elastic,
    "ColorJitter": _plain("v2.ColorJitter", *((name, name) for name in _JITTER)),
    "ToGray": _flip("v2.RandomGrayscale"),
    "GaussianBlur": _blur,
    "GaussNoise": _noise,
    "Sharpen": _sharpen,
    "CoarseDropout": _dropout,
    "InvertImg": _flip("v2.RandomInvert"),
    "Equalize": lambda spec, p: Call("v2.RandomEqualize", (), {"p": p}),
    "AutoContrast": lambda spec, p: Call("v2.RandomAutocontrast", (), {"p": p}),
}
