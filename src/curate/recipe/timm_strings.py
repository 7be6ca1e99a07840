"""timm's short names of policies (`rand-m9-n3-mstd0.5`, `original`, ...) as a policy of steps.

timm draws a few operations for each image; here each operation becomes a step with the probability
that it is done at all, so that each can be judged by itself. What is lost: that exactly so many are
done to an image, their order, and that an operation may be drawn twice.
Source: `timm/data/auto_augment.py` of timm 1.0, whose tables are repeated here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from functools import cache

from curate.errors import PolicyError
from curate.recipe.naming import near
from curate.recipe.policy import LeftOut, Policy, Step
from curate.recipe.timm_operations import step

_PLAIN = (
    "AutoContrast", "Equalize", "Invert", "Rotate", "Posterize", "Solarize", "SolarizeAdd", "Color",
    "Contrast", "Brightness", "Sharpness", "ShearX", "ShearY", "TranslateXRel", "TranslateYRel",
)  # fmt: skip
_INCREASING = ("Posterize", "Solarize", "Color", "Contrast", "Brightness", "Sharpness")
_WEIGHTS: Mapping[str, Mapping[str, float]] = {
    "weights": {
        "Rotate": 3, "ShearX": 2, "ShearY": 2, "TranslateXRel": 1, "TranslateYRel": 1,
        "ColorIncreasing": 0.25, "SharpnessIncreasing": 0.25, "AutoContrast": 0.25,
        "SolarizeIncreasing": 0.05, "SolarizeAdd": 0.05, "ContrastIncreasing": 0.05,
        "BrightnessIncreasing": 0.05, "Equalize": 0.05, "PosterizeIncreasing": 0.05, "Invert": 0.05,
    },
    "3aw": {
        "SolarizeIncreasing": 6, "Desaturate": 6, "GaussianBlur": 6, "Rotate": 3, "ShearX": 2,
        "ShearY": 2, "PosterizeIncreasing": 1, "AutoContrast": 1, "ColorIncreasing": 1,
        "SharpnessIncreasing": 1, "ContrastIncreasing": 1, "BrightnessIncreasing": 1, "Equalize": 1,
        "Invert": 1,
    },
}  # fmt: skip
_V0 = """
Equalize .8 1 ShearY .8 4; Color .4 9 Equalize .6 3; Color .4 1 Rotate .6 8;
Solarize .8 3 Equalize .4 7; Solarize .4 2 Solarize .6 2; Color .2 0 Equalize .8 8;
Equalize .4 8 SolarizeAdd .8 3; ShearX .2 9 Rotate .6 8; Color .6 1 Equalize 1 2;
Invert .4 9 Rotate .6 0; Equalize 1 9 ShearY .6 3; Color .4 7 Equalize .6 0;
Posterize .4 6 AutoContrast .4 7; Solarize .6 8 Color .6 9; Solarize .2 4 Rotate .8 9;
Rotate 1 7 TranslateYRel .8 9; ShearX 0 0 Solarize .8 4; ShearY .8 0 Color .6 4;
Color 1 0 Rotate .6 2; Equalize .8 4 Equalize 0 8; Equalize 1 4 AutoContrast .6 2;
ShearY .4 7 SolarizeAdd .6 7; Posterize .8 2 Solarize .6 10; Solarize .6 8 Equalize .6 1;
Color .8 6 Rotate .4 5"""
_ORIGINAL = """
PosterizeOriginal .4 8 Rotate .6 9; Solarize .6 5 AutoContrast .6 5; Equalize .8 8 Equalize .6 3;
PosterizeOriginal .6 7 PosterizeOriginal .6 6; Equalize .4 7 Solarize .2 4;
Equalize .4 4 Rotate .8 8; Solarize .6 3 Equalize .6 7; PosterizeOriginal .8 5 Equalize 1 2;
Rotate .2 3 Solarize .6 8; Equalize .6 8 PosterizeOriginal .4 6; Rotate .8 8 Color .4 0;
Rotate .4 9 Equalize .6 2; Equalize 0 7 Equalize .8 8; Invert .6 4 Equalize 1 8;
Color .6 4 Contrast 1 8; Rotate .8 8 Color 1 2; Color .8 8 Solarize .8 7;
Sharpness .4 7 Invert .6 8; ShearX .6 5 Equalize 1 9; Color .4 0 Equalize .6 3;
Equalize .4 7 Solarize .2 4; Solarize .6 5 AutoContrast .6 5; Invert .6 4 Equalize 1 8;
Color .6 4 Contrast 1 8; Equalize .8 8 Equalize .6 3"""
_SUBPOLICIES = {
    "v0": _V0,
    "v0r": re.sub("Posterize ", "PosterizeIncreasing ", _V0),
    "original": _ORIGINAL,
    "originalr": re.sub("PosterizeOriginal", "PosterizeIncreasing", _ORIGINAL),
    "3a": "Solarize 1 5; Desaturate 1 10; GaussianBlurRand 1 10",
}
NAMES = ("rand", *_SUBPOLICIES)
_NOT_STEPS = {
    "augmix": "it blends several copies of an image, changed in different ways, as no list of steps"
}
_MOST_WEIGHTED = 4

SubPolicies = tuple[tuple[tuple[str, float, float], ...], ...]


def is_timm(text: str) -> bool:
    """Whether a text looks like one of timm's names, known or not."""
    return re.fullmatch(r"[a-z0-9]+(-[a-z]+[a-z0-9.]*)*", text) is not None


