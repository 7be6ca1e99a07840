"""Whether an export still is what it was: every damage that can happen is found and named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from curate.errors import ExportError
from curate.pipeline.export import export
from curate.pipeline.exporting.check import check_export
from made_export import run_of

FORMATS = ["imagefolder", "webdataset", "parquet"]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    export(run_of(tmp_path / "run", tmp_path / "images"), tmp_path / "out", formats=FORMATS)
    return tmp_path / "out"


def test_a_fresh_export_is_right_and_so_is_one_that_was_moved(out, tmp_path):
    found = check_export(out)
    assert found.images == 24
    assert found.files == sum(1 for path in out.rglob("*") if not path.is_dir()) - 2
    assert check_export(out.rename(tmp_path / "moved")) == found


def test_no_image_is_read_twice(tmp_path):
    """Links to an image, hard or symbolic, and the image itself are one file on the disk."""
    run = run_of(tmp_path / "run", tmp_path / "images")
    sizes = sum(path.stat().st_size for path in (tmp_path / "images").rglob("*.png"))
    for link in ("symlink", "hardlink"):
        out = tmp_path / link
        export(run, out, formats=["imagefolder"], link=link)
        own = [p for p in out.rglob("*") if p.suffix != ".png" and p.is_file()]
        written = sum(
            p.stat().st_size for p in own if p.name not in ("curriculum.json", "files.csv")
        )
        assert check_export(out).read == sizes + written


def test_missing_images_are_named_by_fives_and_counted(out, tmp_path):
    gone = sorted((tmp_path / "images" / "val").rglob("*.png"))
    for path in gone:
        path.unlink()
    with pytest.raises(ExportError) as error:
        check_export(out)
    # Each is missing from the list and from the tree that links to it.
    assert f"found {2 * len(gone)} problems" in str(error.value)
    assert f"and {2 * len(gone) - 5} more" in str(error.value)
    assert "links to nothing" in str(error.value)
    assert error.value.exit_code == 2


def test_another_size_is_found_without_reading(out, tmp_path):
    victim = next((tmp_path / "images" / "test").rglob("*.png"))
    victim.write_bytes(b"short")
    with pytest.raises(ExportError, match=r"has 5 bytes, not \d+"):
        check_export(out)


def test_other_bytes_of_the_same_size_are_found_in_images_lists_and_shards(out, tmp_path):
    image = next((tmp_path / "images" / "val").rglob("*.png"))
    for victim, hits in (
        (image, 2),
        (out / "val.csv", 1),
        (out / "webdataset" / "val-000000.tar", 1),
    ):
        whole = victim.read_bytes()
        victim.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        with pytest.raises(ExportError, match=f"found {hits} problems") as error:
            check_export(out)
        assert f"{victim.name} has other content" in str(error.value) or hits == 2
        victim.write_bytes(whole)
    check_export(out)


def test_a_file_that_readers_would_take_is_found(out):
    (out / "notes.txt").write_text("a person's own, which no reader takes")
    check_export(out)
    (out / "imagefolder" / "train" / "cat" / "more.png").write_bytes(b"x")
    with pytest.raises(ExportError, match=r"imagefolder/train/cat/more\.png was added"):
        check_export(out)


def test_an_image_that_a_person_excluded_may_be_gone(tmp_path):
    from curate.store.journal import Change, Journal

    run = run_of(tmp_path / "run", tmp_path / "images")
    Journal(run).write([Change(f"{1:016x}", "exclude", "")], "app:plugin")
    Path(run.table("samples")["filepath"][1]).unlink()
    export(run, tmp_path / "out", formats=["imagefolder"])
    check_export(tmp_path / "out")


@pytest.mark.parametrize(
    ("about", "message"),
    [
        (None, "a folder without curriculum.json"),
        ("no json", "Expected JSON"),
        ('{"format": "other"}', "another program's"),
        ('{"format": "curate.export", "schema_version": 1}', "Export the run again"),
        ('{"format": "curate.export", "schema_version": 99}', "Update curate"),
    ],
)
def test_what_is_no_export_of_ours_is_said_to_be_none(tmp_path, about, message):
    if about is not None:
        (tmp_path / "curriculum.json").write_text(about)
    with pytest.raises(ExportError, match=message):
        check_export(tmp_path)


def test_a_changed_list_of_files_is_found(out):
    files = out / "files.csv"
    files.write_text(files.read_text().replace("val.csv", "vax.csv"))
    with pytest.raises(ExportError, match="found it changed"):
        check_export(out)
    files.unlink()
    with pytest.raises(ExportError, match=r"Expected the list of files"):
        check_export(out)


def test_a_damaged_table_is_an_error_of_ours(out):
    (out / "images.parquet").write_bytes(b"PAR1")
    with pytest.raises(ExportError, match=r"images\.parquet"):
        check_export(out)
    about = json.loads((out / "curriculum.json").read_text())
    assert about["files"] == "files.csv"
