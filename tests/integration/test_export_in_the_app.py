"""``curate export --format fiftyone``: the stages of an export as views of the run's dataset."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from curate.cli import cli
from curate.cli import run as run_cli
from made_export import run_of


def invoke(*arguments: object):
    return CliRunner(catch_exceptions=False).invoke(cli, [str(a) for a in arguments])


@pytest.fixture
def made(tmp_path, published):
    """A run whose dataset the end of the test deletes."""
    from curate.store.files import write_json

    run = run_of(tmp_path / "run", tmp_path / "images")
    samples = run.table("samples")
    run.write_array("projection", samples[["difficulty", "margin"]].to_numpy("f4"),
                    samples["sample_id"])  # fmt: skip
    write_json(run.path / "metrics.json", {"splits": {"train": {"top_confusions": []}}})
    run.save(detectors={})
    return run, published(run)


def test_each_stage_and_list_is_a_view_and_a_new_export_replaces_them(made, tmp_path):
    run, dataset = made
    result = invoke("export", run.path, "--to", tmp_path / "one", "--format", "fiftyone")
    assert result.exit_code == 0, result.output
    assert "in the App: export: stage 1, export: stage 2" in result.output
    dataset.reload()
    stages = {n: dataset.load_saved_view(f"export: stage {n}") for n in (1, 2, 3)}
    counts = json.loads((tmp_path / "one" / "curriculum.json").read_text())["counts"]
    assert len(stages[1]) == counts["train_easy"]
    assert len(stages[2]) == counts["train_easy"] + counts["train_medium"]
    assert len(stages[3]) == len(dataset.load_saved_view("export: train")) == counts["train"]
    assert stages[3].values("curate_id") != stages[1].values("curate_id")
    assert dataset.load_saved_view("export: review").values("curate_id") == [f"{6:016x}"]
    own = [name for name in dataset.list_saved_views() if not name.startswith("export: ")]
    dataset.save_view("mine", dataset.limit(2))
    invoke("export", run.path, "--to", tmp_path / "two", "--format", "fiftyone",
           "--preset", "none")  # fmt: skip
    dataset.reload()
    names = set(dataset.list_saved_views())
    assert "export: stage 1" in names
    assert "export: stage 2" not in names
    assert {*own, "mine"} <= names
    assert len(dataset.load_saved_view("export: stage 1")) == counts["train"]
    assert not (tmp_path / "one" / "fiftyone").exists()


def test_a_publish_leaves_the_views_of_the_export(made, tmp_path):
    from curate.app.publish import publish

    run, dataset = made
    invoke("export", run.path, "--to", tmp_path / "out", "--format", "fiftyone")
    tiers = run.table("samples")
    tiers.loc[1, "hardness"] = 0.9
    run.write_table("samples", tiers)
    publish(run)
    dataset.reload()
    assert "export: stage 1" in dataset.list_saved_views()
    assert len(dataset.load_saved_view("export: stage 1"))


def test_the_command_checks_an_export_and_compares_two(made, tmp_path):
    run, _ = made
    out, victim = tmp_path / "out", tmp_path / "images" / "val" / "3" / "00.png"
    result = invoke("export", run.path, "--to", out, "--format", "imagefolder", "--link", "copy")
    assert result.exit_code == 0, result.output
    result = invoke("export", "--check", out)
    assert result.exit_code == 0
    assert "24 images are as they were" in result.output
    assert json.loads(invoke("export", "--check", out, "--json").stdout)["images"] == 24
    assert invoke("diff", out, out).output == "the two exports are the same\n"
    whole = victim.read_bytes()
    victim.unlink()
    assert run_cli(cli, ["export", "--check", str(out)]) == 2
    victim.write_bytes(whole)
    invoke("export", run.path, "--to", tmp_path / "b", "--preset", "none", "--no-policy")
    text = invoke("diff", out, tmp_path / "b").output
    assert "schedule: preset easy-to-hard -> none" in text
    assert json.loads(invoke("diff", out, tmp_path / "b", "--json").stdout)["same"] is False


@pytest.mark.parametrize(
    "arguments",
    [
        ["export"],
        ["export", "RUN"],
        ["export", "RUN", "--check", "DIR"],
        ["export", "RUN", "--to", "OUT", "--format", "imagefoldr"],
        ["export", "RUN", "--to", "OUT", "--link", "reflink"],
        ["export", "RUN", "--to", "OUT", "--policy", "p.json", "--no-policy"],
        ["export", "RUN", "--to", "OUT", "--curriculum", "c.json", "--epochs", "3"],
        ["export", "RUN", "--to", "OUT", "--curriculum", "nowhere.json"],
        ["export", "RUN", "--to", "OUT", "--submission", "nowhere.csv"],
        ["export", "RUN", "--to", "OUT", "--folds", "1"],
        ["diff", "OUT", "OUT"],
    ],
)
def test_wrong_words_end_with_2_and_write_nothing(database, tmp_path, arguments):
    run = run_of(tmp_path / "run", tmp_path / "images")
    places = {"RUN": run.path, "DIR": tmp_path / "dir", "OUT": tmp_path / "out"}
    before = {path.name for path in tmp_path.iterdir()}
    assert run_cli(cli, [str(places.get(one, one)) for one in arguments]) == 2
    assert {path.name for path in tmp_path.iterdir()} == before