def read(text: str) -> Policy:
    """Read one of timm's names of policies.

    Returns:
        A policy of one stage; operations that cannot be expressed are in its `left_out`.

    Raises:
        PolicyError: the name or a section of it is unknown, or it is no list of steps (augmix).
    """
    kind, *sections = text.split("-")
    if kind in _NOT_STEPS:
        raise PolicyError(f"Expected a policy made of steps, found {text!r}: {_NOT_STEPS[kind]}")
    if kind == "rand":
        chances, levels = _rand(text, sections)
    elif kind in _SUBPOLICIES:
        chances, levels = _auto(text, kind, sections)
    else:
        raise PolicyError(
            f"Expected a policy of timm among {', '.join(NAMES)}, found {text!r}{near(kind, NAMES)}"
        )
    made = [step(name, round(p, 6), *levels[name], text) for name, p in chances.items()]
    return Policy(
        (tuple(one for one in made if isinstance(one, Step)),),
        left_out=tuple(one for one in made if isinstance(one, LeftOut)),
        made_by={"timm": text},
    )


def subpolicies(name: str) -> SubPolicies:
    """AutoAugment's pairs of (operation, probability, level), as timm has them."""
    found = []
    for line in _SUBPOLICIES[name].split(";"):
        words = line.split()
        triples = zip(words[::3], words[1::3], words[2::3], strict=True)
        found.append(tuple((op, float(p), float(level)) for op, p, level in triples))
    return tuple(found)


def choices(transforms: str, increasing: bool) -> Mapping[str, float] | Sequence[str]:
    """The operations RandAugment chooses from; with weights where it has any.

    Raises:
        KeyError: timm has no such set, and would take the default one.
    """
    if transforms == "3a":
        return ("SolarizeIncreasing", "Desaturate", "GaussianBlur")
    if transforms:
        return _WEIGHTS[transforms]
    if increasing:
        return tuple(f"{name}Increasing" if name in _INCREASING else name for name in _PLAIN)
    return _PLAIN


_Plan = tuple[Mapping[str, float], Mapping[str, tuple[float, float]]]


