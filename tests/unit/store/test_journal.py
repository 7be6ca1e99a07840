"""The journal of decisions: what is written stays, whatever happens around it."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.errors import RunError
from curate.store.journal import BEFORE, Change, Journal, as_table, fold
from curate.store.run import Run
from curate.store.schema import ACTIONS

PLUGIN = "app:plugin"


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(Run.create(tmp_path / "run"))


def rows(journal: Journal) -> list[tuple[str, str, str]]:
    table = journal.run.table("decisions")
    return list(table[["sample_id", "action", "value"]].itertuples(index=False, name=None))


def test_the_last_word_counts_and_both_are_kept(journal: Journal) -> None:
    journal.write([Change("a", "relabel", "cat", "label_error")], PLUGIN)
    journal.write([Change("a", "relabel", "dog")], PLUGIN)
    first, second = journal.events()
    assert (first.old, first.new, first.finding) == (None, "cat", "label_error")
    assert (second.old, second.new, second.finding) == ("cat", "dog", "")
    assert first.time <= second.time
    assert rows(journal) == [("a", "relabel", "dog")]


def test_a_change_to_what_already_is_writes_nothing(journal: Journal) -> None:
    assert len(journal.write([Change("a", "hard", ""), Change("a", "hard", "")], PLUGIN)) == 1
    assert journal.write([Change("a", "hard", ""), Change("b", "easy", None)], PLUGIN) == []
    assert len(journal.events()) == 1


def test_undo_puts_back_what_was_and_spares_what_was_decided_since(journal: Journal) -> None:
    journal.write([Change("a", "relabel", "cat")], PLUGIN)
    journal.write([Change(one, "relabel", "dog") for one in "abc"], PLUGIN)
    journal.write([Change("c", "relabel", "owl")], "app:label")
    act = journal.last_act(PLUGIN)
    assert {event.sample_id for event in act} == {"a", "b", "c"}
    written, kept = journal.undo(act)
    assert (len(written), kept) == (2, 1)
    assert rows(journal) == [("a", "relabel", "cat"), ("c", "relabel", "owl")]
    # The undone act and its undoing are no acts to undo: the one before is next, then none.
    assert [event.sample_id for event in journal.last_act(PLUGIN)] == ["a"]
    journal.undo(journal.last_act(PLUGIN))
    assert journal.last_act(PLUGIN) == []
    assert len(journal.events()) == 8


def test_a_line_that_was_never_finished_is_left_out_and_the_next_is_whole(
    journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    journal.write([Change("a", "hard", "")], PLUGIN)
    with journal.path.open("ab") as file:
        file.write(b'{"time": "2026-01-01", "batch": "x", "sam')
    assert [event.sample_id for event in journal.events()] == ["a"]
    with caplog.at_level(logging.WARNING, logger="curate"):
        journal.write([Change("b", "easy", "")], PLUGIN)
    assert "never finished" in caplog.text
    assert [event.sample_id for event in journal.events()] == ["a", "b"]
    assert all(json.loads(line) for line in journal.path.read_text("utf-8").splitlines())


def test_a_spoilt_line_is_named(journal: Journal) -> None:
    journal.write([Change("a", "hard", "")], PLUGIN)
    with journal.path.open("ab") as file:
        file.write(b"spoilt\n")
    with pytest.raises(RunError, match=r"line 2 of .*decisions\.jsonl.*Correct or remove"):
        journal.state()


def test_a_lost_table_comes_back_from_the_journal(journal: Journal) -> None:
    journal.write([Change("a", "exclude", "", "outlier")], PLUGIN)
    journal.run.table_path("decisions").unlink()
    journal.compact()
    table = journal.run.table("decisions")
    assert table[["action", "source", "finding"]].to_numpy().tolist() == [
        ["exclude", PLUGIN, "outlier"]
    ]


def test_a_death_between_line_and_table_leaves_no_old_table(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.write([Change("a", "hard", "")], PLUGIN)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "_compact", die)
        with pytest.raises(KeyboardInterrupt):
            journal.write([Change("b", "easy", "")], PLUGIN)
    assert rows(journal) == [("a", "hard", "")]
    journal.compact()
    assert rows(journal) == [("a", "hard", ""), ("b", "easy", "")]


def test_decisions_of_a_run_without_a_journal_are_its_beginning(journal: Journal) -> None:
    table = pd.DataFrame(
        {
            "sample_id": ["a", "b"], "action": ["hard", "relabel"], "value": ["", "dog"],
            "source": ["app:tag", "app:label"], "finding": "", "time": "",
        }
    )  # fmt: skip
    journal.run.write_table("decisions", table)
    journal.write([Change("c", "easy", "")], PLUGIN)
    assert [event.batch == BEFORE for event in journal.events()] == [True, True, False]
    assert rows(journal) == [("a", "hard", ""), ("b", "relabel", "dog"), ("c", "easy", "")]


def test_many_writers_at_once_lose_nothing(journal: Journal) -> None:
    def decide(i: int) -> None:
        Journal(journal.run).write([Change(f"s{i}", "hard", "")], PLUGIN)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(decide, range(24)))
    assert len(journal.events()) == len(rows(journal)) == 24


def test_a_writer_killed_after_it_was_told_so_has_lost_nothing(journal: Journal) -> None:
    program = (
        "import os, sys\n"
        "from curate.store.journal import Change, Journal\n"
        "from curate.store.run import Run\n"
        f"Journal(Run({str(journal.run.path)!r})).write([Change('a', 'hard', '')], 'x')\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], check=False)
    assert done.returncode == -9
    assert list(journal.state()) == ["a"]


SOME = st.lists(
    st.builds(
        Change,
        sample_id=st.sampled_from("abc"),
        action=st.sampled_from(ACTIONS),
        value=st.none() | st.text(max_size=3),
        finding=st.sampled_from(["", "hard"]),
    ),
    max_size=12,
)


@given(st.lists(SOME, max_size=4))
def test_any_acts_come_to_the_last_words_and_undo_to_nothing(
    tmp_path_factory: pytest.TempPathFactory, acts: list[list[Change]]
) -> None:
    journal = Journal(Run.create(tmp_path_factory.mktemp("run")))
    expected: dict[tuple[str, str], str | None] = {}
    for act in acts:
        journal.write(act, PLUGIN)
        expected |= {(change.sample_id, change.action): change.value for change in act}
    state = fold(journal.events())
    got = {(i, action): event.new for i, own in state.items() for action, event in own.items()}
    assert got == {key: value for key, value in expected.items() if value is not None}
    assert len(as_table(state, "cab")) == len(got)
    while act := journal.last_act(PLUGIN):
        assert journal.undo(act)[1] == 0
    assert journal.state() == {}
