"""What decisions come to: tiers, and an analysis that goes by them."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from curate.cli import cli
from curate.errors import RunError
from curate.pipeline.analyze import analyze, reanalyze
from curate.pipeline.decided import retier
from curate.pipeline.evidence import load_evidence
from curate.pipeline.settings import Settings
from curate.store.journal import Change, Journal
from curate.store.run import Run
from shapes import write_shapes


@pytest.fixture(scope="module")
def analysed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Shapes, with five stripes among the discs of train."""
    root = tmp_path_factory.mktemp("shapes")
    write_shapes(root / "data", {"train": 20, "val": 6})
    for i in range(5):
        shutil.copy(
            root / "data" / "val" / "stripes" / f"{i:03d}.png",
            root / "data" / "train" / "disc" / f"wrong{i}.png",
        )
        (root / "data" / "val" / "stripes" / f"{i:03d}.png").unlink()
    return analyze(root / "data", root / "run", model="hog")


@pytest.fixture
def run(analysed: Run, tmp_path: Path) -> Run:
    return Run(shutil.copytree(analysed.path, tmp_path / "run"))


def wrong(run: Run) -> list[str]:
    samples = run.table("samples")
    return samples.loc[samples["filepath"].str.contains("wrong"), "sample_id"].tolist()


def flagged(run: Run, kind: str) -> set[str]:
    table = run.table("findings")
    return set(table.loc[(table["kind"] == kind) & table["flagged"], "sample_id"])


def test_tiers_follow_the_decisions_and_the_analysis_stays(run: Run) -> None:
    ids = wrong(run)
    before = run.table("samples")
    Journal(run).write(
        [*(Change(one, "relabel", "stripes") for one in ids[:3]), Change(ids[3], "exclude", "")],
        "app:plugin",
    )
    counts = retier(run)
    decided = run.table("decided").set_index("sample_id")
    assert decided["label"][ids[:4]].tolist() == ["stripes"] * 3 + ["disc"]
    assert set(decided["tier"][ids[:3]]) <= {"easy", "medium", "hard"}
    assert (decided["tier"][ids[3]], bool(decided["dropped"][ids[3]])) == ("", True)
    assert decided["tier"][ids[4]] == "review"
    assert counts["moved"] == 4
    assert counts["review"] == 1
    pd.testing.assert_frame_equal(run.table("samples"), before)


def test_again_with_decisions_the_found_are_found_no_more(run: Run) -> None:
    ids = wrong(run)
    assert flagged(run, "label_error") >= set(ids)
    Journal(run).write([Change(one, "relabel", "stripes") for one in ids[:4]], "app:plugin")
    Journal(run).write([Change(ids[4], "exclude", "")], "app:plugin")
    again = reanalyze(run)
    assert not flagged(again, "label_error") & set(ids)
    assert "embed" in again.info["cached_stages"]
    samples = again.table("samples").set_index("sample_id")
    assert samples["label"][ids].tolist() == ["disc"] * 5
    assert (samples["margin"][ids[:4]] > 0).all()
    assert pd.isna(samples["margin"][ids[4]])
    assert len(again.table("decisions")) == 5
    evidence = load_evidence(again)
    labels = dict(zip(evidence.sample_ids, evidence.labels, strict=True))
    assert [labels[one] for one in ids] == [evidence.class_names.index("stripes")] * 4 + [-1]
    # The same again is all there already, and without decisions it is as it was.
    assert "detect" in reanalyze(again).info["cached_stages"]
    plain = analyze(again.info["data"], again.path, model="hog")
    assert flagged(plain, "label_error") >= set(ids)
    assert len(plain.table("decisions")) == 5


def test_the_command_goes_by_decisions_when_told(run: Run, database: str) -> None:
    ids = wrong(run)
    Journal(run).write([Change(one, "relabel", "stripes") for one in ids], "app:plugin")
    arguments = ["analyze", run.info["data"], "--run", str(run.path), "--model", "hog"]
    done = CliRunner(catch_exceptions=False).invoke(
        cli, [*arguments, "--no-app", "--with-decisions"]
    )
    assert done.exit_code == 0, done.output
    assert not flagged(Run(run.path), "label_error") & set(ids)


def test_settings_come_back_as_they_were(tmp_path: Path) -> None:
    settings = Settings.of(
        tmp_path, model="resnet18", weights=tmp_path / "w", predictions=(tmp_path / "p",),
        detectors=("hard",), val_fraction=0.2, manifests=(tmp_path / "m.csv",), batch_size=4,
    )  # fmt: skip
    assert Settings.from_json(settings.as_json()) == settings
    with pytest.raises(RunError, match="table in memory"):
        Settings.from_json({**settings.as_json(), "source": {"given": 3}})


def test_the_operator_analyses_again_and_says_what_changed(
    run: Run, database: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="curate")
    from curate.app.plugin import install
    from curate.app.publish import publish

    ids = wrong(run)
    Journal(run).write([Change(one, "relabel", "stripes") for one in ids], "app:plugin")
    name = publish(run)
    install()
    import fiftyone as fo
    import fiftyone.operators as foo

    dataset = fo.load_dataset(name)
    foo.execute_operator("@curate/curate/reanalyze", ctx={"dataset": dataset})
    dataset.reload()
    assert not flagged(Run(run.path), "label_error") & set(ids)
    flags = dict(zip(*dataset.values(["curate_id", "label_error_flagged"]), strict=True))
    assert not any(flags[one] for one in ids)
    said = [message for message in caplog.messages if "analysed again" in message]
    assert re.search(r"flagged: .*label_error \d → 0", said[0]), said
    shutil.rmtree(run.path)
    with pytest.raises(Exception, match="Expected a run directory"):
        foo.execute_operator("@curate/curate/reanalyze", ctx={"dataset": dataset})
    fo.delete_dataset(name)