def _rand(text: str, sections: Sequence[str]) -> _Plan:
    given = _sections(text, sections, ("m", "n", "p", "mstd", "mmax", "inc"), "t")
    layers = int(given.get("n", 2))
    prob = given.get("p", 0.5)
    transforms = next((s[1:] for s in sections if s.startswith("t")), "")
    try:
        chosen = choices(transforms, bool(given.get("inc", 0)))
    except KeyError:
        sets = ("weights", "3a", "3aw")
        raise PolicyError(
            f"Expected a set of operations among {', '.join(sets)} in {text!r}, "
            f"found {transforms!r}{near(transforms, sets)}"
        ) from None
    if layers < 1 or not 0 <= prob <= 1:
        raise PolicyError(f"Expected n from 1 and p from 0 to 1, found {text!r}")
    levels = _levels(given.get("m", 10), given.get("mstd", 0), given.get("mmax") or 10)
    if isinstance(chosen, Mapping):
        if layers > _MOST_WEIGHTED:
            raise PolicyError(
                f"Expected n up to {_MOST_WEIGHTED} with weighted operations, found {text!r}"
            )
        total = sum(chosen.values())
        weights = tuple(value / total for value in chosen.values())
        drawn = _drawn(weights, layers)
        chances = {name: prob * drawn[i] for i, name in enumerate(chosen)}
    else:
        once = 1 - (1 - prob / len(chosen)) ** layers
        chances = dict.fromkeys(chosen, once)
    return chances, dict.fromkeys(chances, levels)


def _auto(text: str, kind: str, sections: Sequence[str]) -> _Plan:
    spread = _sections(text, sections, ("mstd",)).get("mstd", 0.0)
    pairs = subpolicies(kind)
    chances: dict[str, float] = {}
    seen: dict[str, list[float]] = {}
    for pair in pairs:
        for name in dict.fromkeys(op for op, p, _ in pair if p > 0):
            never = math.prod(1 - p for op, p, _ in pair if op == name)
            chances[name] = chances.get(name, 0) + (1 - never) / len(pairs)
            seen.setdefault(name, []).extend(
                end for op, p, m in pair if op == name and p > 0 for end in _levels(m, spread, 10)
            )
    return chances, {name: (min(ends), max(ends)) for name, ends in seen.items()}


def _levels(magnitude: float, spread: float, most: float) -> tuple[float, float]:
    """The range of levels: uniform draws from it have timm's mean and standard deviation.

    timm draws them from a normal distribution, or from 0 to the magnitude if `spread` is over 100.
    """
    low, high = magnitude, magnitude
    if spread > 100:
        low = 0.0
    elif spread > 0:
        low, high = magnitude - math.sqrt(3) * spread, magnitude + math.sqrt(3) * spread
    return max(0.0, min(low, most)), max(0.0, min(high, most))


def _sections(
    text: str, sections: Sequence[str], numbers: Sequence[str], free: str = ""
) -> dict[str, float]:
    found: dict[str, float] = {}
    for section in sections:
        if free and section.startswith(free):
            continue
        match = re.fullmatch(r"([a-z]+)(\d+(?:\.\d+)?)", section)
        if match is None or match[1] not in numbers:
            raise PolicyError(
                f"Expected sections {', '.join(f'{n}<number>' for n in numbers)} in {text!r}, "
                f"found {section!r}"
            )
        if match[1] in found:
            raise PolicyError(f"Expected {match[1]!r} once in {text!r}, found it twice")
        found[match[1]] = float(match[2])
    return found


def _drawn(weights: tuple[float, ...], count: int) -> tuple[float, ...]:
    """How probable it is that each is among `count` drawn one by one without putting back."""

    @cache
    def among(target: int, left: int, gone: frozenset[int]) -> float:
        if left == 0:
            return 0.0
        total = sum(w for i, w in enumerate(weights) if i not in gone)
        return sum(
            w / total * (1.0 if i == target else among(target, left - 1, gone | {i}))
            for i, w in enumerate(weights)
            if i not in gone
        )

    return tuple(among(i, min(count, len(weights)), frozenset()) for i in range(len(weights)))
