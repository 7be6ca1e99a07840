"""timm's single operations as steps: what each does at which level, in albumentations' words."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from curate.recipe.policy import FOREIGN, LeftOut, Step
from curate.recipe.specs import CLASS, REFLECT, Spec, between, spec

_Range = tuple[float, float]
_STILL = [1.0, 1.0]
_SMOOTH = 6 / 13
"""Variance along one side of PIL's smoothing kernel (1 1 1; 1 5 1; 1 1 1) / 13."""


def step(name: str, probability: float, low: float, high: float, text: str) -> Step | LeftOut:
    """One operation of timm as a step, or why it is none.

    Args:
        name: in timm's table of operations.
        probability: that it is done to an image.
        low: the lowest level; timm's levels are 0 to 10, more with `mmax`.
        high: the highest level.
        text: timm's name of the whole policy, for the reason.
    """
    levels = f"level {low:.3g}" if low == high else f"levels {low:.3g} to {high:.3g}"
    reason = f"{name} at {levels} of timm's {text}"
    if name == "SolarizeAdd":
        return LeftOut(
            f"timm:{name}",
            "adds to the dark values only, which albumentations has no transform for",
        )
    if name == "Rotate":
        return Step("rotate", probability, (_short(3 * low), _short(3 * high)), reason=reason)
    if name == "Desaturate" and low == high and low >= 10:
        return Step("grey", probability, reason=reason)
    asked = _operations()[name](low, high)
    params = {key: value for key, value in asked.items() if key not in (CLASS, "p")}
    return Step(FOREIGN + asked[CLASS], probability, params=params, reason=reason)


def operations() -> tuple[str, ...]:
    """The operations that can be expressed."""
    return ("Rotate", *_operations())


def _operations() -> Mapping[str, Callable[[float, float], Spec]]:
    return {
        "AutoContrast": lambda low, high: spec("AutoContrast", method="pil"),
        "Equalize": lambda low, high: spec("Equalize", mode="pil"),
        "Invert": lambda low, high: spec("InvertImg"),
        "Posterize": lambda low, high: _posterize(int(low * 0.4), int(high * 0.4)),
        "PosterizeIncreasing": lambda low, high: _posterize(
            4 - int(high * 0.4), 4 - int(low * 0.4)
        ),
        "PosterizeOriginal": lambda low, high: _posterize(4 + int(low * 0.4), 4 + int(high * 0.4)),
        "Solarize": lambda low, high: _solarize(int(low * 25.6), int(high * 25.6)),
        "SolarizeIncreasing": lambda low, high: _solarize(
            256 - int(high * 25.6), 256 - int(low * 25.6)
        ),
        "Color": lambda low, high: _jitter("saturation", _factor(low, high)),
        "ColorIncreasing": lambda low, high: _either("saturation", low, high),
        "Contrast": lambda low, high: _jitter("contrast", _factor(low, high)),
        "ContrastIncreasing": lambda low, high: _either("contrast", low, high),
        "Brightness": lambda low, high: _jitter("brightness", _factor(low, high)),
        "BrightnessIncreasing": lambda low, high: _either("brightness", low, high),
        "Sharpness": _sharpness,
        "SharpnessIncreasing": _sharpness_either,
        "ShearX": lambda low, high: _sheared("x", low, high),
        "ShearY": lambda low, high: _sheared("y", low, high),
        "TranslateXRel": lambda low, high: _moved("x", low, high),
        "TranslateYRel": lambda low, high: _moved("y", low, high),
        "Desaturate": lambda low, high: _jitter(
            "saturation", (0.5 - min(high, 10) / 20, 0.5 - min(low, 10) / 20)
        ),
        "GaussianBlur": lambda low, high: _blurred(
            0.1 + 0.19 * min(low, 10), 0.1 + 0.19 * min(high, 10)
        ),
        "GaussianBlurRand": lambda low, high: _blurred(0.1, 0.2 * min(high, 10)),
    }


def _short(value: float) -> float:
    return round(value, 6)


def _one_of(variants: list[Spec]) -> Spec:
    return spec("OneOf", transforms=variants)


