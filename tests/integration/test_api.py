"""The Python API, used as a notebook does."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest
import requests

import curate
from curate.errors import DetectorError, RunError
from curate.pipeline.report import is_report
from curate.progress import silent
from curate.store.files import write_json
from shapes import SHAPES, write_shapes

STRANGE = "<b>disc&"
"""A class name that must not become markup."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> curate.Run:
    root = tmp_path_factory.mktemp("shapes")
    data = write_shapes(root / "data", {"train": 12, "val": 5})
    for split in ("train", "val"):
        (data / split / SHAPES[0]).rename(data / split / STRANGE)
        # In the folder of another class: something to find.
        (data / split / "square" / "000.png").rename(data / split / "stripes" / "square.png")
    return curate.analyze(data, root / "run", model="hog", progress=silent)


def test_a_run_is_opened_by_its_path_and_tells_what_it_holds(run: curate.Run) -> None:
    again = curate.Run(run.path)
    assert repr(again) == repr(run)
    assert repr(run).startswith(f"Run('{run.path}'): 51 images, 3 classes, ")
    assert "51 images = 51 samples + 0 problems, 3 classes, model hog" in str(run)


def test_samples_are_a_table(run: curate.Run) -> None:
    samples = run.samples
    assert isinstance(samples, pd.DataFrame)
    assert samples.groupby("split").size().to_dict() == {"train": 36, "val": 15}
    assert {"filepath", "label", "pred_label", "confidence", "tier"} <= set(samples.columns)


def test_findings_come_with_their_images_and_the_worst_first(run: curate.Run) -> None:
    every = run.findings("label_error", flagged=False)
    assert len(every) == 51
    assert every["rank"].is_monotonic_increasing
    samples = run.samples.set_index("sample_id")
    for row in every.head(3).itertuples():
        assert samples.loc[row.sample_id, "filepath"] == row.filepath
        assert samples.loc[row.sample_id, "label"] == row.label
    flagged = run.findings()
    assert flagged["flagged"].all()
    counts = {kind: one["flagged"] for kind, one in run.info["detectors"].items()}
    assert flagged.groupby("kind").size().to_dict() == {k: n for k, n in counts.items() if n}
    assert len(run.findings("label_error")) == counts["label_error"]


def test_a_kind_that_is_not_there_is_told_with_those_that_are(run: curate.Run) -> None:
    with pytest.raises(DetectorError, match=r"found 'upside'.* for: 'confusable', .*'orientation'"):
        run.findings("upside")
    skipped = curate.Run(run.path)
    skipped.info["detectors"] = {"hard": {"flagged": 0}}
    skipped.info["skipped_detectors"] = {"orientation": "needs turned copies"}
    with pytest.raises(DetectorError, match=r"'orientation', which was skipped: it needs turned"):
        skipped.findings("orientation")


def test_a_notebook_shows_a_summary_in_which_names_are_text(run: curate.Run) -> None:
    page = run._repr_html_()
    assert "51 images, 3 classes, model hog" in page
    assert page.count("<table>") == 2
    strange = curate.Run(run.path)
    strange.info["first_notes"] = [f"of {STRANGE} there is little"]
    page = strange._repr_html_()
    assert "&lt;b&gt;disc&amp;" in page
    assert "<b>disc" not in page


def test_an_unfinished_run_says_so_everywhere(run: curate.Run, tmp_path: Path) -> None:
    write_json(tmp_path / "run.json", {**run.info, "status": "running"})
    open_run = curate.Run(tmp_path)
    assert repr(open_run) == str(open_run) == f"Run('{tmp_path}'): not finished"
    assert "not finished" in open_run._repr_html_()
    for ask in (lambda: open_run.samples, open_run.findings, open_run.show):
        with pytest.raises(RunError, match="found one that was interrupted"):
            ask()


def test_policy_export_report_and_comparison_are_methods(run: curate.Run, tmp_path: Path) -> None:
    policy = run.policy(tmp_path / "policy", only=["vertical_flip"], sample=5, progress=silent)
    assert repr(policy).startswith("Held-out images")
    assert str(tmp_path / "policy") in repr(policy)
    assert policy._repr_html_().startswith("<pre>")
    assert list(policy.candidates) == ["vertical_flip"]
    about = run.export(tmp_path / "export", epochs=3, progress=silent)
    assert about["epochs"] == 3
    assert curate.read_curriculum(tmp_path / "export").schedule.epochs == 3
    file = run.report(tmp_path / "report.html")
    assert file == tmp_path / "report.html"
    assert is_report(file)
    copy = curate.Run(shutil.copytree(run.path, tmp_path / "copy"))
    compared = run.compare(copy)
    assert repr(compared).startswith("15 val images that all runs share")
    assert compared.report["comparisons"][0]["fixed"] == 0
    assert "<b>disc" not in compared._repr_html_()


def test_files_may_be_named_by_text(run: curate.Run, tmp_path: Path) -> None:
    probs = run.array("probs", run.samples["sample_id"])
    table = pd.DataFrame(probs, columns=run.info["classes"])
    table.insert(0, "filepath", run.samples["filepath"])
    table.to_csv(tmp_path / "own.csv", index=False)
    again = curate.analyze(
        run.info["data"], str(tmp_path / "run"), model="hog", detectors="label_conflict",
        predictions=str(tmp_path / "own.csv"), progress=silent,
    )  # fmt: skip
    assert again.info["predictions"]["covered"] == 51
    assert list(again.info["detectors"]) == ["label_conflict"]


def test_the_app_is_served_while_python_goes_on(run: curate.Run, database: str) -> None:
    shown = run.show(wait=False, progress=silent)
    assert shown is not None
    try:
        assert requests.get(shown.url, timeout=10).ok
        assert f'<iframe src="{shown.url}"' in shown._repr_html_()
        assert repr(shown).startswith(f"The App shows dataset {shown.dataset} at {shown.url}")
    finally:
        shown.close()
        shown.close()
        from curate.app.database import load_fiftyone

        load_fiftyone().delete_dataset(shown.dataset)
    assert repr(shown) == f"the App on dataset {shown.dataset}, closed"
    with pytest.raises(requests.ConnectionError):
        requests.get(shown.url, timeout=10)
