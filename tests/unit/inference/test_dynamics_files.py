from __future__ import annotations

import logging
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curate.errors import ModelError
from curate.inference.dynamics_files import read_dynamics
from curate.numerics import dynamics
from curate.progress import log
from curate.store.schema import DYNAMICS
from curate.store.training import write_dynamics
from made_catalog import images

TABLE = images(label=["cat", "cat", "dog", "dog"])
IDS = TABLE["sample_id"].tolist()


def frame(**columns: Any) -> pd.DataFrame:
    """Two epochs of the first three images; the third is taken for a cat in both."""
    own = np.array([1.0, 2.0, -1.0, 3.0, 4.0, -3.0])
    other = np.array([0.0, 0.0, 1.0, 0.0, 0.0, 1.0])
    made = {
        "sample_id": IDS[:3] * 2,
        "epoch": [0, 0, 0, 1, 1, 1],
        "logit_true": own,
        "logit_other": other,
        "p_true": 1 / (1 + np.exp(other - own)),
        "correct": own > other,
    }
    return pd.DataFrame({**made, **columns})


def save(path: Path, table: pd.DataFrame) -> Path:
    if path.suffix == ".parquet":
        table.to_parquet(path, index=False)
    else:
        table.to_csv(path, index=False, sep="\t" if path.suffix == ".tsv" else ",")
    return path


@pytest.fixture(autouse=True)
def logs(caplog) -> pytest.LogCaptureFixture:
    log.propagate = True
    caplog.set_level(logging.INFO, "curate")
    return caplog


@pytest.mark.parametrize("form", ["csv", "tsv", "parquet"])
def test_rows_in_any_order_become_one_an_image_in_the_catalogs(tmp_path: Path, form: str) -> None:
    path = save(tmp_path / f"d.{form}", frame().sample(frac=1, random_state=3))
    found = read_dynamics(path, TABLE)
    assert list(found.table.columns) == list(DYNAMICS)
    assert found.table["sample_id"].tolist() == IDS
    np.testing.assert_allclose(found.table["aum"], [2, 3, -3, np.nan])
    np.testing.assert_allclose(found.table["forgetting"], [0, 0, 2, np.nan])
    assert found.table.loc[3, list(DYNAMICS)[2:]].isna().all()
    assert found.info == {
        "file": str(path), "rows": 6, "images": 4, "covered": 3, "epochs": 2, "ids": "sample_id",
        "notes": [],
    }  # fmt: skip


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_paths_truth_in_figures_and_ids_as_categories_are_read(tmp_path: Path, form: str) -> None:
    table = frame(correct=[1, 1, 0, 1, 1, 0]).drop(columns="sample_id")
    table["filepath"] = pd.Categorical(TABLE["filepath"].tolist()[:3] * 2)
    found = read_dynamics(save(tmp_path / f"d.{form}", table), TABLE)
    np.testing.assert_allclose(found.table["aum"], [2, 3, -3, np.nan])
    assert found.info["ids"] == "path"


def test_an_image_that_comes_late_counts_by_its_own_epochs(tmp_path: Path) -> None:
    found = read_dynamics(save(tmp_path / "d.csv", frame().drop(index=1)), TABLE)
    np.testing.assert_allclose(found.table["aum"], [2, 4, -3, np.nan])


def test_error_length_is_taken_where_it_is_there(tmp_path: Path) -> None:
    path = save(tmp_path / "d.parquet", frame(error_length=[0.1, 0.2, 0.9, 0.3, 0.4, 0.7]))
    np.testing.assert_allclose(
        read_dynamics(path, TABLE).table["el2n"], [0.2, 0.3, 0.8, np.nan], atol=1e-6
    )


