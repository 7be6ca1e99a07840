from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curate.errors import ModelError
from curate.inference.prediction_files import files_of
from curate.inference.predictions import read_predictions
from curate.progress import log
from made_catalog import images

CLASSES = ("cat", "dog", "großer Fuchs")
PROBS = np.float32([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.25, 0.25, 0.5], [0.3, 0.3, 0.4]])
LOGITS = np.float32([[2, -1, 0], [0, 3, 1], [-1, -2, 5], [7, 0, 0]])


def catalog() -> pd.DataFrame:
    return images(label=["cat", "cat", "großer Fuchs", None])


def frame(values=PROBS, prefix: str = "", **more) -> pd.DataFrame:
    columns = {prefix + name: values[:, i] for i, name in enumerate(CLASSES)}
    return pd.DataFrame({"sample_id": catalog()["sample_id"][: len(values)], **columns, **more})


def csv(path: Path, table: pd.DataFrame, **options) -> Path:
    table.to_csv(path, index=False, **options)
    return path


def softmax(values: np.ndarray) -> np.ndarray:
    powers = np.exp(values - values.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def read(*paths: Path, classes=CLASSES, table: pd.DataFrame | None = None):
    return read_predictions(paths, catalog() if table is None else table, classes)


@pytest.fixture(autouse=True)
def logs(caplog) -> pytest.LogCaptureFixture:
    log.propagate = True
    caplog.set_level(logging.INFO, "curate")
    return caplog


@pytest.mark.parametrize("prefix", ["", "p_", "prob_", "probability_"])
@pytest.mark.parametrize("form", ["csv", "semicolons.csv", "tsv", "parquet"])
def test_a_table_is_read_in_the_catalogs_order(tmp_path, prefix, form) -> None:
    table = frame(prefix=prefix).sample(frac=1, random_state=1)
    table = table[[*reversed(table.columns)]]
    path = tmp_path / f"p.{form}"
    if form == "parquet":
        table.to_parquet(path, index=False)
    else:
        csv(path, table, sep={"csv": ",", "tsv": "\t"}.get(form, ";"))
    found = read(path)
    np.testing.assert_allclose(found.pred_probs, PROBS, atol=1e-6)
    assert found.pred_probs.dtype == np.float32
    assert found.covered.all()
    assert found.info["files"] == [{
        "file": str(path), "rows": 4, "covered": 4, "kind": "probabilities", "ids": "sample_id",
        "labelled": 3, "accuracy": 2 / 3,
        "accuracy_interval": pytest.approx([0.208, 0.939], abs=1e-3),
    }]  # fmt: skip
    assert found.info["notes"] == []


@pytest.mark.parametrize("prefix", ["", "logit_", "score_"])
def test_logits_become_probabilities(tmp_path, prefix) -> None:
    found = read(csv(tmp_path / "p.csv", frame(LOGITS, prefix)))
    np.testing.assert_allclose(found.pred_probs, softmax(LOGITS), rtol=1e-5)
    assert found.info["files"][0]["kind"] == "logits"


def test_logits_that_are_said_to_be_such_may_look_like_anything(tmp_path) -> None:
    found = read(csv(tmp_path / "p.csv", frame(PROBS, "logit_")))
    np.testing.assert_allclose(found.pred_probs, softmax(PROBS), rtol=1e-5)


def test_rounded_probabilities_sum_to_one_afterwards(tmp_path) -> None:
    rough = frame(np.float32([[0.3333, 0.3333, 0.3333]] * 4))
    found = read(csv(tmp_path / "p.csv", rough))
    np.testing.assert_allclose(found.pred_probs.sum(axis=1), 1, atol=1e-6)


def test_several_files_are_averaged_over_those_that_have_the_image(tmp_path, logs) -> None:
    one = csv(tmp_path / "one.csv", frame().iloc[:2])
    two = tmp_path / "two.npz"
    np.savez(two, ids=catalog()["sample_id"].to_numpy(str)[1:3], logits=LOGITS[1:3],
             class_names=np.array(CLASSES))  # fmt: skip
    found = read(one, two)
    np.testing.assert_allclose(found.pred_probs[0], PROBS[0], atol=1e-6)
    np.testing.assert_allclose(found.pred_probs[1], (PROBS[1] + softmax(LOGITS)[1]) / 2, rtol=1e-5)
    np.testing.assert_allclose(found.pred_probs[2], softmax(LOGITS)[2], rtol=1e-5)
    assert np.isnan(found.pred_probs[3]).all()
    assert found.covered.tolist() == [True, True, True, False]
    assert [file["covered"] for file in found.info["files"]] == [2, 2]
    assert [file["kind"] for file in found.info["files"]] == ["probabilities", "logits"]
    assert (found.info["covered"], found.info["images"]) == (3, 4)
    assert "1 of 4 images have no prediction: '/data/train//3.jpg'" in logs.text


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("filepath", ["/data/train/cat/0.jpg", "/data/train/cat/1.jpg"]),
        ("image_path", ["cat/0.jpg", "cat/1.jpg"]),
        ("File Name", ["0.jpg", "1.jpg"]),
        ("ID", ["0", "1"]),
        ("", ["0.jpg", "1.jpg"]),
    ],
)
@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_ids_are_found_by_the_columns_usual_name(tmp_path, column, values, form) -> None:
    table = frame().iloc[:2].rename(columns={"sample_id": column}).assign(**{column: values})
    path = tmp_path / f"p.{form}"
    if form == "csv":
        csv(path, table)
    elif column:
        table.to_parquet(path, index=False)
    else:
        table.set_index(column).rename_axis(None).to_parquet(path)
    np.testing.assert_allclose(read(path).pred_probs[:2], PROBS[:2], atol=1e-6)


