"""An export as a whole: what it holds, what it says of itself, and what it refuses."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pandas as pd
import pytest

from curate.errors import CurriculumError, ExportError, PolicyError, RunError
from curate.pipeline.export import export
from curate.recipe.curriculum import read_curriculum
from curate.remedies.formats import FORMATS
from curate.store.journal import Change, Journal
from curate.store.run import Run
from made_export import digest_of, run_of, tree

TREES = ["imagefolder", "timm", "huggingface", "webdataset", "keras", "parquet", "jsonl"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return run_of(tmp_path / "run", tmp_path / "images")


def decide(run: Run, *changes: tuple[int, str, str]) -> None:
    Journal(run).write(
        [Change(f"{i:016x}", what, value) for i, what, value in changes], "app:plugin"
    )


def read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def test_the_lists_have_their_columns_and_a_trainer_can_read_them(run, tmp_path):
    about = export(run, tmp_path / "out")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {
        "train_easy.csv", "train_medium.csv", "train_hard.csv", "train_review.csv", "train.csv",
        "val.csv", "test.csv", "classes.txt", "curriculum.json", "edits.csv", "decisions.csv",
        "images.parquet", "files.csv",
    }  # fmt: skip
    train = read(tmp_path / "out" / "train.csv")
    assert ",".join(train) == (
        "sample_id,filepath,label,target,tier,difficulty,weight,turn,group,content_digest,reason"
    )
    assert train["content_digest"].tolist() == [digest_of(path) for path in train["filepath"]]
    assert "0000000000000006" not in set(train["sample_id"])
    assert read(tmp_path / "out" / "train_review.csv")["sample_id"].tolist() == ["0000000000000006"]
    test = read(tmp_path / "out" / "test.csv")
    assert test["label"].tolist().count("") == test["target"].tolist().count("") == 1
    found = read_curriculum(tmp_path / "out")
    assert len(found.table) == len(train) == about["counts"]["train"]
    assert found.classes == ("a/b", "cat", "owl")
    assert found.schedule.epochs == 15


def test_it_says_what_it_was_made_of(run, tmp_path):
    decide(run, (0, "exclude", ""), (1, "relabel", "owl"), (1, "turn", "rot180"), (0, "hard", ""))
    about = export(run, tmp_path / "out")
    assert json.loads((tmp_path / "out" / "curriculum.json").read_text()) == about
    assert (about["format"], about["schema_version"]) == ("curate.export", 2)
    assert about["run"] == "run"
    assert len(about["run_digest"]) == len(about["images_digest"]) == 32
    assert about["decisions"] == 4
    assert about["excluded"] == {"by_people": 1, "under_review": 1}
    decisions = read(tmp_path / "out" / "decisions.csv")
    used = dict(zip(zip(decisions["sample_id"].str[-1], decisions["action"], strict=True),
                    decisions["used"], strict=True))  # fmt: skip
    assert used == {("0", "exclude"): "yes", ("0", "hard"): "no: it is excluded",
                    ("1", "relabel"): "yes", ("1", "turn"): "yes"}  # fmt: skip
    assert decisions["time"].str.startswith("20").all()
    assert set(decisions["source"]) == {"app:plugin"}
    images = pd.read_parquet(tmp_path / "out" / "images.parquet").set_index("sample_id")
    assert images.loc["0000000000000000", ["state", "by"]].tolist() == ["excluded", "person"]
    assert images.loc["0000000000000006", ["state", "by"]].tolist() == ["review", "tool"]
    assert images.loc["0000000000000001", ["source_label", "label", "turn", "by"]].tolist() == [
        "cat", "owl", "rot180", "person",
    ]  # fmt: skip


@pytest.mark.parametrize("link", ["symlink", "hardlink", "copy"])
def test_all_formats_at_once_are_the_same_bytes_again(run, tmp_path, link):
    """Also of a run that was moved, and into a folder of another name."""
    decide(run, (1, "turn", "rot180"), (2, "exclude", ""))
    export(run, tmp_path / "one", formats=TREES, link=link)
    (tmp_path / "again").mkdir()
    run.path.rename(tmp_path / "again" / "run")
    export(tmp_path / "again" / "run", tmp_path / "two", formats=TREES, link=link)
    assert tree(tmp_path / "one") == tree(tmp_path / "two")
    for path in (tmp_path / "one").rglob("*"):
        if path.is_file() and not path.is_symlink() and path.suffix in (".json", ".csv", ".jsonl"):
            assert str(tmp_path / "one") not in path.read_text()


def test_every_format_has_a_folder_of_its_name(run, tmp_path):
    export(run, tmp_path / "out", formats=TREES)
    for name in TREES:
        assert len(FORMATS[name].read(tmp_path / "out" / name)) == 23


def test_an_unlabelled_training_image_is_counted_and_in_no_list(run, tmp_path):
    samples = run.table("samples")
    samples.loc[1, "label"] = None
    run.write_table("samples", samples)
    run.write_table("tiers", run.table("tiers").query("sample_id != '0000000000000001'"))
    about = export(run, tmp_path / "out")
    assert about["counts"]["train_unlabelled"] == 1
    assert "0000000000000001" not in (tmp_path / "out" / "train.csv").read_text()


def test_the_policy_of_the_run_goes_with_it_in_every_form(run, tmp_path):
    from curate.recipe.policy import Policy, Step, write_policy

    policy = Policy(((), (Step("horizontal_flip", 0.5, excluded_classes=("cat",)),)),
                    tuple(run.info["classes"]))  # fmt: skip
    (run.path / "policy").mkdir()
    write_policy(policy, run.path / "policy" / "policy.json")
    about = export(run, tmp_path / "out")
    assert about["policy"] == "policy.json"
    assert [stage["policy_stage"] for stage in about["stages"]] == [0, 0, 1]
    assert {"policy.json", "policy.py", "policy.albumentations.yaml"} <= {
        path.name for path in (tmp_path / "out").iterdir()
    }
    found = read_curriculum(tmp_path / "out")
    assert found.policy is not None
    assert found.policy.stages == policy.stages
    assert export(run, tmp_path / "bare", with_policy=False)["policy"] is None
    other = Policy(((Step("horizontal_flip", 0.5, excluded_classes=("dog",)),),), ("dog",))
    write_policy(other, tmp_path / "other.json")
    with pytest.raises(PolicyError, match="'dog'"):
        export(run, tmp_path / "new", policy=tmp_path / "other.json")
    assert not (tmp_path / "new").exists()


def test_a_policy_in_the_words_of_timm(run, tmp_path):
    assert export(run, tmp_path / "out", policy="rand-m9-n3-mstd0.5")["policy"] == "policy.json"
    assert read_curriculum(tmp_path / "out").policy is not None
    with pytest.raises(PolicyError):
        export(run, tmp_path / "new", policy=tmp_path / "nowhere.json")
    assert not (tmp_path / "new").exists()


def test_other_presets_and_tiers(run, tmp_path):
    from curate.remedies.tiering import Tiering

    about = export(run, tmp_path / "out", preset="sketch-winner", epochs=20)
    assert [stage["lr_factor"] for stage in about["stages"]] == [1, 0.1, 0.1]
    assert about["policy"] == "policy.json"
    # The findings of a detector are what tiers of another count are made of.
    samples = run.table("samples")
    empty = dict.fromkeys(("suggestion", "partner_id", "reason", "type"), "")
    found = samples[["sample_id"]].assign(score=1.0, flagged=False, rank=range(24), **empty)
    kinds = [found.assign(kind=kind) for kind in ("label_error", "hard")]
    run.write_table("findings", pd.concat(kinds))
    about = export(run, tmp_path / "four", tiering=Tiering(4))
    assert (tmp_path / "four" / "train_tier4.csv").is_file()
    assert about["stages"][-1]["tiers"] == ["tier1", "tier2", "tier3", "tier4"]
    with pytest.raises(CurriculumError, match="sketch-winer"):
        export(run, tmp_path / "none", preset="sketch-winer")
    assert not (tmp_path / "none").exists()


def left_nothing(tmp_path: Path) -> bool:
    return {path.name for path in tmp_path.iterdir()} <= {"run", "images", "sample.csv"}


def test_an_unknown_format_or_link_leaves_nothing(run, tmp_path):
    with pytest.raises(ExportError, match="Did you mean parquet"):
        export(run, tmp_path / "out", formats=["parket"])
    with pytest.raises(ExportError, match="Expected a link of symlink, hardlink, copy"):
        export(run, tmp_path / "out", link="reflink")  # type: ignore[arg-type]
    assert left_nothing(tmp_path)


def test_moved_images_are_named_with_the_cure(run, tmp_path):
    for path in sorted((tmp_path / "images" / "train").rglob("*.png"))[:7]:
        path.unlink()
    with pytest.raises(ExportError, match=r"7 of them moved or gone: .* and 2 more") as error:
        export(run, tmp_path / "out")
    assert "curate analyze DATA --run RUN" in str(error.value)
    assert left_nothing(tmp_path)


def test_a_changed_image_is_refused_by_its_size_and_in_a_copy_by_its_bytes(run, tmp_path):
    victim = Path(run.table("samples")["filepath"][1])
    whole = victim.read_bytes()
    victim.write_bytes(whole[:-1])
    with pytest.raises(ExportError, match="1 of another size"):
        export(run, tmp_path / "out")
    victim.write_bytes(whole[:-1] + b"x")
    for name in ("webdataset", "imagefolder"):
        with pytest.raises(ExportError, match="found other bytes"):
            export(run, tmp_path / "out", formats=[name], link="copy")
    assert left_nothing(tmp_path)


def test_the_run_the_images_and_other_exports_are_no_place(run, tmp_path):
    for place in (run.path / "out", run.path, tmp_path / "images" / "out", tmp_path):
        with pytest.raises(ExportError, match="--to"):
            export(run, place, overwrite=True)
    export(run, tmp_path / "out")
    before = tree(tmp_path / "out")
    with pytest.raises(ExportError, match="with --overwrite"):
        export(run, tmp_path / "out")
    with pytest.raises(ExportError, match="outside other exports"):
        export(run, tmp_path / "out" / "inner")
    assert tree(tmp_path / "out") == before


def test_only_a_whole_export_and_nothing_else_is_replaced(run, tmp_path):
    out = tmp_path / "out"
    export(run, out, formats=["imagefolder"])
    (out / "imagefolder" / "train" / "cat" / "mine.png").write_bytes(b"mine")
    with pytest.raises(ExportError, match=r"imagefolder/train/cat/mine\.png"):
        export(run, out, overwrite=True)
    (out / "imagefolder" / "train" / "cat" / "mine.png").unlink()
    (out / "files.csv").write_text("gone wrong")
    with pytest.raises(ExportError, match="Remove the directory yourself"):
        export(run, out, overwrite=True)
    shutil.rmtree(out)
    export(run, out, formats=["imagefolder"])
    export(run, out, overwrite=True)
    assert not (out / "imagefolder").exists()
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "curriculum.json").write_text("{}")
    with pytest.raises(ExportError, match="found other files"):
        export(run, tmp_path / "notes", overwrite=True)
    assert (tmp_path / "notes" / "curriculum.json").read_text() == "{}"


def test_an_export_of_version_1_is_replaced_too(run, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    for name in ("train.csv", "val.csv", "test.csv", "classes.txt"):
        (out / name).write_text("")
    (out / "curriculum.json").write_text('{"format": "curate.export", "schema_version": 1}')
    assert export(run, out, overwrite=True)["schema_version"] == 2


def test_an_export_of_an_export_cannot_be_written_onto_it(run, tmp_path):
    """The images of the second run are those in the first one's tree."""
    export(run, tmp_path / "out", formats=["imagefolder"], link="copy")
    inner = run_of(tmp_path / "second", tmp_path / "out" / "imagefolder" / "train")
    with pytest.raises(ExportError, match="apart from the images"):
        export(inner, tmp_path / "out", overwrite=True)


