from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from curate.store.schema import EPOCHS, EPOCHS_OPTIONAL
from curate.store.training import write_dynamics

OWN = np.array([[1.0, 0.0], [2.0, -1.0]])
OTHER = np.array([[0.5, 1.0], [0.0, 0.5]])
P = np.array([[0.6, 0.3], [0.9, 0.2]])


def write(path: Path, **changes: Any) -> Any:
    given: dict[str, Any] = {
        "sample_ids": ["a", "b"], "logit_true": OWN, "logit_other": OTHER, "p_true": P,
        "correct": OWN > OTHER, **changes,
    }  # fmt: skip
    write_dynamics(path, **given)
    return pq.read_table(path)


def test_a_row_an_image_and_epoch_with_the_schemas_types(tmp_path: Path) -> None:
    table = write(tmp_path / "new" / "d.parquet", first_epoch=1)
    assert {field.name: field.type for field in table.schema} == dict(EPOCHS)
    assert table.column("sample_id").to_pylist() == ["a", "b", "a", "b"]
    assert table.column("epoch").to_pylist() == [1, 1, 2, 2]
    assert table.column("logit_true").to_pylist() == [1, 0, 2, -1]
    assert table.column("correct").to_pylist() == [True, False, True, False]


def test_what_is_not_trained_on_has_no_row_and_may_be_anything(tmp_path: Path) -> None:
    own = np.array([[1.0, np.nan], [2.0, -1.0]])
    table = write(
        tmp_path / "d.parquet", logit_true=own, trained=np.isfinite(own),
        error_length=np.ones((2, 2)), labels=["cat", "dog"],
    )  # fmt: skip
    assert {field.name: field.type for field in table.schema} == {**EPOCHS, **EPOCHS_OPTIONAL}
    assert table.column("sample_id").to_pylist() == ["a", "a", "b"]
    assert table.column("label").to_pylist() == ["cat", "cat", "dog"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"logit_true": np.array([[1.0, 0.0], [np.nan, 0.0]])},
            "nan as logit_true of a in",
        ),
        ({"p_true": P[:1]}, "Expected arrays"),
        ({"sample_ids": ["a"]}, "Expected arrays"),
        ({"sample_ids": ["a", "a"]}, "every id once"),
        (
            {
                **{name: np.ones((3, 2)) for name in ("logit_true", "logit_other", "p_true")},
                "correct": np.ones((3, 2), dtype=bool),
                "trained": np.array([[True, True], [True, False], [True, True]]),
            },
            "found b to pause",
        ),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_written(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        write(tmp_path / "d.parquet", **changes)
    assert not list(tmp_path.iterdir())
