"""Reading decisions back from a real MongoDB."""

from __future__ import annotations

import logging

import pytest

from curate.app.database import load_fiftyone
from curate.app.decisions import collect
from curate.errors import DatabaseError, ExportError
from curate.store.journal import Change, Journal


def decide(dataset):
    """Exclude 0, call 2 hard, relabel 4 by tag and 6 by editing."""
    F = load_fiftyone().ViewField
    for sample_id, tag in [("s000", "exclude"), ("s002", "hard"), ("s004", "relabel:owl")]:
        dataset.match(F("curate_id") == sample_id).tag_samples(tag)
    one = dataset.one(F("curate_id") == "s006")
    one.ground_truth.label = "dog"
    one.save()


EXPECTED = [
    ("s000", "exclude", "", "app:tag"),
    ("s002", "hard", "", "app:tag"),
    ("s004", "relabel", "owl", "app:tag"),
    ("s006", "relabel", "dog", "app:label"),
]


def rows(table):
    return list(
        table[["sample_id", "action", "value", "source"]].itertuples(index=False, name=None)
    )


def test_nothing_decided_is_an_empty_table(run, published):
    published(run)
    assert rows(collect(run)) == []
    assert (run.path / "decisions.parquet").is_file()


def test_tags_and_edited_labels_are_decisions(run, published):
    decide(published(run))
    assert rows(collect(run)) == EXPECTED
    assert rows(run.table("decisions")) == EXPECTED


def test_a_decision_taken_back_is_gone(run, published):
    dataset = published(run)
    decide(dataset)
    collect(run)
    dataset.untag_samples(["hard", "exclude"])
    assert rows(collect(run)) == EXPECTED[2:]


def test_a_lost_dataset_leaves_the_decisions_and_gets_them_back(run, published, caplog):
    dataset = published(run)
    decide(dataset)
    collect(run)
    load_fiftyone().delete_dataset(dataset.name)
    with caplog.at_level(logging.WARNING, logger="curate"):
        assert rows(collect(run)) == EXPECTED
    assert "4 decisions kept from before" in caplog.text
    dataset = published(run)
    run.table_path("decisions").unlink()
    assert rows(collect(run)) == EXPECTED
    assert dataset.match_tags("hard").values("curate_id") == ["s002"]
    assert [event.source for event in Journal(run).events()] == [row[3] for row in EXPECTED]


def test_a_decision_that_did_not_reach_the_dataset_is_written_there(run, published):
    dataset = published(run)
    decide(dataset)
    collect(run)
    Journal(run).write(
        [
            *(Change("s002", "hard", None), Change("s002", "easy", "")),
            *(Change("s004", "relabel", "cat"), Change("s006", "relabel", None)),
            *(Change("s023", "relabel", "dog"), Change("s001", "turn", "vflip")),
        ],
        "app:plugin",
    )
    expected = [
        *(("s000", "exclude", "", "app:tag"), ("s001", "turn", "vflip", "app:plugin")),
        *(("s002", "easy", "", "app:plugin"), ("s004", "relabel", "cat", "app:plugin")),
        ("s023", "relabel", "dog", "app:plugin"),
    ]
    assert rows(collect(run)) == expected
    dataset.reload()
    seen = {
        i: (set(tags) & {"hard", "easy", "exclude", "turn:vflip", "relabel:owl"}, label)
        for i, tags, label in zip(
            *dataset.values(["curate_id", "tags", "ground_truth.label"]), strict=True
        )
    }
    assert seen["s001"] == ({"turn:vflip"}, "dog")
    assert seen["s002"] == ({"easy"}, "owl")
    assert seen["s004"] == (set(), "cat")
    assert seen["s006"] == (set(), "cat")
    assert seen["s023"] == (set(), "dog")
    assert rows(collect(run)) == expected


def test_a_person_and_the_journal_at_once_lose_nothing(run, published):
    """Tags given in the App between two decisions of the plugin are kept with them."""
    dataset = published(run)
    Journal(run).write([Change("s002", "hard", "")], "app:plugin")
    F = load_fiftyone().ViewField
    dataset.match(F("curate_id") == "s002").tag_samples("mine")
    dataset.match(F("curate_id") == "s001").tag_samples("exclude")
    assert rows(collect(run)) == [
        ("s001", "exclude", "", "app:tag"),
        ("s002", "hard", "", "app:plugin"),
    ]
    dataset.reload()
    assert {"mine", "hard"} <= set(dataset.one(F("curate_id") == "s002").tags)


def test_two_labels_for_one_image_are_an_error_and_the_file_stays(run, published):
    dataset = published(run)
    decide(dataset)
    collect(run)
    dataset.match_tags("relabel:owl").tag_samples("relabel:cat")
    with pytest.raises(ExportError, match=r"004\.png: cat and owl"):
        collect(run)
    assert rows(run.table("decisions")) == EXPECTED


@pytest.mark.timeout(10)
def test_an_unreachable_database_is_an_error(run, monkeypatch):
    monkeypatch.setenv("FIFTYONE_DATABASE_URI", "mongodb://127.0.0.1:1/")
    with pytest.raises(DatabaseError, match="found none that answers"):
        collect(run)
