"""Files of albumentations, YAML or JSON: written for its own `A.load`, and read strictly.

A file is one stage. `A.load` reads the key `transform` and passes over all others but
`__version__`; ours, `curate`, holds what albumentations has no place for: the seed (`A.to_dict`
loses that of a `Compose`), the classes, and the steps in our own words with reason and evidence.
Whoever edits `transform` is right: a step is taken from `curate` only if `transform` still says the
same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import yaml  # type: ignore[import-untyped]  # ships no types

from curate.errors import PolicyError, listed
from curate.recipe import library, policy_file
from curate.recipe.applying import step_spec
from curate.recipe.naming import near, printable
from curate.recipe.policy import FOREIGN, Policy, Step
from curate.recipe.specs import CLASS, Spec

_TOP = ("__version__", "transform", "curate")
_OURS = ("stage", "not_in_this_file", "policy")
_NOT_FOR_CLASSES = ("bbox_params", "keypoint_params", "additional_targets")
_ON_OFF = ("horizontal_flip", "vertical_flip", "half_turn", "grey")


def to_document(policy: Policy, stage: int) -> dict[str, Any]:
    """One stage as a document that `A.from_dict` takes.

    Steps that exclude a class, and those of the trainer, are not in `transform`: one list for all
    images cannot hold them. They are in `curate` under `not_in_this_file`.
    """
    held = policy.for_every_class(stage)
    rest = [step for step in policy.stage(stage) if step not in held]
    return {
        "__version__": version("albumentations"),
        "transform": {
            CLASS: "Compose",
            "transforms": [step_spec(step, policy.image_size) for step in held],
            "p": 1.0,
        },
        "curate": {
            "stage": stage,
            "not_in_this_file": [policy_file.step_to_json(step) for step in rest],
            "policy": policy_file.to_json(
                replace(policy, stages=(held,), left_out=(), withdrawn=())
            ),
        },
    }


def to_yaml(policy: Policy, stage: int) -> str:
    """The same as text, with a heading that says how to load it."""
    rest = [step for step in policy.stage(stage) if step not in policy.for_every_class(stage)]
    height, width = policy.image_size
    heading = [
        f"Stage {stage} of an augmentation policy, for images of {height} x {width} pixels.",
        'Load: pipeline = albumentations.load(path, data_format="yaml")',
        "For the same images each time, before each image:",
        "pipeline.set_random_state(numpy.random.default_rng(seed), random.Random(seed))",
        "set_random_seed and Compose(seed=...) give all transforms the same numbers: two flips of",
        "the same probability are then always done together or not at all.",
    ]
    for step in rest:
        where = (
            f"not for {', '.join(step.excluded_classes)}" if not step.batch else "by the trainer"
        )
        heading.append(f"Not in this file: {step.transform} ({where}); curate.load_policy has it.")
    comments = "".join(f"# {printable(line)}\n" for line in heading)
    # Lists of plain values on one line; no anchors, which are hard to edit.
    body: str = yaml.dump(
        to_document(policy, stage),
        Dumper=_plain_dumper(),
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=None,
        width=100,
    )
    return comments + body


def _plain_dumper() -> Any:
    class Plain(yaml.SafeDumper):  # type: ignore[misc]  # yaml ships no types
        def ignore_aliases(self, data: Any) -> bool:
            return True

    def text(dumper: Any, value: str) -> Any:
        # Without quotes yaml writes some line breaks as they are, and reads them as spaces.
        style = None if value.isprintable() else '"'
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Plain.add_representer(str, text)
    return Plain


def from_document(document: Mapping[str, Any], source: str) -> Policy:
    """A policy of one stage.

    Args:
        document: with the key `transform`.
        source: the file's name, for messages.

    Raises:
        PolicyError: an unknown key, class or argument; or what is not for classifying images.
    """
    unknown = [key for key in document if key not in _TOP]
    if unknown:
        raise PolicyError(
            f"Expected in {source} only {', '.join(_TOP)}, found {listed(unknown)}"
            f"{near(str(unknown[0]), _TOP)}"
        )
    try:
        specs, seed = _transforms(document["transform"], source)
    except PolicyError as error:
        raise PolicyError(f"{error}{_other_version(document)}") from error
    ours = _ours(document.get("curate"), source)
    known = _known(ours)
    steps = tuple(_step(item, known) for item in specs)
    if ours is None:
        return Policy((steps,), seed=seed, made_by={"file": source})
    return replace(ours, stages=(steps,), seed=seed or ours.seed)


def _transforms(top: Any, source: str) -> tuple[list[Spec], int]:
    """The transforms of the outermost `Compose`, checked, and its seed."""
    if not isinstance(top, dict) or top.get(CLASS) != "Compose":
        library.check(top, source)
        return [top], 0
    for key in _NOT_FOR_CLASSES:
        if top.get(key):
            raise PolicyError(
                f"Expected a policy for whole images in {source}, found {key!r}. Take it out: "
                "classifying has no boxes, key points or second targets."
            )
    seed = top.get("seed")
    if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int) or seed < 0):
        raise PolicyError(f"Expected a 'seed' from 0 in {source}, found {seed!r}")
    if top.get("transforms") == []:
        return [], seed or 0
    library.check(top, source)
    specs: list[Spec] = top["transforms"]
    if top.get("p", 1.0) != 1:
        return [{CLASS: "Sequential", "transforms": specs, "p": top["p"]}], seed or 0
    return specs, seed or 0


def _ours(value: Any, source: str) -> Policy | None:
    if value is None:
        return None
    if not isinstance(value, dict) or set(value) - set(_OURS) or "policy" not in value:
        raise PolicyError(
            f"Expected {', '.join(_OURS)} under 'curate' of {source}, found {value!r:.120}"
        )
    return policy_file.from_json(value["policy"], f"'curate' of {source}")


def _known(ours: Policy | None) -> list[tuple[Spec, Step]]:
    """Steps in our words beside what albumentations is told of each."""
    if ours is None:
        return []
    return [(step_spec(step, ours.image_size), step) for step in ours.stage(0)]


def _step(item: Spec, known: list[tuple[Spec, Step]]) -> Step:
    for place, (written, step) in enumerate(known):
        if written == item:
            known.pop(place)
            return step
    for name in _ON_OFF:
        plain = Step(name, item["p"])
        if step_spec(plain, (8, 8)) == item:
            return plain
    params = {key: value for key, value in item.items() if key not in (CLASS, "p")}
    return Step(FOREIGN + library.short_name(item[CLASS]), item["p"], params=params)


def _other_version(document: Mapping[str, Any]) -> str:
    written, installed = document.get("__version__"), version("albumentations")
    if written in (None, installed):
        return ""
    return f" (The file was written by albumentations {written}; {installed} is installed.)"
