"""Publishing runs to a real MongoDB, once, twice, half, and after losses."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from small_run import findings, publish_again, sample, tag

from curate.app import publish as publish_module
from curate.app import samples as samples_module
from curate.app.database import connect, load_fiftyone
from curate.app.decisions import collect
from curate.app.names import dataset_name
from curate.app.publish import is_published, publish
from curate.errors import DatabaseError
from curate.store.run import Run


def tags_by_id(dataset):
    ids, tags = dataset.values(["curate_id", "tags"])
    return dict(zip(ids, map(sorted, tags), strict=True))


def test_everything_the_run_says_is_there(run, published):
    dataset = published(run)
    assert dataset.persistent
    assert len(dataset) == 24
    assert dataset.count_sample_tags() == {
        **{"train": 12, "val": 6, "test": 6},
        **{"orientation": 2, "label_error": 1, "model_hard": 1, "unlabelled": 1},
    }
    four = sample(dataset, "s004")
    assert four.filepath == run.table("samples")["filepath"][4]
    assert (four.ground_truth.label, four.predictions.label) == ("dog", "owl")
    assert four.predictions.confidence == 0.5
    np.testing.assert_allclose(four.predictions.logits, np.log([0.1, 0.1, 0.8]), rtol=1e-6)
    assert (four.tier, four.difficulty, four.margin) == ("hard", 4 / 24, -0.2)
    assert (four.correct, four.in_sample) == (False, False)
    assert (four.orientation_flagged, four.orientation_reason) == (True, "orientation here")
    assert four.orientation_score == 0.02
    assert (four.hard_flagged, four.hard_reason) == (False, None)
    assert (four.metadata.width, four.metadata.height) == (16, 16)
    assert four.metadata.size_bytes == run.table("samples")["size_bytes"][4]
    assert (four.aspect_ratio, four.format, four["mode"]) == (1.0, "PNG", "L")
    assert four.brightness == run.table("samples")["brightness"][4]
    assert sample(dataset, "s006").label_error_suggestion == "dog"
    assert sample(dataset, "s023").ground_truth is None
    assert sample(dataset, "s001").tier is None
    assert "orientation_suggestion" not in dataset.get_field_schema()


def test_views_are_worst_first(run, published):
    dataset = published(run)
    assert dataset.list_saved_views() == [
        *("found: hard", "found: label_error", "found: orientation"),
        "confused: dog as owl",
        "unlabelled",
        *("tier: easy", "tier: medium", "tier: hard"),
    ]
    assert dataset.load_saved_view("found: orientation").values("curate_id") == ["s004", "s000"]
    assert dataset.load_saved_view("confused: dog as owl").values("curate_id") == ["s004"]
    difficulty = dataset.load_saved_view("tier: hard").values("difficulty")
    assert difficulty == sorted(difficulty, reverse=True)


def test_the_panels_have_what_they_show(run, published):
    dataset = published(run)
    results = dataset.load_brain_results("umap")
    np.testing.assert_allclose(
        sorted(map(tuple, results.points)),
        sorted(map(tuple, np.asarray(run.array("projection"), dtype=float))),
    )
    assert "umap" in "".join(dataset.list_indexes())
    report = dataset.load_evaluation_results("eval").metrics()
    assert report["accuracy"] == pytest.approx(22 / 23)
    space = dataset.load_workspace("curate")
    panels = [child.type for child in _panels(space)]
    assert panels == ["Samples", "model_evaluation_panel_builtin", "curate", "Embeddings"]


def _panels(space):
    for child in space.children:
        if hasattr(child, "children"):
            assert (
                child.active_child is None or child.active_child == child.children[0].component_id
            )
            yield from _panels(child)
        else:
            yield child


def test_publishing_twice_gives_one_dataset_and_writes_nothing(run, published, monkeypatch):
    first = published(run)
    modified = first.values("last_modified_at")
    monkeypatch.setattr(publish_module, "_write", None)  # would raise if it were called
    again = published(run)
    assert again.name == first.name
    assert again.values("last_modified_at") == modified
    assert is_published(run)


def test_what_the_run_finds_anew_replaces_what_it_found(run, published):
    published(run)
    dataset = publish_again(run, published, orientation=[8], outlier=[2])
    assert dataset.match_tags("orientation").values("curate_id") == ["s008"]
    assert dataset.count_sample_tags()["outlier"] == 1
    assert "hard_score" not in dataset.get_field_schema()
    assert "found: hard" not in dataset.list_saved_views()
    assert "found: outlier" in dataset.list_saved_views()
    assert len(dataset) == 24


def test_persons_tags_and_views_survive_and_tags_taken_off_stay_off(run, published):
    dataset = published(run)
    tag(dataset, "s002", "hard", "my own")
    dataset.match_tags("orientation").untag_samples("orientation")
    dataset.save_view("mine", dataset.take(3))
    dataset = publish_again(run, published, orientation=[0, 4, 8])
    assert set(sample(dataset, "s002").tags) == {"train", "hard", "my own"}
    assert dataset.match_tags("orientation").values("curate_id") == ["s008"]
    assert dataset.has_saved_view("mine")


def test_edited_labels_and_tags_on_labels_survive(run, published):
    dataset = published(run)
    one = sample(dataset, "s000")
    one.ground_truth.label = "owl"
    one.predictions.tags.append("look at this")
    one.save()
    samples = run.table("samples")
    samples.loc[0, ["pred_label", "confidence"]] = ["dog", 0.6]
    run.write_table("samples", samples)
    one = sample(published(run), "s000")
    assert one.ground_truth.label == "owl"
    assert (one.predictions.label, one.predictions.tags) == ("dog", ["look at this"])


def test_images_that_left_are_removed_unless_a_person_worked_on_them(run, published):
    dataset = published(run)
    tag(dataset, "s020", "exclude")
    edited = sample(dataset, "s021")
    edited.ground_truth.label = "dog"
    edited.save()
    dataset.add_sample(load_fiftyone().Sample(filepath=edited.filepath, tags=["added by hand"]))
    samples = run.table("samples")
    every = samples["sample_id"]
    arrays = {name: np.array(run.array(name)) for name in ("probs", "projection")}
    shorter = samples.iloc[:20]
    run.write_table("samples", shorter)
    for name, values in arrays.items():
        run.write_array(name, values[:20], shorter["sample_id"])
    dataset = published(run)
    assert set(dataset.values("curate_id")) == {*every[:20], "s020", "s021", None}
    assert set(sample(dataset, "s020").tags) == {"exclude", "gone"}
    assert sample(dataset, "s020").predictions is None
    assert len(dataset.load_brain_results("umap").sample_ids) == 20

    run.write_table("samples", samples)
    for name, values in arrays.items():
        run.write_array(name, values, every)
    dataset = published(run)
    assert len(dataset) == 25
    assert set(sample(dataset, "s020").tags) == {"exclude", "train"}
    assert sample(dataset, "s021").ground_truth.label == "dog"


def test_moved_images_keep_their_samples(run, published):
    dataset = published(run)
    tag(dataset, "s000", "ok")
    samples = run.table("samples")
    samples["filepath"] = samples["filepath"].str.replace("/data/", "/moved/")
    run.write_table("samples", samples)
    one = sample(published(run), "s000")
    assert "/moved/" in one.filepath
    assert "ok" in one.tags


@pytest.mark.parametrize(
    "where", ["add_new", "update_known", "write_predictions", "evaluate", "project", "save_views"]
)
def test_killed_in_the_middle_it_finishes_when_started_again(run, published, monkeypatch, where):
    first = published(run)
    tag(first, "s002", "hard")
    expected = tags_by_id(publish_again(run, published, orientation=[8]))
    load_fiftyone().delete_dataset(first.name)

    class Killed(BaseException):
        pass

    def die(*args, **kwargs):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(publish_module, where, die)
        with pytest.raises(Killed):
            publish(run)
    assert not is_published(run)
    assert len(collect(run)) == 1
    dataset = published(run)
    assert is_published(run)
    assert tags_by_id(dataset) == expected
    assert len(dataset) == 24
    assert dataset.has_evaluation("eval")
    assert dataset.has_brain_run("umap")


@pytest.mark.parametrize("where", ["the second write", "write_predictions", "save_views"])
def test_killed_while_updating_it_finishes_when_started_again(run, published, monkeypatch, where):
    tag(published(run), "s002", "hard")

    class Killed(BaseException):
        pass

    real_write = samples_module.write

    def die(*args, **kwargs):
        if where != "the second write" or args[1] == "curate_tags":
            raise Killed
        real_write(*args, **kwargs)

    run.write_table("findings", findings(run.table("samples"), {"orientation": [2, 8]}))
    with monkeypatch.context() as patch:
        module = samples_module if where == "the second write" else publish_module
        patch.setattr(module, "write" if module is samples_module else where, die)
        with pytest.raises(Killed):
            publish(run)
    dataset = published(run)
    assert set(sample(dataset, "s002").tags) == {"train", "hard", "orientation"}
    # Had the kill confused who put which tag, the tool's own would stay for ever.
    dataset = publish_again(run, published, orientation=[8])
    assert set(sample(dataset, "s002").tags) == {"train", "hard"}
    assert dataset.match_tags("orientation").values("curate_id") == ["s008"]


def test_a_moved_run_keeps_its_dataset_and_a_copy_gets_its_own(run, published, tmp_path):
    first = published(run)
    moved = tmp_path / "elsewhere"
    run.path.rename(moved)
    assert published(Run(moved)).name == first.name
    shutil.copytree(moved, tmp_path / "copy")
    copy = published(Run(tmp_path / "copy"))
    assert copy.name != first.name
    assert published(Run(tmp_path / "copy")).name == copy.name
    assert published(Run(moved)).name == first.name


def test_a_run_without_a_model_is_shown_too(run, published):
    samples = run.table("samples").assign(pred_label=None, confidence=None, margin=None)
    run.write_table("samples", samples)
    run.write_table("findings", run.table("findings").iloc[:0])
    run.save(arrays={})
    dataset = published(run)
    assert len(dataset) == 24
    assert dataset.count("predictions") == 0
    assert dataset.list_brain_runs() == dataset.list_evaluations() == []


def test_a_dataset_of_another_program_is_left_alone(run, database):
    fo = connect()
    other = fo.Dataset(dataset_name(run))
    other.add_sample(fo.Sample(filepath=run.table("samples")["filepath"][0]))
    try:
        with pytest.raises(DatabaseError, match="curate's own, found one of another program"):
            publish(run)
        assert len(other) == 1
    finally:
        other.delete()


def test_class_names_without_a_latin_letter_get_views_of_their_own(run, published):
    from curate.store.files import write_json

    pairs = [
        {"label": "кот", "pred_label": "пёс", "count": 2},
        {"label": "сова", "pred_label": "пёс", "count": 1},
    ]
    write_json(run.path / "metrics.json", {"splits": {"val": {"top_confusions": pairs}}})
    views = published(run).list_saved_views()
    assert [name for name in views if name.startswith("confused")] == [
        "confused: кот as пёс",
        "confused: сова as пёс (2)",
    ]


def test_embeddings_are_published_when_asked_and_follow_the_run(run, published):
    published(run)
    ids = run.table("samples")["sample_id"]
    embeddings = np.random.default_rng(0).random((24, 8)).astype("f4")
    run.write_array("embeddings", embeddings, ids)
    run.save(stages={"embed": {"key": "one"}})
    dataset = load_fiftyone().load_dataset(publish(run, embeddings=True))
    there = dict(zip(*dataset.values(["curate_id", "embedding"]), strict=True))
    np.testing.assert_array_equal(there["s007"], embeddings[7])
    near = dataset.sort_by_similarity(sample(dataset, "s007").id, k=1, brain_key="similarity")
    assert near.values("curate_id") == ["s007"]
    # Later publishing needs no asking, and writes them anew only when they are others.
    run.write_array("embeddings", -embeddings, ids)
    run.save(stages={"embed": {"key": "two"}})
    dataset = publish_again(run, published, orientation=[8])
    np.testing.assert_array_equal(sample(dataset, "s007")["embedding"], -embeddings[7])
    assert "embedding" not in dataset.app_config.active_fields.paths
