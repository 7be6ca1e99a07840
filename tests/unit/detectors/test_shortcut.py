"""Properties that give a class away are named, with the images that contradict them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from curate.detectors.properties import properties
from curate.detectors.shortcut import Shortcut
from curate.findings import Evidence
from made_evidence import make_evidence


def evidence(n: int = 300) -> Evidence:
    """Three classes of a hundred, of which nothing but the embedding says anything."""
    made = make_evidence(n)
    probs = np.full((n, 3), 0.05, dtype=np.float32)
    probs[np.arange(n), made.labels] = 0.9
    stats = pd.DataFrame({"brightness": np.random.default_rng(3).random(n)})
    return replace(made, image_stats=stats, pred_probs=probs)


def bright(made: Evidence) -> tuple[Evidence, np.ndarray]:
    """Class 1 is bright but for ten images, of which the model takes eight for class 0."""
    mine = np.flatnonzero(made.labels == 1)
    stats = made.image_stats.copy() * 0.7
    stats.loc[mine[10:], "brightness"] = 0.9
    probs = made.pred_probs.copy()
    probs[mine[:8]] = [0.8, 0.15, 0.05]
    return replace(made, image_stats=stats, pred_probs=probs), mine


def test_nothing_is_said_where_nothing_predicts_the_class() -> None:
    found = Shortcut().detect(evidence())
    assert found.info["shortcuts"] == []
    assert found.info["properties"] > 5
    assert not found.table["flagged"].any()


def test_bright_class_is_named_with_its_cut_and_what_the_model_makes_of_it() -> None:
    made, mine = bright(evidence())
    found = Shortcut().detect(made)
    [one] = found.info["shortcuts"]
    assert (one["class"], one["property"], one["direction"]) == ("class1", "brightness", "at least")
    assert one["cut"] == [pytest.approx(0.9), None]
    assert one["share_of_class"] == pytest.approx(0.9)
    assert one["share_of_others"] == 0
    assert one["balanced_accuracy"] == pytest.approx(0.95)
    assert one["auc_interval"][0] < one["auc"] < one["auc_interval"][1]
    assert one["used"]
    assert one["accuracy_with"] == 1
    assert one["accuracy_without"] == pytest.approx(0.2)
    assert one["accuracy_without_count"] == 10
    assert set(one["examples"]["without"]) <= set(made.sample_ids[mine[:10]])
    flagged = found.table[found.table["flagged"]]
    assert set(flagged["sample_id"]) == set(made.sample_ids[mine[:8]])
    assert flagged["score"].tolist() == pytest.approx([0.15] * 8)
    assert "class1 without what gives it away" in flagged["reason"].iloc[0]
    assert found.table["score"][mine[8]] == pytest.approx(0.9)
    assert found.table["score"][mine[50]] == 1


def test_nothing_is_flagged_while_the_model_does_as_well_without() -> None:
    made, mine = bright(evidence())
    probs = made.pred_probs.copy()
    probs[mine] = [0.05, 0.9, 0.05]
    found = Shortcut().detect(replace(made, pred_probs=probs))
    assert [one["used"] for one in found.info["shortcuts"]] == [False]
    assert not found.table["flagged"].any()


def test_others_that_carry_the_property_and_are_misread_are_flagged() -> None:
    made, _ = bright(evidence())
    others = np.flatnonzero(made.labels == 2)[:12]
    stats = made.image_stats.copy()
    stats.loc[others, "brightness"] = 0.9
    probs = made.pred_probs.copy()
    probs[others[:9]] = [0.05, 0.9, 0.05]
    found = Shortcut().detect(replace(made, image_stats=stats, pred_probs=probs))
    rows = found.table.iloc[others[:9]]
    assert rows["flagged"].all()
    assert rows["score"].tolist() == pytest.approx([0.1] * 9)
    assert rows["reason"].str.contains("is not one, and is taken for one").all()
    assert not found.table["flagged"].iloc[others[9:]].any()


def test_name_of_a_part_of_a_class_is_found() -> None:
    made = evidence()
    facts = made.file_facts.copy()
    mine = np.flatnonzero(made.labels == 2)
    facts.loc[mine[:40], "filename"] = [f"{i}_synthetic.jpg" for i in range(40)]
    found = Shortcut().detect(replace(made, file_facts=facts))
    [one] = found.info["shortcuts"]
    assert (one["class"], one["source"]) == ("class2", "name")
    assert one["property"] == "file name with 'synthetic'"
    assert one["share_of_class"] == pytest.approx(0.4)
    assert "may be known by file name with 'synthetic' alone: 40% of it" in one["says"]


def test_names_of_classes_in_file_names_are_no_shortcut() -> None:
    made = evidence()
    facts = made.file_facts.copy()
    names = np.array(["cat", "dog", "sea lion"])
    facts["filename"] = [f"{names[y].replace(' ', '_')}_{i}.jpg" for i, y in enumerate(made.labels)]
    named = replace(made, file_facts=facts, class_names=tuple(names))
    said = [one for one in properties(named) if one.source == "name"]
    assert [one.name for one in said] == ["file name like '*_0'", "file name like '*_*_0'"]
    assert all("sea" not in one.name for one in said)


def test_images_of_one_group_are_one_witness() -> None:
    made, _ = bright(evidence())
    # The hundred images of each class are frames of four films: too few to say anything.
    films = np.array([f"{y}-{i // 75}" for i, y in enumerate(made.labels)])
    found = Shortcut().detect(replace(made, groups=films, copies=None))
    assert found.info["shortcuts"] == []


def test_stamp_is_placed() -> None:
    made = evidence()
    thumbnails = made.thumbnails.copy()
    thumbnails[made.labels == 0, :5, :5] = 255
    found = Shortcut().detect(replace(made, thumbnails=thumbnails))
    [one] = found.info["shortcuts"]
    assert one["class"] == "class0"
    assert one["property"] == "likeness to the class's usual top left"
