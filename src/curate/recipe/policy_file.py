"""`policy.json`, strictly: what is unknown in it is refused by name and place."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from curate.errors import PolicyError, listed
from curate.recipe.naming import near
from curate.recipe.policy import FORMAT, SCHEMA_VERSION, LeftOut, Policy, Step, Withdrawn
from curate.recipe.specs import CLASS, Spec
from curate.recipe.transforms import TRANSFORMS

_TOP = (
    "format", "schema_version", "strength", "seed", "classes", "image_size", "made_by", "stages",
    "left_out", "withdrawn",
)  # fmt: skip
_STAGE = ("stage", "steps")
_STEP = (
    "transform", "probability", "magnitude", "excluded_classes", "reason", "evidence", "params",
)  # fmt: skip
_LEFT_OUT = ("transform", "why", "evidence")
_WITHDRAWN = ("transform", "why", "steps", "evidence")
_WAS = ("stage", "step")

PLAIN_VERSION = 1
"""Of a policy of which nothing was withdrawn: an older curate reads it too."""


def to_json(policy: Policy) -> dict[str, Any]:
    """The document, keys in the order in which a person reads them."""
    document = {
        "format": FORMAT,
        "schema_version": SCHEMA_VERSION if policy.withdrawn else PLAIN_VERSION,
        "strength": policy.strength,
        "seed": policy.seed,
        "classes": list(policy.classes),
        "image_size": list(policy.image_size),
        "made_by": dict(policy.made_by),
        "stages": [
            {"stage": number, "steps": [step_to_json(step) for step in steps]}
            for number, steps in enumerate(policy.stages)
        ],
        "left_out": [
            {"transform": left.transform, "why": left.why, "evidence": dict(left.evidence)}
            for left in policy.left_out
        ],
    }
    if policy.withdrawn:
        document["withdrawn"] = [_withdrawn_to_json(one) for one in policy.withdrawn]
    return document


def _withdrawn_to_json(gone: Withdrawn) -> dict[str, Any]:
    return {
        "transform": gone.transform,
        "why": gone.why,
        "steps": [{"stage": stage, "step": step_to_json(step)} for stage, step in gone.steps],
        "evidence": dict(gone.evidence),
    }


def step_to_json(step: Step) -> dict[str, Any]:
    """One step, without what is empty."""
    found: dict[str, Any] = {"transform": step.transform, "probability": step.probability}
    if step.foreign is None:
        found["magnitude"] = list(step.magnitude)
    if step.excluded_classes:
        found["excluded_classes"] = list(step.excluded_classes)
    if step.reason:
        found["reason"] = step.reason
    if step.evidence:
        found["evidence"] = dict(step.evidence)
    if step.params:
        found["params"] = dict(step.params)
    return found


def read(path: Path) -> Policy:
    """Read a file; see `curate.recipe.policy.read_policy`."""
    return from_json(parse(text_of(path), path.name), path.name)


def text_of(path: Path) -> str:
    """The text of a policy file.

    Raises:
        PolicyError: it is not there, or is no text.
    """
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise PolicyError(f"Expected a policy file at {path}, found: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise PolicyError(f"Expected text (UTF-8) in {path}, found other bytes") from error


def parse(text: str, source: str) -> Any:
    """JSON without repeated keys and without NaN.

    Raises:
        PolicyError: it is something else.
    """

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in pairs]
        twice = sorted({key for key in keys if keys.count(key) > 1})
        if twice:
            raise PolicyError(f"Expected each key once in {source}, found {listed(twice)} twice")
        return dict(pairs)

    def never(constant: str) -> NoReturn:
        raise PolicyError(f"Expected finite numbers in {source}, found {constant}")

    try:
        return json.loads(text, object_pairs_hook=once, parse_constant=never)
    except json.JSONDecodeError as error:
        raise PolicyError(
            f"Expected JSON in {source}, found at line {error.lineno}, column {error.colno}: "
            f"{error.msg}"
        ) from error


def from_json(document: Any, source: str) -> Policy:
    """Make a policy of a parsed document.

    Args:
        document: what `parse` returned.
        source: the file's name, for messages.

    Raises:
        PolicyError: see `curate.recipe.policy.read_policy`.
    """
    top = _mapping(document, source)
    if top.get("format") != FORMAT:
        raise PolicyError(
            f"Expected a policy ('format': {FORMAT!r}) in {source}, found {top.get('format')!r}"
        )
    version = top.get("schema_version")
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise PolicyError(f"Expected a 'schema_version' of 1 in {source}, found {version!r}")
    if version > SCHEMA_VERSION:
        raise PolicyError(
            f"Expected 'schema_version' up to {SCHEMA_VERSION} in {source}, found {version}, which "
            "a newer curate wrote. Install that one."
        )
    _only(top, _TOP, source)
    _needs(top, ("stages",), source)
    stages = _list(top["stages"], f"'stages' of {source}")
    size = _list(top.get("image_size", [224, 224]), f"'image_size' of {source}")
    if len(size) != 2 or not all(isinstance(n, int) and not isinstance(n, bool) for n in size):
        raise PolicyError(f"Expected 'image_size' of {source} as height and width, found {size!r}")
    left_out = _list(top.get("left_out", []), f"'left_out' of {source}")
    steps = tuple(_stage(stage, number, source) for number, stage in enumerate(stages))
    gone = _list(top.get("withdrawn", []), f"'withdrawn' of {source}")
    withdrawn = tuple(_withdrawn(item, f"'withdrawn' of {source}") for item in gone)
    with located(source):
        return Policy(
            stages=steps,
            classes=_texts(top.get("classes", []), f"'classes' of {source}"),
            seed=top.get("seed", 0),
            left_out=tuple(_left_out(item, f"'left_out' of {source}") for item in left_out),
            made_by=_mapping(top.get("made_by", {}), f"'made_by' of {source}"),
            strength=_text(top.get("strength", ""), f"'strength' of {source}"),
            image_size=(size[0], size[1]),
            withdrawn=withdrawn,
        )


@contextmanager
def located(where: str) -> Iterator[None]:
    """Say in what place of which file it was that something impossible was found."""
    try:
        yield
    except PolicyError as error:
        raise PolicyError(f"{where}: {error}" if where not in str(error) else str(error)) from error


def _stage(value: Any, number: int, source: str) -> tuple[Step, ...]:
    where = f"stage {number} of {source}"
    stage = _mapping(value, where)
    _only(stage, _STAGE, where)
    _needs(stage, ("steps",), where)
    if stage.get("stage", number) != number:
        raise PolicyError(
            f"Expected the stages of {source} in order, counted from 0, found stage "
            f"{stage['stage']!r} in place {number}"
        )
    steps = _list(stage["steps"], f"'steps' of {where}")
    return tuple(_step(step, f"step {i} of {where}") for i, step in enumerate(steps))


def _step(value: Any, where: str) -> Step:
    step = _mapping(value, where)
    _only(step, _STEP, where)
    _needs(step, ("transform", "probability"), where)
    name = _text(step["transform"], f"'transform' of {where}")
    known = TRANSFORMS.get(name)
    if known is not None and known.unit:
        _needs(step, ("magnitude",), where)
    magnitude = _list(step.get("magnitude", [1, 1]), f"'magnitude' of {where}")
    if len(magnitude) != 2:
        raise PolicyError(f"Expected two numbers as 'magnitude' of {where}, found {magnitude!r}")
    with located(where):
        made = Step(
            transform=name,
            probability=step["probability"],
            magnitude=(magnitude[0], magnitude[1]),
            excluded_classes=_texts(step.get("excluded_classes", []), where),
            reason=_text(step.get("reason", ""), f"'reason' of {where}"),
            evidence=_mapping(step.get("evidence", {}), f"'evidence' of {where}"),
            params=_mapping(step.get("params", {}), f"'params' of {where}"),
        )
    if made.foreign is not None:
        # Imported here: a policy in our own names is read without waiting for albumentations.
        from curate.recipe import library

        library.check(foreign_spec(made), where)
    return made


def foreign_spec(step: Step) -> Spec:
    """A step of albumentations as its own files would write it."""
    return {CLASS: step.foreign, **step.params, "p": step.probability}


def _left_out(value: Any, where: str) -> LeftOut:
    left = _mapping(value, where)
    _only(left, _LEFT_OUT, where)
    _needs(left, ("transform", "why"), where)
    return LeftOut(
        _text(left["transform"], f"'transform' in {where}"),
        _text(left["why"], f"'why' in {where}"),
        _mapping(left.get("evidence", {}), f"'evidence' in {where}"),
    )


def _withdrawn(value: Any, where: str) -> Withdrawn:
    gone = _mapping(value, where)
    _only(gone, _WITHDRAWN, where)
    _needs(gone, ("transform", "why"), where)
    was = []
    for item in _list(gone.get("steps", []), f"'steps' in {where}"):
        one = _mapping(item, f"each of 'steps' in {where}")
        _only(one, _WAS, where)
        _needs(one, _WAS, where)
        stage = one["stage"]
        if isinstance(stage, bool) or not isinstance(stage, int) or stage < 0:
            raise PolicyError(f"Expected the number of a stage in {where}, found {stage!r}")
        was.append((stage, _step(one["step"], f"a step in {where}")))
    return Withdrawn(
        _text(gone["transform"], f"'transform' in {where}"),
        _text(gone["why"], f"'why' in {where}"),
        tuple(was),
        _mapping(gone.get("evidence", {}), f"'evidence' in {where}"),
    )


def _only(value: Mapping[str, Any], keys: Sequence[str], where: str) -> None:
    unknown = [key for key in value if key not in keys]
    if unknown:
        raise PolicyError(
            f"Expected in {where} only {', '.join(keys)}, found {listed(unknown)}"
            f"{near(unknown[0], keys)}"
        )


def _needs(value: Mapping[str, Any], keys: Sequence[str], where: str) -> None:
    missing = [key for key in keys if key not in value]
    if missing:
        raise PolicyError(f"Expected {listed(missing)} in {where}, found {listed(value)}")


def _mapping(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise PolicyError(f"Expected keys and values as {where}, found {value!r:.80}")
    return value


def _list(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise PolicyError(f"Expected a list as {where}, found {value!r:.80}")
    return value


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise PolicyError(f"Expected a text as {where}, found {value!r:.80}")
    return value


def _texts(value: Any, where: str) -> tuple[str, ...]:
    return tuple(_text(item, f"each of {where}") for item in _list(value, where))
