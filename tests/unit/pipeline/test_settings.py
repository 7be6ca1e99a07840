"""What a person says in Python, as the types that an analysis wants."""

from __future__ import annotations

from pathlib import Path

import pytest

from curate.pipeline.settings import Settings


def test_files_may_be_text_and_one_may_stand_for_several() -> None:
    settings = Settings.of(
        "data", weights="w.pt", predictions="a.csv", manifests=["m.csv"], detectors="hard",
    )  # fmt: skip
    assert settings.weights == Path("w.pt")
    assert settings.predictions == (Path("a.csv"),)
    assert settings.source.manifests == (Path("m.csv"),)
    assert settings.detectors == ("hard",)
    assert Settings.from_json(settings.as_json()).weights == Path("w.pt")


def test_an_option_of_neither_is_refused() -> None:
    with pytest.raises(TypeError, match="modle"):
        Settings.of("data", modle="hog")