def test_hard_links_to_another_file_system_are_refused_before_anything_is_written(run, tmp_path):
    other = Path("/dev/shm")
    if not other.is_dir() or other.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is one file system only")
    target = other / f"curate-test-{os.getpid()}" / "out"
    with pytest.raises(ExportError, match="--link symlink or --link copy"):
        export(run, target, formats=["imagefolder"], link="hardlink")
    assert not target.parent.exists()


def test_no_room_is_told_before_anything_is_written(run, tmp_path):
    """An image of eight terabytes, all of them holes."""
    samples = run.table("samples")
    size = 2**43
    with Path(samples["filepath"][1]).open("r+b") as file:
        file.truncate(size)
    samples.loc[1, "size_bytes"] = size
    run.write_table("samples", samples)
    with pytest.raises(ExportError, match="Expected room for about"):
        export(run, tmp_path / "out", formats=["imagefolder"], link="copy")
    assert left_nothing(tmp_path)


def test_an_unfinished_run_is_refused(run, tmp_path):
    run.save(status="running")
    with pytest.raises(RunError, match="interrupted"):
        export(run, tmp_path / "out")


def test_a_class_all_under_review_is_refused(run, tmp_path):
    tiers = run.table("tiers")
    labels = run.table("samples").set_index("sample_id")["label"]
    tiers.loc[tiers["sample_id"].map(labels) == "owl", "tier"] = "review"
    run.write_table("tiers", tiers)
    with pytest.raises(ExportError, match="'owl'"):
        export(run, tmp_path / "out")
    assert left_nothing(tmp_path)