def test_row_numbers_are_no_ids(tmp_path) -> None:
    path = tmp_path / "p.csv"
    frame().drop(columns="sample_id").to_csv(path)
    with pytest.raises(ModelError, match="Expected a column of ids in"):
        read(path)  # though the files are called 0.jpg, 1.jpg...


def test_ids_keep_their_zeros(tmp_path) -> None:
    table = catalog().assign(sample_id=["007", "7", "08", "8"])
    path = csv(tmp_path / "p.csv", frame().assign(sample_id=["8", "08", "7", "007"]))
    np.testing.assert_allclose(read(path, table=table).pred_probs, PROBS[::-1], atol=1e-6)


def test_other_columns_are_passed_over_and_it_is_said(tmp_path, logs) -> None:
    path = tmp_path / "p.csv"
    frame(label="cat", comment="").to_csv(path)  # with the index, a nameless column of numbers
    assert read(path).covered.all()
    assert "columns that are no classes are passed over: 'label', 'comment'" in logs.text
    csv(path, frame(prefix="p_", width=64))
    assert read(path).covered.all()


def test_unknown_ids_are_counted_and_named(tmp_path, logs) -> None:
    path = csv(tmp_path / "p.csv", frame().assign(sample_id=[*catalog()["sample_id"][:3], "gone"]))
    assert read(path).covered.tolist() == [True, True, True, False]
    assert "1 of 4 ids name no image of this run and are passed over: 'gone'" in logs.text


@pytest.mark.parametrize("form", ["txt", "csv", "csv without a usual name", "npy", "npy of ints"])
def test_an_array_has_its_ids_beside_it(tmp_path, form, logs) -> None:
    path, beside = tmp_path / "p.npy", tmp_path / f"p.ids.{form[:3]}"
    np.save(path, PROBS[::-1])
    ids, table = catalog()["sample_id"].tolist()[::-1], catalog()
    if form == "txt":
        beside.write_text("\n".join(ids) + "\n")
    elif form == "npy":
        np.save(beside, np.array(ids))
    elif form == "npy of ints":
        table = table.assign(sample_id=["1", "2", "3", "4"])
        np.save(beside, np.array([4, 3, 2, 1]))
    else:
        name = "file" if form == "csv" else "whatever"
        csv(beside, pd.DataFrame({name: ids}))
    found = read(path, table=table)
    np.testing.assert_allclose(found.pred_probs, PROBS, atol=1e-6)
    assert "names no classes: its columns are taken in the run's order" in logs.text
    assert files_of(path) == [path, beside]


