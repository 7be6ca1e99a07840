from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from curate.detectors import DETECTORS, choosing, chosen_detectors
from curate.detectors.choosing import broken_promise, load_installed
from curate.errors import DetectorError
from made_evidence import make_evidence

EXAMPLE = Path(__file__).parents[3] / "examples" / "dark_detector"


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator:
    """Puts a package with one entry point on the path, as pip would, and takes it away again."""
    before = dict(DETECTORS)

    def install(source: str, entry: str = "dark = plugged:Dark") -> None:
        about = tmp_path / "plugged-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: plugged\nVersion: 1.0\n")
        (about / "entry_points.txt").write_text(f"[{choosing.GROUP}]\n{entry}\n")
        (tmp_path / "plugged.py").write_text(source)
        monkeypatch.syspath_prepend(str(tmp_path))

    load_installed.cache_clear()
    yield install
    load_installed.cache_clear()
    sys.modules.pop("plugged", None)
    DETECTORS.clear()
    DETECTORS.update(before)


def test_all_or_those_that_are_named_in_order() -> None:
    assert list(chosen_detectors()) == sorted(DETECTORS)
    assert list(chosen_detectors(["outlier", "hard"])) == ["hard", "outlier"]
    with pytest.raises(DetectorError, match=r"among .*hard.*, found 'hrad'"):
        chosen_detectors(["hrad", "hard"])


def test_the_example_is_found_by_its_entry_point_and_works(install) -> None:
    project = (EXAMPLE / "pyproject.toml").read_text("utf-8")
    assert '[project.entry-points."curate.detectors"]\ndark = "dark_detector:Dark"' in project
    install((EXAMPLE / "dark_detector.py").read_text("utf-8"))
    dark = chosen_detectors(["dark"])["dark"]
    evidence = make_evidence()
    assert evidence.image_stats is not None
    evidence.image_stats.loc[:, "brightness"] = 0.5
    evidence.image_stats.loc[7, "brightness"] = 0.02
    found = dark.detect(evidence)
    assert found.flagged["sample_id"].tolist() == [evidence.sample_ids[7]]
    assert found.flagged["reason"].tolist() == ["mean brightness 0.02, below 0.1"]


def test_a_detector_that_registers_itself_is_no_second_one(install) -> None:
    source = (EXAMPLE / "dark_detector.py").read_text("utf-8")
    body = source.split('"""\n', 1)[1].replace("@dataclass(", "@register\n@dataclass(")
    install("from curate.detectors import register\n" + body)
    assert "dark" in chosen_detectors()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import nowhere_to_be_found", "plugged:Dark of the package plugged to be imported, found "
         "ModuleNotFoundError"),
        ("class Dark: pass", "Expected a frozen dataclass in the detector plugged:Dark"),
    ],
)  # fmt: skip
def test_one_that_cannot_be_used_is_named(install, source: str, message: str) -> None:
    install(source)
    with pytest.raises(DetectorError, match=message):
        chosen_detectors()


def test_two_of_one_kind_are_an_error(install) -> None:
    source = (EXAMPLE / "dark_detector.py").read_text("utf-8")
    install(source.replace('"dark", (', '"hard", ('))
    with pytest.raises(DetectorError, match=r"kind of its own .*plugged.*, found 'hard'"):
        chosen_detectors()


@dataclass(frozen=True)
class Good:
    kind, needs, views, version = "good", ("embeddings",), ("vflip", "darker"), 1

    def detect(self, evidence: object) -> None:
        """Nothing."""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({}, None),
        ({"kind": "No Good"}, "small letters"),
        ({"needs": ("nothing",)}, "needs among"),
        ({"views": ("upside",)}, "views among .*darker"),
        ({"version": "1"}, "whole number"),
        ({"detect": None}, "detect"),
    ],
)
def test_each_promise_is_looked_at(change: dict, message: str | None) -> None:
    made = type("Made", (Good,), change)
    found = broken_promise(made)
    assert found is None if message is None else re.search(message, str(found))
