"""The Python API: a run whose methods are the commands.

::

    run = curate.analyze("data/")
    run.findings("orientation")
    run.show()
"""

from __future__ import annotations

import builtins
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from curate.errors import DetectorError, listed
from curate.progress import Progress, bars
from curate.store import run as stored

if TYPE_CHECKING:
    from curate.app.showing import Shown
    from curate.pipeline.told import Compared, Recommended

IMAGE = ["filepath", "split", "label", "pred_label"]
"""What `Run.findings` says of each image beside the finding."""


class Run(stored.Run):
    """An analysis on disk: what it found, and what can be done with it.

    Made by `analyze`, or opened by the path of its directory: ``curate.Run("runs/pets")``. It takes
    the place of a path wherever the package asks for a run. Tables and arrays beside those named
    here are read by `table` and `array`.

    Attributes:
        path: the directory, absolute.
        info: the content of ``run.json``.
    """

    @property
    def samples(self) -> pd.DataFrame:
        """Every readable image: path, split, label, prediction, confidence, tier, and more.

        Columns are those of samples.parquet; a row's ``sample_id`` is that of `findings`. It is
        read anew each time: keep it where you need it often.

        Raises:
            RunError: the analysis is not finished.
        """
        self.check_complete()
        return self.table("samples")

    def findings(self, kind: str | None = None, *, flagged: bool = True) -> pd.DataFrame:
        """The images of a finding, the worst first.

        Args:
            kind: such as "orientation" or "label_error"; None for all kinds.
            flagged: False for every image that was looked at, flagged or not.

        Returns:
            A row an image and kind: ``kind``, ``sample_id``, ``filepath``, ``split``, ``label``,
            ``pred_label``, ``score`` (0 is worst, 1 is fine), ``flagged``, ``rank``,
            ``suggestion``, ``partner_id``, ``reason`` and ``type``.

        Raises:
            DetectorError: the run has no such kind; the message names those that it has.
            RunError: the analysis is not finished.
        """
        self.check_complete()
        if kind is not None:
            self._check_kind(kind)
        found = self.table("findings")
        if kind is not None:
            found = found[found["kind"] == kind]
        if flagged:
            found = found[found["flagged"].eq(True)]
        images = self.samples[["sample_id", *IMAGE]]
        joined = found.merge(images, on="sample_id", validate="many_to_one")
        rest = [name for name in found.columns if name not in ("kind", "sample_id")]
        ordered = joined.sort_values(["kind", "rank"], kind="stable", ignore_index=True)
        return ordered[["kind", "sample_id", *IMAGE, *rest]]

    def show(
        self, port: int | None = None, *, wait: bool | None = None, progress: Progress = bars
    ) -> Shown | None:
        """Open the App on the run, on this machine only: it has no password.

        Args:
            port: to listen on; None takes 5151, or the next free one.
            wait: serve it until Ctrl-C, or return at once; None waits in a script, which would end
                and take the App along, and returns in a notebook or an interactive Python.
            progress: for the bars of publishing.

        Returns:
            The App, which a notebook shows in its page, and whose `close` ends it; None after a
            wait.

        Raises:
            DatabaseError: no database answers.
            SessionError: nothing can listen there, or the App's server does not start.
            RunError: the analysis is not finished.
        """
        if wait is None:
            wait = not _is_interactive()
        if not wait:
            from curate.app.showing import show

            return show(self, port, progress=progress)
        from curate.app.publish import publish
        from curate.app.session import pick_port, serve

        self.check_complete()
        chosen = pick_port(port)
        publish(self, progress)
        serve(self, chosen)
        return None

    def policy(
        self, to: str | Path | None = None, *, progress: Progress = bars, **options: Any
    ) -> Recommended:
        """Recommend augmentations with their evidence: ``curate policy``.

        Args:
            to: a folder for the files; ``RUN/policy`` by default.
            progress: for the bar.
            **options: of `curate.pipeline.policy.recommend_policy`.
        """
        from curate.pipeline.policy import recommend_policy
        from curate.pipeline.told import Recommended

        made = recommend_policy(self, to, progress=progress, **options)
        return Recommended(**vars(made))

    def export(
        self, to: str | Path, *, progress: Progress = bars, **options: Any
    ) -> dict[str, Any]:
        """Write what a trainer takes: ``curate export``.

        Tags that people gave in the App since the last command that looked there are not known.

        Args:
            to: a new directory.
            progress: for the bars.
            **options: of `curate.pipeline.export.export`.

        Returns:
            The content of ``curriculum.json``.
        """
        from curate.pipeline.export import export

        return export(self, to, progress=progress, **options)

    def report(self, to: str | Path | None = None, format: str = "html", **options: Any) -> Path:
        """Write the run as one file that needs no App: ``curate report``.

        Args:
            to: the file; in the run by default.
            format: html, md or json.
            **options: of `curate.pipeline.report.write_report`.

        Returns:
            The file.
        """
        from curate.pipeline.report import write_report

        return write_report(self, to, format, **options)

    def compare(self, *others: stored.Run | str | Path, **options: Any) -> Compared:
        """Compare this run's model with others on the same images: ``curate compare``.

        Args:
            *others: one run or more; each is set beside this one.
            **options: of `curate.pipeline.compare.compare_runs`.
        """
        from curate.pipeline.compare import compare_runs
        from curate.pipeline.told import Compared

        return Compared(**vars(compare_runs([self, *others], **options)))

    def __str__(self) -> str:
        """What ``curate analyze`` prints of it."""
        if self.info.get("status") != "complete":
            return repr(self)
        from curate.pipeline.summary import summary_text

        return summary_text(self)

    def __repr__(self) -> str:
        """Where it is and how large."""
        if self.info.get("status") != "complete":
            return f"Run({str(self.path)!r}): not finished"
        images, flagged = self.info["counts"]["samples"], self._flagged()
        return (
            f"Run({str(self.path)!r}): {images:,} images, {len(self.info['classes'])} classes, "
            + (", ".join(f"{name} {n:,}" for name, n in flagged.items()) or "nothing flagged")
        )

    def _repr_html_(self) -> str:
        """A summary, in a notebook."""
        from curate.pipeline.summary_html import summary_html

        return summary_html(self)

    def _flagged(self) -> dict[str, int]:
        """Kind -> how many images it flagged, without the kinds that flagged none."""
        found = self.info["detectors"]
        return {
            kind: int(found[kind]["flagged"]) for kind in sorted(found) if found[kind]["flagged"]
        }

    def _check_kind(self, kind: str) -> None:
        known, skipped = self.info["detectors"], self.info["skipped_detectors"]
        if kind in known:
            return
        if kind in skipped:
            raise DetectorError(
                f"Expected a kind that this run was searched for, found {kind!r}, which was "
                f"skipped: it {skipped[kind]}. It was searched for: {listed(sorted(known), 99)}."
            )
        raise DetectorError(
            f"Expected a kind that this run was searched for, found {kind!r}. It was searched "
            f"for: {listed(sorted(known), 99)}."
        )


def analyze(
    data: str | Path | None = None,
    run: str | Path | None = None,
    *,
    table: pd.DataFrame | None = None,
    progress: Progress = bars,
    **options: Any,
) -> Run:
    """Find the hard cases among images: ``curate analyze`` without the App.

    The same call again takes from the run what is finished.

    Args:
        data: a folder of images, see `curate.data.layout.list_folder`; may be left out where
            `manifests` or `table` name every image.
        run: where the run is written; default ``runs/NAME`` for data called NAME.
        table: the images as a table in memory, with the columns of a manifest.
        progress: for the bars; `curate.progress.silent` for none.
        **options: the fields of `curate.data.source.Source` and of
            `curate.pipeline.settings.Settings`, such as ``model="resnet50"``.

    Returns:
        The finished run.

    Raises:
        InputError: the data, the model or the run cannot be used; nothing was written.
    """
    from curate.pipeline.analyze import analyze as analyze_data

    made = analyze_data(data, run, table=table, progress=progress, **options)
    return Run(made.path)


def _is_interactive() -> bool:
    """Whether somebody types: a notebook, IPython, or Python's own prompt."""
    return hasattr(builtins, "__IPYTHON__") or hasattr(sys, "ps1")


__all__ = ["Run", "analyze"]
