"""The steps of the loop: what a person types for each, what it does, and what it came to."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.pipeline.analyze import analyze
from curate.pipeline.export import export
from curate.pipeline.exporting.content import run_digest
from curate.pipeline.plain_text import wrapped
from curate.pipeline.policy import recommend_policy
from curate.pipeline.train import ARGS, RESULT, options_of, resume, train
from curate.progress import Progress
from curate.recipe.curriculum import ABOUT
from curate.store.run import Run
from curate.training.keeping import DYNAMICS


@dataclass(frozen=True)
class Options:
    """How the models of a loop are trained.

    Attributes:
        model: a timm name; it begins with random weights.
        img_size: pixels a side.
        looks: the model of the analysis. Not the trained one: it knows its training images by
            heart, wrong labels and all, and finds few of them.
        epochs: of the first training; the second one's schedule is as long.
        batch_size, lr: of both trainings.
        sample: images of which `curate policy` makes changed copies.
        only: transforms that it is asked about; none for all.
        seed: of both trainings.
        device: of all steps.
        workers: of both trainings; None chooses.
    """

    model: str = "test_resnet"
    img_size: int = 32
    looks: str = "hog"
    epochs: int = 9
    batch_size: int = 32
    lr: float = 0.002
    sample: int = 60
    only: tuple[str, ...] = ()
    seed: int = 0
    device: str = "auto"
    workers: int | None = None

    def training(self) -> dict[str, Any]:
        """Of a training, by name; what is left at its default is left out."""
        given = {
            "model": self.model, "pretrained": False, "img_size": self.img_size,
            "epochs": self.epochs, "batch_size": self.batch_size, "lr": self.lr,
            "seed": self.seed,
        }  # fmt: skip
        own = {} if self.workers is None else {"workers": self.workers}
        return {**given, **own, **self._where()}

    def analysis(self, baseline: Path) -> dict[str, Any]:
        """Of the analysis, likewise."""
        given = {"model": self.looks, "dynamics": baseline / DYNAMICS, "seed": self.seed}
        return {**given, **self._where()}

    def policy(self) -> dict[str, Any]:
        """Of `curate policy`, likewise."""
        asked = {"only": self.only} if self.only else {}
        return {"sample": self.sample, **asked, **self._where()}

    def _where(self) -> dict[str, Any]:
        return {} if self.device == "auto" else {"device": self.device}


@dataclass(frozen=True)
class Step:
    """One step.

    Attributes:
        name: of it, in the record.
        what: it is for, in a sentence.
        command: what a person types to do the same.
        makes: the file that is there when it is finished.
        reads: the run that it starts from; None for the images.
        clears: the folder that has to go before it is done anew; None where it replaces it itself.
        do: does it.
        tell: what it came to, read from its files.
    """

    name: str
    what: str
    command: str
    makes: Path
    reads: Path | None
    clears: Path | None
    do: Callable[[Progress], object]
    tell: Callable[[], list[str]]

    def reads_now(self) -> list[Any]:
        """What it starts from, so that it is done again where that has changed."""
        if self.reads is None:
            return []
        run = Run(self.reads)
        return [run_digest(run), run.table("decisions").to_json()]


def steps_of(data: Path, home: Path, options: Options) -> list[Step]:
    """The loop on a folder of images.

    Args:
        data: the images, with a val split and labels.
        home: the directory of the loop.
        options: of the trainings.
    """
    baseline, found, retrained = home / "baseline", home / "found", home / "retrained"
    exported, compared = home / "export", home / "comparison"
    first, second = baseline / "run", retrained / "run"
    policy = first / "policy" / "policy.json"
    training, looking = flags_of(options.training()), options.analysis(baseline)
    return [
        Step(
            "baseline",
            "Train on the images as they lie, to have something to be better than.",
            command("train", data, "--to", baseline, *training),
            baseline / RESULT, None, baseline,
            lambda progress: _train(data, baseline, options, progress),
            lambda: _trained(baseline),
        ),
        Step(
            "found",
            "Find the hard cases: by features that never saw a label, and by what the training "
            "recorded of every image.",
            command("analyze", data, "--run", found, *flags_of(looking)),
            found / "metrics.json", first, None,
            lambda progress: analyze(data, found, progress=progress, **looking),
            lambda: _found(found),
        ),
        Step(
            "policy",
            "Ask which augmentations the trained model wants; none is an answer, too.",
            command("policy", first, *flags_of(options.policy())),
            policy, first, None,
            lambda progress: recommend_policy(first, progress=progress, **options.policy()),
            lambda: _recommended(policy),
        ),
        Step(
            "export",
            "Write what to train on when: easy images first, and aside what looks mislabelled.",
            command("export", found, "--policy", policy, "--to", exported, "--epochs",
                    options.epochs),
            exported / ABOUT, found, None,
            lambda progress: export(
                found, exported, True, options.epochs, policy=policy, progress=progress
            ),
            lambda: _exported(exported / ABOUT),
        ),
        Step(
            "retrained",
            "Train the same model again, on that.",
            command("train", exported, "--to", retrained, *training),
            retrained / RESULT, found, retrained,
            lambda progress: _train(exported, retrained, options, progress),
            lambda: _trained(retrained),
        ),
        Step(
            "comparison",
            "Compare the two models on the same images.",
            command("compare", first, second, "--to", compared),
            compared / "comparison.json", second, None,
            lambda progress: _compare(first, second, compared),
            lambda: _judged(compared / "comparison.json"),
        ),
    ]  # fmt: skip


def command(*words: object) -> str:
    """A command line of curate, its paths as short as they can be said from here."""
    return shlex.join(["curate", *(_short(one) for one in words)])


def flags_of(options: Mapping[str, Any]) -> list[Any]:
    """Options by name as a command line has them."""
    words: list[Any] = []
    for name, value in options.items():
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        else:
            for one in value if isinstance(value, tuple) else (value,):
                words += [f"--{flag}", one]
    return words


def _short(word: object) -> str:
    if not isinstance(word, Path):
        return str(word)
    here = os.path.relpath(word)
    return str(word) if here.startswith(os.pardir) else here


def _train(source: Path, to: Path, options: Options, progress: Progress) -> None:
    """Train, or go on with a training of the same kind that was broken off."""
    if (to / ARGS).is_file():
        resume(to, progress)
    else:
        train(source, to, options_of(options.training()), progress=progress)


def _compare(first: Path, second: Path, to: Path) -> None:
    from curate.pipeline.compare import compare_runs
    from curate.pipeline.comparing.files import check_place, write_comparison
    from curate.pipeline.comparing.page import page_of

    runs = [Run(first), Run(second)]
    target = check_place(to, True, runs)
    compared = compare_runs(runs)
    write_comparison(compared, target, page_of(compared))


def _trained(folder: Path) -> list[str]:
    result = json.loads((folder / RESULT).read_text("utf-8"))
    lines = [
        f"{result['epochs_trained']} epochs, {result['images']:,} images looked at in training, "
        f"{result['seconds']:.1f} s"
    ]
    for split, one in result["splits"].items():
        low, high = one["accuracy_interval"]
        lines.append(
            f"{split} accuracy {one['accuracy']:.3f} [{low:.3f}, {high:.3f}] of {one['n']} images"
        )
    return lines


def _found(path: Path) -> list[str]:
    run = Run(path)
    counts = {kind: one["flagged"] for kind, one in sorted(run.info["detectors"].items())}
    told = ", ".join(f"{kind} {n}" for kind, n in counts.items() if n)
    recorded = run.info["dynamics"]["covered"]
    return [
        *wrapped(f"flagged: {told or 'nothing'}", "    "),
        f"training recorded something of {recorded:,} images",
    ]


def _recommended(path: Path) -> list[str]:
    stages = json.loads(path.read_text("utf-8"))["stages"]
    names = sorted({step["transform"] for stage in stages for step in stage["steps"]})
    return [f"recommended: {', '.join(names) or 'nothing, no transform is surely worth it'}"]


def _exported(path: Path) -> list[str]:
    about = json.loads(path.read_text("utf-8"))
    return [
        ", ".join(f"{name} {count}" for name, count in about["counts"].items()),
        f"{about['preset']}: "
        + ", ".join(
            f"epochs {one['start_epoch'] + 1} to {one['end_epoch']} {'+'.join(one['tiers'])}"
            for one in about["stages"]
        ),
    ]


def _judged(path: Path) -> list[str]:
    report = json.loads(path.read_text("utf-8"))
    (one,) = report["comparisons"]
    verdict = one["verdict"]
    said = (verdict["text"], verdict["macro_f1"], verdict["calibration"])
    lines = [f"on {report['images']} {report['split']} images:"]
    for text in said:
        lines += wrapped(text, "  ")
    return [*lines, f"fixed {one['fixed']} images, broken {one['broken']}"]
