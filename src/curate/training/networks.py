"""The network that is trained: a timm model with its weights, head, image size and frozen parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import timm
import timm.data
import torch
from timm.models import group_parameters

from curate.errors import ModelError, TrainingError
from curate.inference.heads import classifier_names, has_mlp_head, is_of_head, put_mlp_head
from curate.inference.timm_models import (
    WAYS_OUT,
    be_quick_when_offline,
    check_known,
    checked_names,
    load_timm,
    ready,
)
from curate.inference.weights import load_state, misfits, read_checkpoint
from curate.training.options import BACKBONE, NONE, Options

OWN_WAYS_OUT = (
    "Ways out: --weights FILE (a backbone state dict), --checkpoint FILE (a trained classifier of "
    "the same classes), or --no-pretrained (random weights)."
)


@dataclass(frozen=True)
class Network:
    """A model to train.

    Attributes:
        model: timm's, with as many outputs as there are classes.
        config: timm's data config: size, crop, mean and standard deviation of its images.
    """

    model: torch.nn.Module
    config: dict[str, Any]


def make_network(options: Options, classes: Sequence[str]) -> Network:
    """Make the model that the options ask for; layers without weights are random.

    Raises:
        ModelError: an unknown model, no way to its weights, weights of another model or of other
            classes, or an image size that it cannot take.
        TrainingError: there are no such blocks to train, or the checkpoint has another head.
    """
    check_known(options.model, "the name of a timm model to train")
    loaded = _from_checkpoint(options, classes) if options.checkpoint else _fresh(options, classes)
    freeze(loaded.model, options.freeze)
    return loaded


def _fresh(options: Options, classes: Sequence[str]) -> Network:
    """A backbone of the hub, a file or random numbers, with a random head."""
    config: dict[str, Any]
    if options.weights is None and not options.pretrained:
        model = timm.create_model(options.model, pretrained=False, num_classes=len(classes))
        config = timm.data.resolve_model_data_config(model)
        config = ready(options.model, model, config, "", None, options.img_size).config
    else:
        weights = None
        if options.weights is None:
            be_quick_when_offline()
        else:
            weights = Path(options.weights).expanduser()
        try:
            loaded = load_timm(options.model, weights, None, (), options.img_size)
        except ModelError as error:
            raise ModelError(str(error).replace(WAYS_OUT, OWN_WAYS_OUT)) from error
        model, config = loaded.network.model, loaded.config
        model.reset_classifier(len(classes))
    if options.head == "mlp":
        put_mlp_head(model)
    return Network(model, config)


def _from_checkpoint(options: Options, classes: Sequence[str]) -> Network:
    """A trained classifier, its outputs in the order of our classes."""
    path = Path(str(options.checkpoint)).expanduser()
    found = read_checkpoint(path)
    names = checked_names(found, path, tuple(classes))
    model = timm.create_model(options.model, pretrained=False, num_classes=len(names))
    head = "mlp" if has_mlp_head(model, found.state_for(model.state_dict())) else "linear"
    if head != options.head:
        raise TrainingError(
            f"Expected a checkpoint with --head {options.head}, found one with --head {head} in "
            f"{path}. Give --head {head}; or take its backbone alone: --weights."
        )
    if head == "mlp":
        put_mlp_head(model)
    own = model.state_dict()
    size = options.img_size
    if size and hasattr(model, "set_input_size") and misfits(own, found.state_for(own))[1]:
        model.set_input_size((size, size))  # it may have been trained at this size
    load_state(model, found, options.model, path)
    config = timm.data.resolve_model_data_config(model)
    config = ready(options.model, model, config, found.digest, names, size).config
    _reorder(model, names, classes)
    return Network(model, config)


def freeze(model: Any, what: str) -> None:
    """Say which parameters are trained: see `Options.freeze`.

    What a block is, timm says: the groups of ``model.group_matcher()``, which it decays learning
    rates by. The head is always trained.

    Raises:
        TrainingError: the model has not so many blocks, or does not say which they are.
    """
    if what == NONE:
        return
    heads = classifier_names(model)
    trained = {name for name, _ in model.named_parameters() if is_of_head(name, heads)}
    if what != BACKBONE:
        if not hasattr(model, "group_matcher"):
            raise TrainingError(
                f"Expected a model that names its blocks for --freeze {what}, found one that does "
                f"not. Give --freeze {NONE} or {BACKBONE}."
            )
        groups = group_parameters(model, model.group_matcher(coarse=False))
        last = max(groups)
        if int(what) > last:
            raise TrainingError(
                f"Expected --freeze of at most {last}, as many blocks as the model has, found "
                f"{what}. Give fewer, or --freeze {NONE} to train all of it."
            )
        # The last group is what follows the blocks: norm and head.
        for number in range(last - int(what), last + 1):
            trained.update(groups[number])
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name in trained)


def counted(model: torch.nn.Module) -> str:
    """How many parameters are trained, of how many, in words."""
    parameters = list(model.parameters())
    trained = sum(one.numel() for one in parameters if one.requires_grad)
    return f"{trained:,} of {sum(one.numel() for one in parameters):,} parameters"


def train_mode(model: torch.nn.Module) -> None:
    """Set to training, but for what is frozen: its statistics stay and nothing in it is dropped."""
    model.train()
    for part in model.modules():
        parameters = list(part.parameters())
        if parameters and not any(one.requires_grad for one in parameters):
            part.eval()


def _reorder(model: Any, theirs: Sequence[str], ours: Sequence[str]) -> None:
    """Give the outputs of a trained classifier the order of our classes."""
    order = [list(theirs).index(name) for name in ours]
    if order == list(range(len(order))):
        return
    for head in classifier_names(model):
        layers = [one for one in model.get_submodule(head).modules() if hasattr(one, "weight")]
        with torch.no_grad():
            for values in layers[-1].parameters():
                values.copy_(values[order])