def test_images_of_others_are_passed_over_and_named(tmp_path: Path, logs) -> None:
    table = frame(sample_id=[*IDS[:2], "gone"] * 2)
    found = read_dynamics(save(tmp_path / "d.csv", table), TABLE)
    assert found.table["aum"].notna().tolist() == [True, True, False, False]
    assert "1 of 3 ids name no image of this run and are passed over: 'gone'" in logs.text


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_what_an_image_was_trained_as_is_kept_and_another_label_named(
    tmp_path: Path, logs, form: str
) -> None:
    table = frame(label=["cat", "dog", None] * 2)
    found = read_dynamics(save(tmp_path / f"d.{form}", table), TABLE)
    # The third does not say what it was trained as, the fourth was not trained on.
    assert found.table["label"].tolist() == ["cat", "dog", "dog", "dog"]
    assert found.table["aum"].notna().tolist() == [True, True, True, False]
    assert "1 images were trained as another class" in logs.text
    assert read_dynamics(save(tmp_path / "d.csv", frame()), TABLE).info["notes"] == []


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (frame().drop(columns="logit_other"), "found none called 'logit_other'. Save a row"),
        (frame().drop(columns="sample_id"), r"none called 'sample_id \(or filepath\)'"),
        (frame().iloc[:0], "Expected rows in .*, found none"),
        (frame(sample_id=list("abcabc")), "found 3 of 3 that name none"),
        (frame(sample_id=[IDS[0], None, *IDS[2:4], *IDS[:2]]), "none in 1 of 6, first in row 2"),
        (frame(epoch=[0, 0, 0, 1, 0, 1]), f"1 more, first of '{IDS[1]}' in epoch 0. Keep one"),
        (frame(epoch=[0, 0, 0, 1, 3, 1]), f"1 gaps, first of '{IDS[1]}' between epochs 0 and 3"),
        (frame(epoch=[0, 0, 0, 1, 1.5, 1]), "Expected whole numbers of epochs"),
        (frame(epoch=[-1, -1, -1, 0, 0, 0]), "Expected whole numbers of epochs"),
        (frame(logit_true=[1, 2, np.nan, 3, 4, -3]), f"in 1 of 6 rows, first of '{IDS[2]}' in e"),
        (frame(logit_other=[0, 0, 1, 0, -np.inf, 1]), f"first of '{IDS[1]}' in epoch 1. Record"),
        (frame(p_true=[0.7, 0.9, 0.1, 1.2, 0.9, 0.1]), "Expected probabilities in p_true"),
        (frame(p_true=list("abcdef")), "Expected numbers in"),
        (frame(correct=[True, True, True, True, True, False]), f"in 1 of 6 rows.* '{IDS[2]}' in"),
        (frame(correct=[True, None, False, True, True, False]), "found nothing in 1 of column"),
        (frame(correct=["yes"] * 6), "found a fault"),
        (frame(error_length=-1.0), "Expected lengths in error_length"),
        (frame(label=["cat"] * 5 + ["dog"]), f"Expected one label .* several of '{IDS[2]}'"),
    ],
)
@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_files_that_cannot_be_are_said(
    tmp_path: Path, table: pd.DataFrame, message: str, form: str
) -> None:
    with pytest.raises(ModelError, match=message):
        read_dynamics(save(tmp_path / f"d.{form}", table), TABLE)


def test_no_file_and_no_table_are_said(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"found none\. Check the path"):
        read_dynamics(tmp_path / "d.parquet", TABLE)
    with pytest.raises(ModelError, match=r"as \.csv, \.tsv, \.parquet, found"):
        read_dynamics(tmp_path / "d.npz", TABLE)
    (tmp_path / "d.parquet").write_bytes(b"hello")
    with pytest.raises(ModelError, match="Expected a Parquet file"):
        read_dynamics(tmp_path / "d.parquet", TABLE)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    n=st.integers(1, 5), n_epochs=st.integers(1, 6), n_classes=st.integers(2, 5),
    seed=st.integers(0, 2**16), lengths=st.booleans(), ragged=st.booleans(),
    first_epoch=st.integers(0, 3), form=st.sampled_from(["parquet", "csv"]),
)  # fmt: skip
def test_what_a_trainer_writes_is_read_as_what_it_knew(
    n: int, n_epochs: int, n_classes: int, seed: int, lengths: bool, ragged: bool,
    first_epoch: int, form: str,
) -> None:  # fmt: skip
    rng = np.random.default_rng(seed)
    table = images(label=[f"c{c}" for c in rng.integers(0, n_classes, n)])
    labels = table["label"].str[1:].astype(int).to_numpy()
    logits = rng.normal(scale=3, size=(n_epochs, n, n_classes)).astype(np.float32)
    probs = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
    at = np.arange(n)
    own, p = logits[:, at, labels], probs[:, at, labels]
    rest = logits.copy()
    rest[:, at, labels] = -np.inf
    other = rest.max(axis=2)
    error = np.stack([dynamics.error_length(e, labels) for e in probs]) if lengths else None
    start = rng.integers(0, n_epochs, n) if ragged else np.zeros(n, dtype=int)
    trained = np.arange(n_epochs)[:, None] >= start
    order = rng.permutation(n)
    ids = table["sample_id"].tolist()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "d.parquet"
        write_dynamics(
            path, [ids[i] for i in order], own[:, order], other[:, order], p[:, order],
            (own > other)[:, order], error_length=None if error is None else error[:, order],
            labels=table["label"].iloc[order].tolist(), trained=trained[:, order],
            first_epoch=first_epoch,
        )  # fmt: skip
        if form == "csv":
            save(path.with_suffix(".csv"), pd.read_parquet(path))
            path = path.with_suffix(".csv")
        found = read_dynamics(path, table)
    for i in range(n):
        one = np.s_[start[i] :, i : i + 1]
        wanted = dynamics.table(
            own[one], other[one], (own > other)[one], p[one],
            None if error is None else error[one],
        )  # fmt: skip
        np.testing.assert_allclose(
            found.table.loc[i, list(wanted)].astype(float), wanted.iloc[0], rtol=1e-4, atol=1e-5
        )
    assert found.info["covered"] == n
    assert found.info["epochs"] == n_epochs - start.min()