def test_the_order_of_an_arrays_columns_is_said_beside_it(tmp_path) -> None:
    path = tmp_path / "p.npy"
    np.save(path, PROBS[:, ::-1])
    (tmp_path / "p.ids.txt").write_text("\n".join(catalog()["sample_id"]))
    (tmp_path / "p.classes.txt").write_text("\n".join(CLASSES[::-1]), "utf-8")
    np.testing.assert_allclose(read(path).pred_probs, PROBS, atol=1e-6)
    (tmp_path / "p.classes.txt").write_text("cat\ndog\nwolf")
    with pytest.raises(ModelError, match="missing there 'großer Fuchs'; only there 'wolf'"):
        read(path)


IDS = catalog()["sample_id"].to_numpy(str)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (frame().drop(columns="dog"), r"missing there 'dog'; only there none\."),
        (frame(wolf=0.1), r"missing there none; only there 'wolf'\."),
        (frame().rename(columns={"cat": "Cat"}), "missing there 'cat'; only there 'Cat'"),
        (frame(prefix="p_", p_wolf=0.0), "only there 'p_wolf'"),
        (frame().drop(columns="sample_id"), r"ids in .* none beside the classes \(no other column"),
        (frame().assign(sample_id=["a", None, "b", "c"]), "none in 1 of 4, first in row 2"),
        (frame().assign(sample_id="a"), "found 1 ids more than once: 'a'"),
        (frame().assign(sample_id=list("abcd")), "found 4 of 4 that name none"),
        (frame().assign(dog=["0.1", "x", "0.1", "0.1"]), "Expected numbers in .*'?x'?"),
        (frame().assign(dog=[0.2, None, 0.1, 0.1]), f"found NaN, .* in 1 rows: '{IDS[1]}'"),
        (frame().assign(dog=[0.2, 0.1, np.inf, 0.1]), f"found NaN, .* in 1 rows: '{IDS[2]}'"),
        (frame(PROBS * 100), "found rows that all sum to 100. Divide them"),
        (frame(PROBS * [[1], [1], [1], [0.5]]), "found 1 of 4 that do not: .*sums to 0.5, from"),
        (frame(PROBS.clip(0.3)), "found 3 of 4 that do not.*independent classes.*logit_CLASS"),
        (frame(LOGITS, "p_"), "found 4 of 4 that do not"),
        (frame(np.vstack([PROBS[:2], LOGITS[2:]])), f"found 2 of 4 that do not: '{IDS[2]}'"),
        (frame().iloc[:0], "Expected rows in .*, found none"),
    ],
)
@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_tables_that_cannot_be_are_said(tmp_path, table, message, form) -> None:
    path = tmp_path / f"p.{form}"
    if form == "csv":
        csv(path, table)
    else:
        table.to_parquet(path, index=False)
    with pytest.raises(ModelError, match=message):
        read(path)


ARRAYS: dict[str, tuple[dict[str, np.ndarray], str]] = {
    "no ids": ({"probs": PROBS}, r"Expected `ids` and either .* found 'probs'\."),
    "two": ({"ids": IDS, "probs": PROBS, "logits": LOGITS}, "Expected `ids` and either"),
    "short": ({"ids": IDS[:3], "probs": PROBS}, r"Expected 3 rows .*of 3 columns .*found 4 x 3"),
    "narrow": ({"ids": IDS, "probs": PROBS[:, :2]}, "found 4 x 2"),
    "flat": ({"ids": IDS, "probs": PROBS[0]}, r"found shape \(3,\)"),
    "texts": ({"ids": IDS, "probs": PROBS.astype(str)}, "Expected a table of numbers"),
    "objects": ({"ids": np.array([None] * 4), "probs": PROBS}, "Expected arrays in .*pickle"),
    "classes": (
        {"ids": IDS, "probs": PROBS, "class_names": np.array(["cat", "dog", "cat"])},
        "found 'cat' more than once",
    ),
    "odd ids": ({"ids": np.zeros((4, 1)), "probs": PROBS}, "Expected a list of texts"),
}


