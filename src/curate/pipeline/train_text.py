"""What `curate train` says when it is done."""

from __future__ import annotations

from typing import Any

from curate.pipeline.train import CURRICULUM, Trained
from curate.pipeline.train_run import PREDICTIONS
from curate.training.checkpoints import BEST, LAST
from curate.training.history import SLOW_LOADING
from curate.training.keeping import CURVES, DYNAMICS, EVENTS, HISTORY


def training_text(trained: Trained) -> str:
    """The outcome in plain text, each estimate with its interval.

    Args:
        trained: the finished training.
    """
    result, to = trained.result, trained.to
    lines = [_what(result)]
    for split, one in result["splits"].items():
        how = ", out of fold" if split == "train" else ""
        lines.append(
            f"{split} ({one['n']} images{how}): accuracy {_interval(one, 'accuracy')}, macro F1 "
            f"{_interval(one, 'macro_f1')}"
        )
    if not result["splits"]:
        lines.append("no labelled images of val or test: how good it is, nobody can tell")
    elif "val" in result["splits"]:
        lines.append("the best epoch was chosen on val, so that val flatters it a little")
    lines += ["", f"{to}"]
    files = [
        f"{BEST}, {LAST}: the models, with class list and preprocessing",
        f"{HISTORY}, {CURVES}.png, {CURVES}.svg, {EVENTS}: every epoch",
    ]
    if "folds" in result:
        names = [one["folder"] for one in result["folds"]]
        lines.append(f"  {names[0]} to {names[-1]}, in each of them")
        lines += [f"    {line}" for line in files]
        lines.append(f"  {PREDICTIONS}: of every image; --predictions of `curate analyze` reads it")
    else:
        lines += [f"  {line}" for line in files]
    lines.append(f"  {CURRICULUM}: what was followed")
    if result["recorded"]:
        by = "the mean of the folds that trained on each, " if "folds" in result else ""
        lines.append(
            f"  {DYNAMICS}: of {result['recorded']} images, {by}as they were trained on; "
            "--dynamics of `curate analyze` reads it"
        )
    lines += ["", f"run: {trained.run.path}", f"open it with: curate app {trained.run.path}"]
    return "\n".join(lines)


def _what(result: dict[str, Any]) -> str:
    height, width = result["img_size"]
    seconds = max(result["seconds"], 1e-9)
    speed = f"{result['images'] / seconds:,.0f} images/s"
    if (share := result["waited"] / seconds) >= SLOW_LOADING:
        speed += f" (data loading took {share:.0%} of the time)"
    what = f"{result['model']} at {height} x {width}: "
    if "folds" in result:
        n = len(result["folds"])
        return (
            f"{what}{n} folds of {result['epochs']} epochs of {result['preset']}, a "
            f"{result['vote']} vote for val and test, {speed}"
        )
    epochs = f"{result['epochs_trained']} epochs"
    if result["epochs_trained"] < result["epochs"]:
        epochs += f" of {result['epochs']}, stopped early"
    return f"{what}{epochs} of {result['preset']}, best epoch {result['best_epoch']}, {speed}"


def _interval(one: dict[str, Any], name: str) -> str:
    low, high = one[f"{name}_interval"]
    return f"{one[name]:.3f} [{low:.3f}, {high:.3f}]"
