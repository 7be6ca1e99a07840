"""``curate curriculum``: drawn, explained, written, exported, and trained by."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from curate.cli import cli
from curate.cli import run as run_cli
from curate.data.catalog import scan
from curate.errors import ExportError
from curate.pipeline.analyze import analyze
from curate.pipeline.curriculum import read_plan
from curate.pipeline.evidence import graph_of
from curate.pipeline.export import export
from curate.pipeline.results import write_tiers_and_samples
from curate.pipeline.settings import Settings
from curate.pipeline.stages import label_numbers
from curate.pipeline.summary import summary, summary_text
from curate.recipe.curriculum import read_curriculum
from curate.recipe.sampling import active
from curate.store.journal import Change, Journal
from curate.store.run import Run
from shapes import write_shapes


@pytest.fixture(scope="module")
def analysed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Shapes, with two stripes among the discs of train."""
    root = tmp_path_factory.mktemp("shapes")
    write_shapes(root / "data", {"train": 20, "val": 6})
    for i in range(2):
        wrong = root / "data" / "train" / "disc" / f"wrong{i}.png"
        shutil.copy(root / "data" / "val" / "stripes" / f"{i:03d}.png", wrong)
        (root / "data" / "val" / "stripes" / f"{i:03d}.png").unlink()
    return analyze(root / "data", root / "run", model="hog")


@pytest.fixture
def run(analysed: Run, tmp_path: Path) -> Run:
    return Run(shutil.copytree(analysed.path, tmp_path / "run"))


def invoke(*arguments: Any) -> Any:
    done = CliRunner(catch_exceptions=False).invoke(cli, ["curriculum", *map(str, arguments)])
    assert done.exit_code == 0, done.output
    return done


def test_every_labelled_training_image_is_in_one_tier_with_its_reason(analysed: Run) -> None:
    samples, tiers = analysed.table("samples"), analysed.table("tiers")
    train = samples[samples["split"] == "train"]
    assert sorted(tiers["sample_id"]) == sorted(train["sample_id"])
    assert (tiers["reason"] != "").all()
    assert (tiers["weight"] >= 1).all()
    wrong = train.loc[train["filepath"].str.contains("wrong"), "sample_id"]
    assert set(tiers.loc[tiers["sample_id"].isin(wrong), "tier"]) == {"review"}
    hard = analysed.table("findings").query("kind == 'hard'").set_index("sample_id")["type"]
    late = tiers["sample_id"].map(hard).isin(["ambiguous", "boundary"])
    assert "easy" not in set(tiers.loc[late, "tier"])


def test_it_is_told_drawn_and_honest(analysed: Run) -> None:
    text = invoke(analysed.path).stdout
    for said in ("class", "disc", "easy  ", "epoch   0 ", "When Do Curricula Work?",
                 "random-pacing: a control", "write it with --to FILE"):  # fmt: skip
        assert said in text
    facts = json.loads(invoke(analysed.path, "--json", "--tiers", 5, "--epochs", 20).stdout)
    assert list(facts["tiers"]) == ["tier1", "tier2", "tier3", "tier4", "tier5", "review"]
    assert sum(facts["tiers"].values()) == 62
    assert [stage["end_epoch"] for stage in facts["stages"]] == [4, 8, 12, 16, 20]


