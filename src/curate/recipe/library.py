"""The one place where albumentations is imported, and where its classes are checked and made."""

from __future__ import annotations

import inspect
import os
import random
import warnings
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.errors import PolicyError, listed
from curate.recipe.naming import near
from curate.recipe.specs import CLASS, Spec

Pixels = NDArray[np.uint8]

_CONTAINERS = ("Compose", "OneOf", "SomeOf", "OneOrOther", "RandomOrder", "Sequential")
_TRAINERS_OWN = {
    "Normalize": "normalising",
    "ToFloat": "making floats",
    "FromFloat": "making integers",
    "ToTensorV2": "making tensors",
    "ToTensor3D": "making tensors",
}
_WITH_ADVICE = (
    "ShiftScaleRotate", "PiecewiseAffine", "TimeReverse", "TimeMasking", "FrequencyMasking",
)  # fmt: skip
"""Classes that warn at each making that another class does the same or is faster."""


def library() -> Any:
    """Import albumentations, without the request to pypi.org that its import makes otherwise.

    It asks for its newest version unless this variable is set before the import, which takes about
    four seconds.
    """
    os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"
    import albumentations

    return albumentations


def make(specs: Sequence[Spec], channels: int) -> Any:
    """An `albumentations.Compose` of checked specs, for pictures of so many channels.

    Raises:
        PolicyError: as `check`.
    """
    A = library()
    if channels == 1:
        specs = [_colourless(spec) for spec in specs]
    return A.Compose([check(spec) for spec in specs])


def apply(pipeline: Any, pixels: Pixels, seed: int) -> Any:
    """Send one picture through a pipeline, all of whose transforms draw from one stream.

    The stream starts at `seed`. Not `Compose.set_random_seed`: that gives each transform a stream
    of its own with the same seed, so that all of them draw the same numbers, and two flips of the
    same probability are always done together or not at all.

    Raises:
        PolicyError: a transform cannot do this picture.
    """
    pipeline.set_random_state(np.random.default_rng(seed), random.Random(seed))
    try:
        # A copy: what no transform touches comes back as it went in.
        return pipeline(image=np.array(pixels, order="C"))["image"]
    except Exception as error:  # theirs have no common class, such as CropSizeError
        raise PolicyError(
            f"Expected a policy that can be applied to a picture of {pixels.shape}, found: "
            f"{type(error).__name__}: {_line(error):.300}, in {_line(pipeline):.500}"
        ) from error


def check(spec: Mapping[str, Any], where: str = "") -> Any:
    """Make one transform, refusing what albumentations would only warn of.

    Args:
        spec: class and arguments, as `A.to_dict` writes them.
        where: what to call it in a message, such as ``step 2 of stage 1 of policy.json``.

    Raises:
        PolicyError: the class is unknown or belongs to the trainer, or an argument is unknown or
            of a wrong value. Near matches are named.
    """
    place = f" in {where}" if where else ""
    if not isinstance(spec, Mapping) or not isinstance(spec.get(CLASS), str):
        raise PolicyError(f"Expected a transform with its {CLASS!r}{place}, found {spec!r:.200}")
    name = short_name(spec[CLASS])
    found = _class(name, place)
    given = {key: value for key, value in spec.items() if key != CLASS}
    _check_arguments(name, given, place)
    if name in _CONTAINERS:
        children = given.get("transforms")
        if not isinstance(children, list) or not children:
            raise PolicyError(
                f"Expected a list of transforms in {name!r}{place}, found {children!r}"
            )
        given["transforms"] = [check(child, f"{name}{place}") for child in children]
    try:
        return _made(found, name, given)
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise PolicyError(
            f"Expected values that {name!r}{place} takes, found {_shown(given)}: "
            f"{_line(error):.300}"
        ) from error


def short_name(name: str) -> str:
    """A class of albumentations without its module, which older files name; any other as it is."""
    return name.rpartition(".")[2] if name.startswith("albumentations.") else name


@cache
def classes() -> Mapping[str, type[Any]]:
    """Every transform and container that a file of albumentations may name, by name."""
    A = library()
    from albumentations.core import serialization

    serialization.register_additional_transforms()
    return {
        name: found
        for name, found in serialization.SERIALIZABLE_REGISTRY.items()
        if name in _CONTAINERS
        or (issubclass(found, A.BasicTransform) and "Base" not in name and "." not in name)
    }


def _made(found: type[Any], name: str, given: Mapping[str, Any]) -> Any:
    # Strict: a value that cannot be checked would else be replaced by the default, with a warning.
    strict = {"strict": True} if "InitSchema" in vars(found) else {}
    if name not in _WITH_ADVICE:
        return found(**given, **strict)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return found(**given, **strict)


def _class(name: str, place: str) -> type[Any]:
    if name in _TRAINERS_OWN:
        raise PolicyError(
            f"Expected transforms from picture to picture{place}, found {name!r}. "
            f"Take it out: {_TRAINERS_OWN[name]} is the trainer's work, after the policy's."
        )
    known = classes()
    if name not in known:
        raise PolicyError(
            f"Expected a transform of albumentations{place}, found {name!r}{near(name, known)}"
        )
    return known[name]


def _check_arguments(name: str, given: Mapping[str, Any], place: str) -> None:
    # `strict` is a switch of the check that is made here.
    names = [key for key in inspect.signature(classes()[name]).parameters if key != "strict"]
    unknown = [key for key in given if key not in names]
    if unknown:
        raise PolicyError(
            f"Expected arguments of {name!r}{place} among {', '.join(sorted(names))}, "
            f"found {listed(unknown)}{near(str(unknown[0]), names)}"
        )
    p = given.get("p", 1.0 if name in ("Compose", "Sequential") else None)
    if isinstance(p, bool) or not isinstance(p, int | float) or not 0 <= p <= 1:
        raise PolicyError(f"Expected 'p' of {name!r}{place} from 0 to 1, found {p!r}")


def _colourless(spec: Spec) -> Spec:
    """The same for pictures of one channel: making them grey does nothing, and does not warn of it.

    What does nothing draws as many random numbers, so all other transforms stay as they were.
    """
    if isinstance(spec.get("transforms"), list):
        return {**spec, "transforms": [_colourless(child) for child in spec["transforms"]]}
    return {CLASS: "NoOp", "p": spec.get("p")} if spec[CLASS] == "ToGray" else spec


def _shown(given: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={value!r}" for key, value in given.items() if key != "transforms")


def _line(value: object) -> str:
    return " ".join(str(value).split())
