"""Acts of a person, in a real MongoDB: written to the journal, shown in the dataset, undone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from small_run import sample, tag

from curate.app import deciding
from curate.app.database import load_fiftyone
from curate.app.deciding import accept, decide, reject, relabels, turns, undo, verdicts
from curate.app.decisions import collect
from curate.errors import ExportError
from curate.findings import KEEP
from curate.store.journal import Journal


def shown(dataset, sample_id):
    """Its decision tags and its label."""
    dataset.reload()
    one = sample(dataset, sample_id)
    tags = {t for t in one.tags if t in ("hard", "easy", "exclude", "ok") or ":" in t}
    return tags, one.ground_truth and one.ground_truth.label


def decided(run):
    table = run.table("decisions")
    columns = ["sample_id", "action", "value", "finding"]
    return list(table[columns].itertuples(index=False, name=None))


def test_a_verdict_replaces_the_one_before_and_leaves_other_tags(run, published):
    dataset = published(run)
    tag(dataset, "s001", "mine")
    assert len(decide(run, dataset, verdicts(["s001", "s002"], "hard"))) == 2
    decide(run, dataset, verdicts(["s001"], "easy"))
    assert shown(dataset, "s001")[0] == {"easy"}
    assert shown(dataset, "s002")[0] == {"hard"}
    assert "mine" in sample(dataset, "s001").tags
    assert decided(run) == [("s001", "easy", "", ""), ("s002", "hard", "", "")]
    decide(run, dataset, verdicts(["s001"], None))
    assert shown(dataset, "s001")[0] == set()
    assert decided(run) == [("s002", "hard", "", "")]


def test_accepting_does_what_the_finding_advises_and_only_where_it_is_flagged(run, published):
    dataset = published(run)
    every = run.table("samples")["sample_id"]
    events = decide(run, dataset, accept(run, "label_error", every))
    assert [(e.sample_id, e.old, e.new, e.finding) for e in events] == [
        ("s006", None, "dog", "label_error")
    ]
    assert shown(dataset, "s006") == (set(), "dog")
    decide(run, dataset, accept(run, "hard", every))
    assert shown(dataset, "s012")[0] == {"hard"}
    decide(run, dataset, reject(run, "orientation", every))
    assert decided(run) == [
        ("s000", "ok", "", "orientation"),
        ("s004", "ok", "", "orientation"),
        ("s006", "relabel", "dog", "label_error"),
        ("s012", "hard", "", "hard"),
    ]
    with pytest.raises(ExportError, match="Mark the images one by one"):
        accept(run, "split_shift", every)


def test_of_copies_the_one_to_keep_is_not_excluded(run):
    table = run.table("findings")
    rows = table["kind"] == "hard"
    table.loc[rows, "kind"] = "near_duplicate"
    table.loc[rows & table["sample_id"].isin(["s003", "s005"]), "flagged"] = True
    table.loc[rows & (table["sample_id"] == "s005"), "suggestion"] = KEEP
    run.write_table("findings", table)
    changes = accept(run, "near_duplicate", run.table("samples")["sample_id"])
    assert {c.sample_id for c in changes if c.value is not None} == {"s003", "s012"}
    assert {c.action for c in changes if c.value is not None} == {"exclude"}


def test_undo_takes_back_act_by_act(run, published):
    dataset = published(run)
    decide(run, dataset, relabels(["s000", "s023"], "dog"))
    decide(run, dataset, turns(["s000"], "vflip"))
    assert shown(dataset, "s000") == ({"turn:vflip"}, "dog")
    assert len(undo(run, dataset)[0]) == 1
    assert shown(dataset, "s000") == (set(), "dog")
    undo(run, dataset)
    assert shown(dataset, "s000") == (set(), "cat")
    assert shown(dataset, "s023") == (set(), None)
    assert undo(run, dataset) == ([], 0)
    assert decided(run) == []


def test_undo_spares_what_a_person_did_since(run, published):
    dataset = published(run)
    decide(run, dataset, relabels(["s000", "s003"], "dog"))
    one = sample(dataset, "s000")
    one.ground_truth.label = "owl"
    one.save()
    events, kept = undo(run, dataset)
    assert ([event.sample_id for event in events], kept) == (["s003"], 1)
    assert shown(dataset, "s000") == (set(), "owl")
    assert decided(run) == [("s000", "relabel", "owl", "")]


def test_what_cannot_be_is_refused_and_nothing_written(run, published):
    dataset = published(run)
    with pytest.raises(ExportError, match=r"3 classes of the run, found 'bird'"):
        decide(run, dataset, relabels(["s000"], "bird"))
    with pytest.raises(ExportError, match="Expected a turn of identity, hflip"):
        turns(["s000"], "upside")
    tag(dataset, "s001", "relabel:cat", "relabel:owl")
    with pytest.raises(ExportError, match=r"two on .*001\.png: cat and owl"):
        decide(run, dataset, verdicts(["s001"], "hard"))
    assert Journal(run).events() == []


def test_many_tabs_at_once_lose_nothing(run, published):
    dataset = published(run)
    ids = [f"s{i:03d}" for i in range(12)]

    def both(one):
        decide(run, load_fiftyone().load_dataset(dataset.name), verdicts([one], "hard"))
        decide(run, load_fiftyone().load_dataset(dataset.name), turns([one], "rot180"))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(both, ids))
    assert len(decided(run)) == 24
    for one in ids:
        assert shown(dataset, one)[0] == {"hard", "turn:rot180"}


def test_a_death_between_journal_and_dataset_loses_nothing(run, published, monkeypatch):
    dataset = published(run)
    agree, calls = deciding.reconcile, []

    def die(*args):
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return agree(*args)

    monkeypatch.setattr(deciding, "reconcile", die)
    with pytest.raises(KeyboardInterrupt):
        decide(run, dataset, verdicts(["s001"], "exclude"))
    assert shown(dataset, "s001")[0] == set()
    assert decided(run) == [("s001", "exclude", "", "")]
    collect(run)
    assert shown(dataset, "s001")[0] == {"exclude"}


def test_an_empty_database_gets_every_decision_back(run, published):
    dataset = published(run)
    decide(run, dataset, verdicts(["s001"], "exclude"))
    decide(run, dataset, relabels(["s002"], "dog"))
    decide(run, dataset, turns(["s003"], "rot90"))
    load_fiftyone().delete_dataset(dataset.name)
    run.table_path("decisions").unlink()
    dataset = published(run)
    assert shown(dataset, "s001")[0] == {"exclude"}
    assert shown(dataset, "s002") == (set(), "dog")
    assert shown(dataset, "s003")[0] == {"turn:rot90"}
    assert len(decided(run)) == 3
    assert undo(run, dataset)[0][0].sample_id == "s003"