@pytest.mark.parametrize("case", ARRAYS)
def test_arrays_that_cannot_be_are_said(tmp_path, case) -> None:
    arrays, message = ARRAYS[case]
    np.savez(tmp_path / "p.npz", **arrays)
    with pytest.raises(ModelError, match=message):
        read(tmp_path / "p.npz")


def test_files_that_cannot_be_are_said(tmp_path) -> None:
    np.save(tmp_path / "p.npy", PROBS)
    with pytest.raises(ModelError, match=r"Expected the ids of the 4 rows .*p\.ids\.txt"):
        read(tmp_path / "p.npy")
    (tmp_path / "p.ids.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ModelError, match=r"p.ids.txt in UTF-8"):
        read(tmp_path / "p.npy")
    for name, content, message in [
        ("a.csv", b"", "Expected a header"),
        ("b.csv", b"\xff\xfe,\x00", "Expected a CSV in UTF-8"),
        ("c.csv", b"cat,cat,id\n1,2,3\n", "found 'cat' more than once"),
        ("d.csv", f"id,{','.join(CLASSES)}\n1,0.1\n".encode(), "found a fault"),
        ("e.parquet", b"hello", "Expected a Parquet file"),
        ("f.npz", b"hello", "Expected arrays in"),
        ("g.npy", b"hello", "Expected an array in"),
        ("h.json", b"{}", "Expected predictions as .csv"),
    ]:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ModelError, match=message):
            read(tmp_path / name)
    with pytest.raises(ModelError, match=r"found none\. Check the path"):
        read(tmp_path / "gone.csv")
    with pytest.raises(ModelError, match="at least one file"):
        read()


def save_csv(folder: Path, ids: list[str], probs: np.ndarray, names: list[str]) -> Path:
    path = folder / "p.csv"
    pd.DataFrame(probs, columns=names, index=pd.Index(ids, name="sample_id")).to_csv(path)
    return path


def save_parquet(folder: Path, ids: list[str], probs: np.ndarray, names: list[str]) -> Path:
    path = folder / "p.parquet"
    pd.DataFrame(probs, columns=names).assign(sample_id=ids).to_parquet(path)
    return path


def save_npz(folder: Path, ids: list[str], probs: np.ndarray, names: list[str]) -> Path:
    path = folder / "p.npz"
    np.savez(path, ids=np.array(ids), probs=probs, class_names=np.array(names))
    return path


# Names as folders have them: no control characters, and no space at an end, which tables drop.
name = st.text(
    st.characters(codec="utf-8", exclude_categories=("C", "Z"), exclude_characters="\0"),
    min_size=1, max_size=8,
)  # fmt: skip


@pytest.mark.parametrize("save", [save_csv, save_parquet, save_npz])
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(
    names=st.lists(name, min_size=2, max_size=5, unique=True),
    n=st.integers(1, 6),
    seed=st.integers(0, 2**16),
)
def test_what_is_saved_is_read_back(
    save: Callable[..., Path], names: list[str], n: int, seed: int
) -> None:
    names = [f"c{one}" for one in names]  # never a usual name of ids
    rng = np.random.default_rng(seed)
    probs = rng.dirichlet(np.ones(len(names)), n).astype(np.float32)
    ids = [f"{i:016x}" for i in range(n)]
    table = images(label=[names[0]] * n)
    order = rng.permutation(n)
    columns = rng.permutation(len(names))
    with TemporaryDirectory() as folder:
        path = save(
            Path(folder), [ids[i] for i in order], probs[order][:, columns],
            [names[c] for c in columns],
        )  # fmt: skip
        found = read_predictions([path], table, tuple(names))
    np.testing.assert_allclose(found.pred_probs, probs, atol=1e-6)
    assert found.info["accuracy"] == np.mean(probs.argmax(axis=1) == 0)
