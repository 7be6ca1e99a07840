"""A user's own `torch.nn.Module` by import path: ``--model package.module:factory``.

This runs code of the user's, and only what the user names: the module is imported (with what it
imports itself), with the working directory on the path as ``python -m`` has it, and the factory is
called without arguments.
"""

from __future__ import annotations

import hashlib
import importlib
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from curate.errors import ModelError
from curate.inference.class_lists import CLASS_KEYS, as_class_list, check_classes
from curate.inference.data_config import data_config
from curate.inference.embedder import Loaded
from curate.inference.trial import Trial, try_out
from curate.inference.weights import file_digest, load_state, read_checkpoint, state_digest
from curate.progress import log

CONFIGS = ("pretrained_cfg", "default_cfg", "data_config")
"""Attributes of a module in which its preprocessing is looked for."""

_IMPORT_PATH = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")


def is_import_path(name: str) -> bool:
    """Whether a --model is ``package.module:factory``."""
    return _IMPORT_PATH.fullmatch(name) is not None


def load_module(
    name: str,
    weights: Path | None = None,
    checkpoint: Path | None = None,
    class_names: tuple[str, ...] = (),
    img_size: int | None = None,
) -> Loaded:
    """Make the module that ``package.module:factory`` gives, and find its embeddings.

    The factory is a function, a class or a module object. The call is made with torch's seed at 0,
    so that layers without trained weights are the same every time. The embeddings are what enters
    the linear layer that the module ends in; of a module with timm's `forward_features` and
    `forward_head`, its pre-logits; of one that gives (embeddings, logits), the first; else the
    output itself. Logits need a class list: the checkpoint's, or the module's own `class_names`,
    `classes` or `class_to_idx`; without one the module is a backbone. Images are prepared as the
    attribute `pretrained_cfg`, `default_cfg` or `data_config` says in timm's terms.

    The digest is of the weights, the import path, and the files that define the factory and the
    module's class; other files of the user's are not looked at.

    Args:
        name: the import path.
        weights: a state dict, whose last linear layer may be another.
        checkpoint: a state dict, with its class list or the module's.
        class_names: the data's classes.
        img_size: height and width of the images; None takes the data config's.

    Raises:
        ModelError: the import, the call or a forward pass fails, the module gives something else,
            the weights do not fit, or the class list differs.
    """
    with _working_directory_on_path():
        model, factory = _make(name)
        config = data_config(_attribute(model, CONFIGS), name, img_size)
        _resize(model, img_size, name)
        trial = try_out(model, config["input_size"], name)
    names = _class_list(model, name)
    if checkpoint:
        saved = read_checkpoint(checkpoint)
        load_state(model, saved, name, checkpoint)
        names = saved.class_names or names
        if names is None:
            raise ModelError(
                f"Expected a class list in {checkpoint}, in {checkpoint.with_name('classes.txt')} "
                f"or as attribute class_names of {name}, found none. Give one, in the order of the "
                "logits; or use the file as a backbone: --weights."
            )
        names = check_classes(names, class_names, checkpoint, "use it as a backbone: --weights")
    elif weights:
        heads = [trial.last] if trial.last else []
        load_state(model, read_checkpoint(weights), name, weights, heads)
        names = None
    elif names is not None:
        way_out = "take the list off the module to use it as a backbone"
        names = check_classes(names, class_names, name, way_out)
    else:
        log.info("%s names no classes (attribute class_names): it is used as a backbone", name)
    _tell_embeddings(trial, names, name)
    files = {_source_file(factory), _source_file(type(model))} - {None}
    parts = [name, state_digest(model), *sorted(file_digest(file) for file in files if file)]
    digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
    return Loaded(trial.network(model, names is not None), config, digest, names)


