"""How images are prepared for a model that is not timm's, in timm's terms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from curate.errors import ModelError
from curate.progress import log

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

DEFAULTS: Mapping[str, Any] = {
    "input_size": (3, 224, 224),
    "interpolation": "bicubic",
    "mean": IMAGENET_MEAN,
    "std": IMAGENET_STD,
    "crop_pct": 0.875,
    "crop_mode": "center",
}
"""What timm takes for a model that says nothing; nearly every classifier is trained so."""

INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "box", "hamming", "lanczos")
CROP_MODES = ("center", "squash", "border")


def data_config(
    given: Mapping[str, Any] | None, where: str, img_size: int | None = None
) -> dict[str, Any]:
    """A whole data config from what a model says of its preprocessing.

    Args:
        given: any of the keys of `DEFAULTS`; others are passed over. None or nothing for ImageNet's
            defaults, which the log then says.
        where: the model, for messages.
        img_size: height and width, before what `given` says.

    Raises:
        ModelError: a value is none that timm could use, or the images are not square.
    """
    known = {key: value for key, value in (given or {}).items() if key in DEFAULTS}
    config = {**DEFAULTS, **{key: value for key, value in known.items() if value is not None}}
    if img_size is not None:
        config["input_size"] = (_channels(config, where), img_size, img_size)
    for key in ("mean", "std"):
        if key not in known and _channels(config, where) == 1:
            config[key] = (round(sum(DEFAULTS[key]) / 3, 3),)
    _check(config, where)
    for key in ("input_size", "mean", "std"):
        config[key] = tuple(config[key])
    if "mean" not in known:
        log.info(
            "%s says nothing of its preprocessing: ImageNet's mean and std, at %d x %d",
            where, *config["input_size"][1:],
        )  # fmt: skip
    return config


def _channels(config: dict[str, Any], where: str) -> int:
    size = config["input_size"]
    if not isinstance(size, list | tuple) or len(size) != 3 or size[0] not in (1, 3):
        raise ModelError(
            f"Expected input_size (3, height, width) or (1, height, width) in the data config of "
            f"{where}, found {size!r}. Correct it."
        )
    return int(size[0])


def _check(config: dict[str, Any], where: str) -> None:
    channels = _channels(config, where)
    height, width = config["input_size"][1:]
    if not isinstance(height, int) or height != width or height < 1:
        raise ModelError(
            f"Expected square images in the data config of {where}, since they are turned by 90 "
            f"degrees too, found input_size {tuple(config['input_size'])!r}. Give --img-size."
        )
    for key in ("mean", "std"):
        value = config[key]
        numbers = isinstance(value, list | tuple) and all(isinstance(v, int | float) for v in value)
        if not numbers or len(value) != channels or (key == "std" and min(value) <= 0):
            raise ModelError(
                f"Expected {channels} numbers{' above 0' if key == 'std' else ''} as {key} in the "
                f"data config of {where}, found {value!r}. Correct it."
            )
    for key, allowed in (("interpolation", INTERPOLATIONS), ("crop_mode", CROP_MODES)):
        if config[key] not in allowed:
            raise ModelError(
                f"Expected {key} in the data config of {where} to be one of {', '.join(allowed)}, "
                f"found {config[key]!r}. Correct it."
            )
    share = config["crop_pct"]
    if not isinstance(share, int | float) or not 0 < share <= 2:
        raise ModelError(
            f"Expected crop_pct between 0 and 2 in the data config of {where}, found {share!r}. "
            "Correct it."
        )