def test_what_is_written_is_exported_and_read_by_a_trainer(run: Run, tmp_path: Path) -> None:
    plan, other = tmp_path / "plan.json", tmp_path / "control.json"
    said = invoke(
        run.path, "--preset", "sketch-winner", "--epochs", 8, "--thresholds", "0.02,0.1",
        "--balance", "inverse", "--to", plan,
    ).stdout  # fmt: skip
    assert f"written to {plan}" in said
    invoke(run.path, "--control-of", plan, "--to", other)
    assert read_plan(other).schedule.preset == "none"
    person = run.table("samples").query("split == 'train'")["sample_id"].iloc[0]
    Journal(run).write([Change(person, "hard", "")], "app:plugin")
    export(run, tmp_path / "out", plan=read_plan(plan))
    found = read_curriculum(tmp_path / "out")
    assert found.schedule == read_plan(plan).schedule
    assert found.policy is not None
    assert [len(steps) for steps in found.policy.stages] == [0, 3, 5]
    table = found.table.set_index("sample_id")
    assert table["tier"][person] == "hard"
    assert set(table["tier"]) <= {"easy", "medium", "hard"}
    assert len(active(found.table, found.schedule, 0, found.seed)) == len(table)


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (["--preset", "fast"], "Expected a preset of easy-to-hard"),
        (["--epochs", "2"], "at least 3 epochs"),
        (["--tiers", "3", "--thresholds", "0.5"], "contradict each other"),
        (["--thresholds", "0.5,x"], "expected numbers"),
        (["--thresholds", "0.5,0.1"], "each above the one before it"),
        (["--policy", "rand-augment"], "Expected"),
        (["--policy", "p.json", "--no-policy"], "contradict each other"),
        (["--control-of", "nothing.json"], "found nothing"),
        (["--control-of", "nothing.json", "--epochs", "3"], "takes all but --preset"),
        (["--to", "."], "found the folder"),
        (["--beta", "2"], "a beta from 0"),
    ],
)
def test_bad_input_ends_in_a_line_and_writes_nothing(
    analysed: Run, tmp_path: Path, capfd: Any, monkeypatch: Any, arguments: list[str], match: str
) -> None:
    monkeypatch.chdir(tmp_path)
    if "--to" not in arguments:
        arguments = [*arguments, "--to", "plan.json"]
    assert run_cli(cli, ["curriculum", str(analysed.path), *arguments]) == 2
    assert match in capfd.readouterr().err
    assert not list(tmp_path.iterdir())


def test_all_of_a_class_under_review_is_told_by_analysis_and_refused_by_the_rest(
    run: Run, tmp_path: Path, capfd: Any, caplog: Any
) -> None:
    caplog.set_level("WARNING", logger="curate")
    samples, findings = run.table("samples"), run.table("findings")
    discs = samples.loc[samples["label"] == "disc", "sample_id"]
    theirs = findings["sample_id"].isin(discs) & (findings["kind"] == "label_error")
    run.write_table("findings", findings.assign(flagged=findings["flagged"] | theirs))
    catalog = scan(Settings.of(run.info["data"]).source)
    ids = samples["sample_id"]
    labels = label_numbers(samples["label"], catalog.class_names)
    table = catalog.table.set_index("sample_id").loc[ids].reset_index()
    probs = np.asarray(run.array("probs", ids))
    write_tiers_and_samples(run, table, labels, probs, catalog, graph_of(run, ids.tolist()))
    assert "every training image of 'disc' is under review" in caplog.text
    assert summary(run)["all_under_review"] == ["disc"]
    assert "all of 'disc' is under review" in summary_text(run)
    for command in (["curriculum"], ["curriculum", "--tiers", "4"]):
        arguments = [command[0], str(run.path), *command[1:], "--to", str(tmp_path / "p.json")]
        assert run_cli(cli, arguments) == 2
        assert "found none for 'disc'" in capfd.readouterr().err
    assert not (tmp_path / "p.json").exists()
    with pytest.raises(ExportError, match="found none for 'disc'"):
        export(run, tmp_path / "out")


def test_the_lists_have_the_weights_of_rare_images(run: Run, tmp_path: Path) -> None:
    tiers = run.table("tiers")
    kept = tiers.index[tiers["tier"] == "easy"][0]
    tiers.loc[kept, "weight"] = 2.5
    run.write_table("tiers", tiers)
    export(run, tmp_path / "out")
    table = pd.read_csv(tmp_path / "out" / "train.csv").set_index("sample_id")
    assert table["weight"][tiers["sample_id"][kept]] == 2.5
    assert table["weight"].sum() == len(table) + 1.5
