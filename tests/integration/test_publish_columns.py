"""Publishing the user's own columns, facts of images, and images without a label."""

from __future__ import annotations

from datetime import datetime

import pytest
from small_run import KINDS, publish_again, sample, tag, with_metadata

from curate.app import publish as publish_module
from curate.app import samples as samples_module
from curate.app.database import load_fiftyone
from curate.app.decisions import collect
from curate.app.publish import publish


def test_the_users_columns_are_fields_with_types_and_legal_names(run, published):
    with_metadata(run)
    dataset = published(run)
    fo = load_fiftyone()
    schema = dataset.get_field_schema()
    four, one = sample(dataset, "s004"), sample(dataset, "s001")
    for name, kind, value in [
        ("age", fo.IntField, 24),
        ("weight", fo.FloatField, 2.0),
        ("mask", fo.BooleanField, True),
        ("camera", fo.StringField, "cam0"),
        ("taken", fo.DateTimeField, datetime(2024, 3, 5, 10, 0, 0, 123000)),
        ("face_size", fo.IntField, 4),
        ("user_tier", fo.StringField, "4"),
        ("user_media_type", fo.StringField, "4"),
        ("user_id", fo.IntField, 4),
        ("user_pk", fo.StringField, "4"),
    ]:
        assert type(schema[name]) is kind, name
        assert four[name] == value, name
        assert one[name] is None, name
    assert four.tier == "hard"
    assert schema["face_size"].description == "Column 'face.size' of your data"
    groups = {group.name: group.paths for group in dataset.app_config.sidebar_groups}
    assert len(groups["your columns"]) == len(KINDS)
    assert groups["image facts"] == ["aspect_ratio", "brightness", "format", "mode"]


@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
def test_columns_that_did_not_change_are_not_written_again(run, published, monkeypatch, zone):
    samples = with_metadata(run)
    monkeypatch.setattr(load_fiftyone().config, "timezone", zone)
    published(run)
    samples.loc[3, "age"] = 99
    run.write_table("samples", samples)
    written = []
    real_write = samples_module.write

    def note(dataset, name, values):
        if values:
            written.append((name, list(values.values())))
        real_write(dataset, name, values)

    monkeypatch.setattr(samples_module, "write", note)
    monkeypatch.setattr(publish_module, "write", note)
    assert sample(published(run), "s003").age == 99
    assert written == [("age", [99])]


def test_a_column_that_is_gone_takes_its_field_along_and_one_of_another_type_is_made_anew(
    run, published
):
    samples = with_metadata(run)
    published(run)
    run.write_table("samples", samples.drop(columns="camera").assign(age="old"))
    kinds = {name: kind for name, kind in KINDS.items() if name != "camera"}
    run.save(metadata={**kinds, "age": "string"})
    dataset = published(run)
    assert "camera" not in dataset.get_field_schema()
    assert dataset.distinct("age") == ["old"]
    paths = [path for group in dataset.app_config.sidebar_groups for path in group.paths]
    assert "camera" not in paths
    run.save(metadata={})
    schema = published(run).get_field_schema()
    assert not {"age", "weight", "user_tier", "face_size"} & set(schema)


def test_a_persons_own_field_of_the_same_name_is_left_alone(run, published):
    dataset = published(run)
    dataset.add_sample_field("camera", load_fiftyone().StringField)
    one = sample(dataset, "s002")
    one["camera"] = "mine"
    one.save()
    with_metadata(run)
    one = sample(published(run), "s002")
    assert (one["camera"], one["user_camera"]) == ("mine", "cam0")
    run.save(metadata={})
    dataset = published(run)
    assert sample(dataset, "s002")["camera"] == "mine"
    assert "user_camera" not in dataset.get_field_schema()


def test_columns_of_a_publish_that_was_killed_are_the_tools_own(run, published, monkeypatch):
    class Killed(BaseException):
        pass

    def die(*args, **kwargs):
        raise Killed

    samples = with_metadata(run)
    with monkeypatch.context() as patch:
        patch.setattr(publish_module, "write_predictions", die)
        with pytest.raises(Killed):
            publish(run)
    run.write_table("samples", samples.drop(columns="camera"))
    run.save(metadata={name: kind for name, kind in KINDS.items() if name != "camera"})
    schema = published(run).get_field_schema()
    assert {"age", "face_size"} <= set(schema)
    assert not {"camera", "user_age", "user_camera"} & set(schema)


def test_an_image_that_changed_size_says_so(run, published):
    published(run)
    samples = run.table("samples")
    samples.loc[4, ["width", "size_bytes"]] = [32, 1234]
    run.write_table("samples", samples)
    four = sample(published(run), "s004")
    assert (four.metadata.width, four.metadata.height, four.metadata.size_bytes) == (32, 16, 1234)
    assert four.aspect_ratio == 2.0


def without_labels(run, split="test"):
    """Take the labels off one split, as of a flat folder."""
    samples = run.table("samples")
    samples.loc[samples["split"] == split, ["label", "margin", "difficulty"]] = None
    run.write_table("samples", samples)


def test_unlabelled_images_are_predicted_and_tagged_and_not_evaluated(run, published):
    without_labels(run)
    dataset = published(run)
    view = dataset.load_saved_view("unlabelled")
    # Image 23 is one of the six of test.
    assert len(view) == dataset.count_sample_tags()["unlabelled"] == 6
    assert set(view.values("ground_truth")) == {None}
    assert set(view.values("correct")) == {None}
    assert set(view.values("eval")) == {None}
    assert None not in view.values("predictions.label")
    report = dataset.load_evaluation_results("eval").metrics()
    assert report["support"] == 18
    assert report["accuracy"] == pytest.approx(17 / 18)


def test_a_label_that_a_person_gives_an_unlabelled_image_is_a_decision(run, published):
    without_labels(run)
    dataset = published(run)
    for sample_id, label in [("s003", "owl"), ("s007", "cat")]:
        one = sample(dataset, sample_id)
        one.ground_truth = load_fiftyone().Classification(label=label)
        one.save()
    tag(dataset, "s011", "relabel:dog")
    expected = [
        ("s003", "relabel", "owl", "app:label"),
        ("s007", "relabel", "cat", "app:label"),
        ("s011", "relabel", "dog", "app:tag"),
    ]
    assert (
        list(
            collect(run)[["sample_id", "action", "value", "source"]].itertuples(
                index=False, name=None
            )
        )
        == expected
    )

    dataset = publish_again(run, published, orientation=[8])
    assert len(dataset.load_saved_view("unlabelled")) == 4
    assert dataset.load_evaluation_results("eval").metrics()["support"] == 18
    load_fiftyone().delete_dataset(dataset.name)
    dataset = published(run)
    assert sample(dataset, "s003").ground_truth.label == "owl"
    assert (
        list(
            collect(run)[["sample_id", "action", "value", "source"]].itertuples(
                index=False, name=None
            )
        )
        == expected
    )


def test_without_unlabelled_images_there_is_no_such_view(run, published):
    samples = run.table("samples")
    samples["label"] = samples["label"].fillna("owl")
    run.write_table("samples", samples)
    dataset = published(run)
    assert not dataset.has_saved_view("unlabelled")
    assert "unlabelled" not in dataset.count_sample_tags()
