"""The plugin's operators, run from Python without an App, on a small published run."""

from __future__ import annotations

import pandas as pd
import pytest
from small_run import sample

from curate.app.database import connect
from curate.app.plugin import install
from curate.store.run import Run


@pytest.fixture
def act(run, published):
    """Runs an operator on the images with these ids; answers (result, error, dataset)."""
    flagged = {"label_error": 1, "orientation": 2, "hard": 1}
    run.save(
        status="complete",
        seed=0,
        settings={"model": "hog", "source": {"data": "/nowhere"}},
        detectors={kind: {"flagged": count} for kind, count in flagged.items()},
        stages={"embed": {"key": "k"}},
    )
    dataset = published(run)
    install()
    import fiftyone.operators as foo

    def go(name, *ids, view=None, **params):
        selected = [sample(dataset, one).id for one in ids]
        context = {"dataset": dataset, "selected": selected, "params": params}
        if view is not None:
            context["view"] = view
        done = foo.execute_operator(f"@curate/curate/{name}", ctx=context)
        dataset.reload()
        return done.result

    return go


def with_tiers(run):
    """Give the run the table of tiers that its samples imply."""
    train = run.table("samples").query("split == 'train'")
    tiers = train[["sample_id", "tier", "difficulty"]].assign(weight=1.0, reason="made")
    run.write_table("tiers", tiers)


def decided(run):
    table = Run(run.path).table("decisions")
    return [tuple(row) for row in table[["sample_id", "action", "value"]].itertuples(index=False)]


def test_each_mark_says_how_many_images_it_changed(act, run):
    assert act("mark_hard", "s000", "s001")["said"] == "2 images marked hard"
    assert act("mark_hard", "s001", "s002")["said"] == "1 image marked hard; 1 image unchanged"
    assert act("mark_easy", "s000")["said"] == "1 image marked easy"
    assert act("mark_ok", "s001")["said"] == "1 image said to be ok"
    assert act("mark_exclude", "s003")["said"] == "1 image excluded"
    assert decided(run) == [
        ("s000", "easy", ""), ("s001", "ok", ""), ("s002", "hard", ""), ("s003", "exclude", ""),
    ]  # fmt: skip
    assert act("undo")["said"] == "taken back on 1 image: exclude"
    assert act("forget", "s000", "s001")["images"] == 2
    assert decided(run) == [("s002", "hard", "")]


def test_a_whole_view_and_many_images_take_a_question(act, run, published):
    assert act("mark_hard") == {"images": 0, "asked": 24}
    assert decided(run) == []
    assert act("mark_hard", sure=True)["images"] == 24
    assert len(decided(run)) == 24


def test_labels_are_accepted_set_and_refused(act, run, published):
    assert act("accept_label", "s006", "s007")["said"] == (
        "1 image relabelled as suggested; 1 image unchanged"
    )
    assert act("set_label", "s000", label="owl")["images"] == 1
    with pytest.raises(Exception, match="Path: label"):
        act("set_label", "s001")
    with pytest.raises(Exception, match=r"Path: label\. Reason: Invalid enum value"):
        act("set_label", "s001", label="bird")
    assert decided(run) == [("s000", "relabel", "owl"), ("s006", "relabel", "dog")]
    assert sample(published(run), "s000").ground_truth.label == "owl"


def test_turns_are_noted(act, run):
    findings = run.table("findings")
    rows = (findings["kind"] == "orientation") & (findings["sample_id"] == "s004")
    findings.loc[rows, "suggestion"] = "rot90"
    run.write_table("findings", findings)
    assert act("turn_upright", "s004", "s005")["images"] == 1
    assert act("turn_upright", "s005", turn="vflip")["images"] == 1
    assert decided(run) == [("s004", "turn", "rot90"), ("s005", "turn", "vflip")]


def test_a_finding_is_accepted_and_rejected_where_it_is_flagged(act, run):
    view = connect().load_dataset(run.info["dataset"]).match({"orientation_flagged": True})
    assert act("reject_finding", view=view, kind="orientation")["asked"] == 2
    assert act("reject_finding", view=view, kind="orientation", sure=True)["images"] == 2
    assert act("accept_finding", "s012", "s013", kind="hard")["images"] == 1
    with pytest.raises(Exception, match=r"Path: kind\. Reason: Invalid enum value"):
        act("accept_finding", "s012", kind="split_shift")
    assert decided(run) == [("s000", "ok", ""), ("s004", "ok", ""), ("s012", "hard", "")]


def test_tiers_are_recomputed_and_shown(act, run, published):
    with_tiers(run)
    act("mark_easy", "s002")
    act("mark_exclude", "s004")
    done = act("retier")
    assert done["images"] == 2
    assert done["said"].startswith("2 images moved; train tiers now: easy 5, medium 3, hard 3")
    dataset = published(Run(run.path))
    assert sample(dataset, "s002").tier == "easy"
    assert sample(dataset, "s004").tier is None


def test_an_export_is_written_where_it_is_asked(act, run, tmp_path):
    with_tiers(run)
    act("mark_exclude", "s000")
    with pytest.raises(Exception, match="Expected a whole path, found 'here'"):
        act("export", to="here")
    done = act("export", to=str(tmp_path / "splits"))
    assert done["said"].endswith("1 decisions carried out")
    assert len(pd.read_csv(tmp_path / "splits" / "train.csv")) == 11
    with pytest.raises(Exception, match="--overwrite"):
        act("export", to=str(tmp_path / "splits"))


def test_similar_images_are_shown_nearest_first(act, run):
    ids = run.table("samples")["sample_id"]
    points = [[1.0, i] for i in range(len(ids))]
    run.write_array("embeddings", pd.DataFrame(points).to_numpy("f4"), ids)
    assert act("find_similar", "s000")["images"] == 24
    with pytest.raises(Exception, match="Expected an image to look around"):
        act("find_similar")


def test_the_report_is_written_once_and_again_after_a_decision(act, run):
    run.save(detectors={}, stages={})
    first = act("open_report")
    report = run.path / "report.html"
    assert first["path"] == str(report) and "report.html" in first["link"]
    written = report.stat().st_mtime_ns
    act("open_report")
    assert report.stat().st_mtime_ns == written
    act("mark_hard", run.table("samples")["sample_id"].iloc[0])
    act("open_report")
    assert report.stat().st_mtime_ns > written