def _make(name: str) -> tuple[Any, Any]:
    """The module in evaluation mode, and what made it."""
    import torch

    module_name, _, path = name.partition(":")
    factory: Any = _import(module_name, name)
    for part in path.split("."):
        if not hasattr(factory, part):
            near = [one for one in dir(factory) if not one.startswith("_")]
            raise ModelError(
                f"Expected {part!r} in {getattr(factory, '__name__', module_name)}, found no such "
                f"name. It has: {', '.join(near[:20]) or 'none'}."
            )
        factory = getattr(factory, part)
    model = factory
    if not isinstance(factory, torch.nn.Module):
        if not callable(factory):
            raise ModelError(
                f"Expected a function or class at {name}, found {_article(factory)}. Name what "
                "makes the module."
            )
        try:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)
                model = factory()
        except Exception as error:  # a user's function may raise anything
            raise ModelError(
                f"Expected {name}() to make a module without arguments, found "
                f"{type(error).__name__}: {error}. Correct it, or write a function that calls it."
            ) from error
    if not isinstance(model, torch.nn.Module):
        raise ModelError(
            f"Expected a torch.nn.Module from {name}(), found {_article(model)}. Return the module."
        )
    return model.eval().cpu().requires_grad_(False), factory


def _import(module_name: str, name: str) -> Any:
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        whole = module_name == error.name or module_name.startswith(f"{error.name}.")
        what = f"no module {error.name!r}" + ("" if whole else f", which {module_name} imports")
        raise ModelError(
            f"Expected to import {module_name} for --model {name}, found {what}. Run curate from "
            "the folder that holds it, or install it into this environment."
        ) from error
    except Exception as error:  # a user's module may raise anything
        raise ModelError(
            f"Expected to import {module_name} for --model {name}, found {type(error).__name__}: "
            f"{error}. Correct the module."
        ) from error


@contextmanager
def _working_directory_on_path() -> Iterator[None]:
    """What the factory imports late is found as well; afterwards the path is as it was."""
    here = str(Path.cwd())
    added = here not in sys.path
    if added:
        sys.path.insert(0, here)
    try:
        yield
    finally:
        if added and here in sys.path:
            sys.path.remove(here)


def _resize(model: Any, img_size: int | None, name: str) -> None:
    """Make a module ready for another image size, where it is a timm model that must be."""
    if img_size is None or not hasattr(model, "set_input_size"):
        return
    try:
        model.set_input_size((img_size, img_size))
    except Exception as error:  # a user's module may raise anything
        raise ModelError(
            f"Expected --img-size that {name} takes, found {img_size}: {error} Leave it out, or "
            "choose a multiple of the patch size."
        ) from error


def _attribute(model: Any, names: tuple[str, ...]) -> Mapping[str, Any] | None:
    """The first of some attributes that is a dictionary with something in it."""
    for name in names:
        value = getattr(model, name, None)
        if isinstance(value, Mapping) and value:
            return value
    return None


def _class_list(model: Any, name: str) -> tuple[str, ...] | None:
    for key in CLASS_KEYS:
        if (names := as_class_list(getattr(model, key, None), name)) is not None:
            return names
    return None


def _tell_embeddings(trial: Trial, names: tuple[str, ...] | None, name: str) -> None:
    """Say where the embeddings come from; and check the width of the logits."""
    if names is not None:
        trial.check_width(names, name)
    if trial.form == "single" and names is not None:
        log.warning(
            "%s does not end in a linear layer: its logits are its embeddings too, poor ones; "
            "let it give (embeddings, logits)", name,
        )  # fmt: skip
    elif trial.last is not None:
        log.info("the embeddings are what enters layer %r of %s", trial.last, name)


def _source_file(thing: Any) -> Path | None:
    """The file that a function or class comes from; None for one of no file."""
    module = sys.modules.get(getattr(thing, "__module__", ""), None)
    file = getattr(module, "__file__", None)
    return Path(file) if file and Path(file).is_file() else None


def _article(thing: Any) -> str:
    return f"{type(thing).__name__} {thing!r}"[:80]
