"""A preset's policy beside what the run knows: unsafe classes are left alone, by name."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from curate.pipeline.sparing import spared
from curate.recipe.sketch_winner import sketch_winner_policy
from curate.store.run import Run

DIGITS = tuple("0123456789")


def with_evidence(run: Run) -> None:
    rows = [
        ("vertical_flip", 1.0, ["2", "5"], ["6"]),
        ("rotate", 5.0, [], []),
        ("rotate", 10.0, [], ["1"]),
        ("rotate", 20.0, ["9"], []),
        ("rotate", 45.0, ["4"], []),
        ("mixup", None, [], []),
    ]
    names = ("transform", "level", "swaps", "not_known")
    (run.path / "policy").mkdir()
    table = pa.table(dict(zip(names, zip(*rows, strict=True), strict=True)))
    pq.write_table(table, run.path / "policy" / "policy_evidence.parquet")


def test_classes_that_the_evidence_calls_unsafe_are_left_alone(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "run")
    with_evidence(run)
    empty, turned, distorted = spared(sketch_winner_policy(DIGITS, 0), run).stages
    assert empty == ()
    assert [step.transform for step in turned] == ["horizontal_flip", "vertical_flip", "rotate"]
    # Up to 10 degrees what was measured at 5 and 10 counts, up to 15 that at 20 as well.
    assert [step.excluded_classes for step in turned] == [(), ("2", "5", "6"), ("1",)]
    assert distorted[2].excluded_classes == ("1", "9")
    assert "2, 5, 6 left alone by policy/policy_evidence.parquet" in turned[1].reason
    assert [step.excluded_classes for step in distorted[3:]] == [(), ()]


def test_without_evidence_a_policy_stays_as_it_is(tmp_path: Path) -> None:
    policy = sketch_winner_policy(DIGITS, 0)
    assert spared(policy, Run.create(tmp_path / "run")) == policy