def _posterize(fewest: int, most: int) -> Spec:
    # timm keeps 0 to 8 bits: none is a black picture and 8 the same one; albumentations has 1 to 7.
    return spec("Posterize", num_bits=[_bits(fewest), _bits(most)])


def _bits(bits: int) -> int:
    return max(1, min(7, bits))


def _solarize(low: int, high: int) -> Spec:
    if low > 255:
        return spec("NoOp")
    # Between two values, so that rounding the share does not move one across the threshold.
    ends = [min(1.0, max(0.0, (end - 0.5) / 255)) for end in (low, high)]
    return spec("Solarize", threshold_range=between(*ends))


def _factor(low: float, high: float) -> _Range:
    return 0.1 + 0.18 * low, 0.1 + 0.18 * high


def _away(low: float, high: float) -> tuple[_Range, _Range]:
    """Factors below 1 and above it, as far from it as the levels say; not under 0.1."""
    less = (max(0.1, 1 - 0.09 * high), max(0.1, 1 - 0.09 * low))
    return less, (1 + 0.09 * low, 1 + 0.09 * high)


def _jitter(what: str, factors: _Range) -> Spec:
    still: dict[str, Any] = {
        "brightness": _STILL, "contrast": _STILL, "saturation": _STILL, "hue": [0.0, 0.0],
    }  # fmt: skip
    return spec("ColorJitter", **{**still, what: between(*factors)})


def _either(what: str, low: float, high: float) -> Spec:
    return _one_of([_jitter(what, factors) for factors in _away(low, high)])


def _sharpness(low: float, high: float) -> Spec:
    """A factor from 0.1 to 1.9: the part of the levels below 1 softens, the rest sharpens."""
    start, end = _factor(low, high)
    if end <= 1:
        return _softened((start, end))
    if start >= 1:
        return _sharpened((start, end))
    return _one_of(
        [
            {**_softened((start, 1.0)), "p": _short((1 - start) / (end - start))},
            {**_sharpened((1.0, end)), "p": _short((end - 1) / (end - start))},
        ]
    )


def _sharpness_either(low: float, high: float) -> Spec:
    less, more = _away(low, high)
    return _one_of([_softened(less), _sharpened(more)])


def _sharpened(factors: _Range) -> Spec:
    """PIL adds (factor - 1) (x - smooth) = (factor - 1) 8/13 (x - the mean of the 8 around it).

    albumentations' kernel adds alpha * 8 (x - that mean), so alpha = (factor - 1) / 13.
    """
    alphas = between(*(min(1.0, max(0.0, (factor - 1) / 13)) for factor in factors))
    return spec("Sharpen", alpha=alphas, lightness=[1.0, 1.0])


def _softened(factors: _Range) -> Spec:
    """A Gaussian of the same variance as PIL's mixture of picture and smoothed picture."""
    sigmas = between(*(max(0.01, math.sqrt(_SMOOTH * (1 - factor))) for factor in factors))
    return spec("GaussianBlur", blur_limit=0, sigma_limit=sigmas)


def _sheared(axis: str, low: float, high: float) -> Spec:
    """About the centre, where timm shears about the upper left corner and so shifts as well."""
    ends = [math.degrees(math.atan(0.03 * level)) for level in (low, high)]
    return _one_of(
        [
            spec("Affine", shear=_along(axis, [sign * end for end in ends]), border_mode=REFLECT)
            for sign in (1, -1)
        ]
    )


def _moved(axis: str, low: float, high: float) -> Spec:
    ends = [0.045 * low, 0.045 * high]
    return _one_of(
        [
            spec(
                "Affine",
                translate_percent=_along(axis, [sign * end for end in ends]),
                border_mode=REFLECT,
            )
            for sign in (1, -1)
        ]
    )


def _along(axis: str, ends: list[float]) -> dict[str, list[float]]:
    return {name: between(*ends) if name == axis else [0.0, 0.0] for name in ("x", "y")}


def _blurred(low: float, high: float) -> Spec:
    return spec("GaussianBlur", blur_limit=0, sigma_limit=between(low, high))
