"""Policies in other formats: whatever names one is read, and each form that can be is written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]  # ships no types

from curate.errors import PolicyError, listed
from curate.recipe import (
    albumentations_files,
    code_form,
    library,
    policy_file,
    timm_strings,
    torchvision_form,
)
from curate.recipe.policy import Policy
from curate.store.files import write_json, write_text

_SUFFIXES = (".json", ".yaml", ".yml", ".txt")
_LONGEST_NAME = 255


def read_any(text_or_path: str | Path) -> Policy:
    """Read a policy that a person names.

    Args:
        text_or_path: a file (our `policy.json`, a YAML or JSON file of albumentations, or a text
            file with one of timm's names), one of timm's names such as `rand-m9-n3-mstd0.5`, or the
            text of one of the files.

    Raises:
        PolicyError: it is none of these, or something in it is unknown or impossible.
    """
    if isinstance(text_or_path, Path):
        return _read_file(text_or_path)
    text = text_or_path.strip()
    if "\n" not in text and not text.startswith("{"):
        path = Path(text_or_path)
        named = path.suffix in (*_SUFFIXES, ".py") or len(path.parts) > 1
        if named or (len(text) < _LONGEST_NAME and path.is_file()):
            return _read_file(path)
    return _read_text(text, "the text given")


def write_forms(policy: Policy, folder: str | Path, stem: str = "policy") -> Mapping[str, Path]:
    """Write a policy in every form that there is.

    `STEM.json` is the policy itself. `STEM.albumentations.yaml` is its last stage for `A.load`;
    where there are several, each has a file `STEM.albumentations.stageN.yaml` too. `STEM.py` and
    `STEM.torchvision.py` are code to paste, with all stages and excluded classes.

    Returns:
        The files by form: "json", "albumentations", "albumentations.stage0" ..., "python",
        "torchvision".

    Raises:
        PolicyError: a step names a class of albumentations that does not exist; nothing is written.
    """
    for number in range(len(policy.stages)):
        for step in policy.stage(number):
            if step.foreign is not None:
                library.check(policy_file.foreign_spec(step), f"stage {number}")
    folder = Path(folder)
    last = len(policy.stages) - 1
    texts = {"albumentations": (f"{stem}.albumentations.yaml", last)}
    if last > 0:
        for stage in range(last + 1):
            texts[f"albumentations.stage{stage}"] = (
                f"{stem}.albumentations.stage{stage}.yaml",
                stage,
            )
    forms = {
        form: (name, albumentations_files.to_yaml(policy, stage))
        for form, (name, stage) in texts.items()
    }
    forms["python"] = (f"{stem}.py", code_form.to_code(policy))
    forms["torchvision"] = (f"{stem}.torchvision.py", torchvision_form.to_code(policy))
    written = {"json": folder / f"{stem}.json"}
    write_json(written["json"], policy_file.to_json(policy))
    for form, (name, text) in forms.items():
        written[form] = folder / name
        write_text(written[form], text)
    return written


def _read_file(path: Path) -> Policy:
    if path.suffix == ".py":
        raise PolicyError(
            f"Expected a policy as data, found the code {path}. Give the policy.json it was made "
            "with."
        )
    return _read_text(policy_file.text_of(path), path.name, path.suffix)


def _read_text(text: str, source: str, suffix: str = "") -> Policy:
    text = text.strip()
    if not text:
        raise PolicyError(f"Expected a policy in {source}, found nothing")
    if suffix not in (".json", ".yaml", ".yml") and timm_strings.is_timm(text):
        return timm_strings.read(text)
    document = _parsed(text, source, suffix)
    if not isinstance(document, dict):
        raise PolicyError(
            f"Expected a policy in {source}: policy.json, a YAML or JSON file of albumentations, "
            f"or one of timm's names ({', '.join(timm_strings.NAMES)}), found {text!r:.80}"
        )
    if "transform" in document:
        return albumentations_files.from_document(document, source)
    if "format" in document:
        return policy_file.from_json(document, source)
    raise PolicyError(
        f"Expected the key 'format' (a policy of curate) or 'transform' (a file of albumentations) "
        f"in {source}, found {listed(document)}"
    )


def _parsed(text: str, source: str, suffix: str) -> Any:
    if suffix == ".json" or text.startswith("{"):
        return policy_file.parse(text, source)
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        said = " ".join(str(error).split())
        raise PolicyError(f"Expected YAML in {source}, found: {said:.300}") from error
