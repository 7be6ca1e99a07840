"""`curate audit`: a sample is drawn, a person tags it in the database, and the shares come out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from curate.app.database import load_fiftyone
from curate.app.names import dataset_name
from curate.cli import cli
from curate.cli import run as run_cli
from curate.store.run import Run
from shapes import write_shapes


def invoke(*arguments: object) -> Result:
    return CliRunner(catch_exceptions=False).invoke(cli, [str(a) for a in arguments])


@pytest.fixture(scope="module")
def analysed(database: str, tmp_path_factory: pytest.TempPathFactory) -> Run:
    home = tmp_path_factory.mktemp("audit")
    data = write_shapes(home / "data", {"train": 25, "val": 6, "test": 6})
    chosen = ("--detectors", "hard, outlier")
    result = invoke("analyze", data, "--run", home / "run", "--model", "hog", "--no-app", *chosen)
    assert result.exit_code == 0, result.output
    return Run(home / "run")


def test_only_the_chosen_detectors_ran(analysed: Run) -> None:
    assert set(analysed.table("findings")["kind"]) == {"hard", "outlier"}
    assert not [name for name in analysed.info["arrays"] if "view_" in name]


def test_an_unknown_kind_ends_before_anything_is_written(
    analysed: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = analysed.info["data"]
    arguments = ["analyze", data, "--run", str(tmp_path / "run"), "--detectors", "hrad"]
    assert run_cli(cli, [*arguments, "--model", "hog", "--no-app"]) == 2
    assert "Expected --detectors among" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_tags_become_precision_and_recall(analysed: Run) -> None:
    first = invoke("audit", analysed.path, "--kind", "outlier", "-n", 40, "--no-app")
    assert "outlier: 0 of" in first.output
    assert "precision  not known yet" in first.output
    assert "outlier:yes or outlier:no" in first.output
    run = Run(analysed.path)
    drawn = run.table("audits")
    fo = load_fiftyone()
    dataset = fo.load_dataset(dataset_name(run))
    view = dataset.load_saved_view("audit: outlier")
    assert view.values("curate_id") == drawn["sample_id"].tolist()
    # Every flagged image is right, and so is one image in three of those nearest to them.
    near = drawn[drawn["part"] == "near"]["sample_id"].tolist()
    right = set(drawn[drawn["part"] == "flagged"]["sample_id"]) | set(near[::3])
    for sample in view:
        sample.tags.append("outlier:yes" if sample["curate_id"] in right else "outlier:no")
        sample.save()
    result = invoke("audit", analysed.path, "--kind", "outlier", "--no-app", "--json")
    found = json.loads(result.stdout)
    assert found["judged"] == found["drawn"] == len(drawn)
    sizes = drawn.groupby("part")["size"].first()
    n_flagged = int(sizes.get("flagged", 0))
    if n_flagged:
        assert found["precision"]["value"] == 1.0
    missed = sizes["near"] * len(near[::3]) / len(near)
    assert found["recall"]["value"] == pytest.approx(n_flagged / (n_flagged + missed))
    assert Run(analysed.path).info["audits"]["outlier"] == found


def test_judgements_outlive_the_database_and_the_next_draw_is_another(analysed: Run) -> None:
    fo = load_fiftyone()
    fo.delete_dataset(dataset_name(Run(analysed.path)))
    again = invoke("audit", analysed.path, "--kind", "outlier", "--no-app", "--json")
    assert json.loads(again.stdout)["judged"] > 0
    before = Run(analysed.path).table("audits")["sample_id"].tolist()
    fresh = invoke("audit", analysed.path, "--kind", "outlier", "--no-app", "--json", "--again")
    assert json.loads(fresh.stdout)["judged"] == 0
    assert Run(analysed.path).table("audits")["sample_id"].tolist() != before


def test_what_cannot_be_audited_is_said(analysed: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(cli, ["audit", str(analysed.path), "--kind", "orientation", "--no-app"]) == 2
    assert "one of hard, outlier, found 'orientation'" in capsys.readouterr().err
