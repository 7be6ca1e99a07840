"""The detector that CONTRIBUTING.md writes in 15 minutes is one."""

from __future__ import annotations

import re
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from curate.detectors import DETECTORS
from curate.detectors.choosing import broken_promise
from made_evidence import make_evidence

PAGE = (Path(__file__).parents[3] / "CONTRIBUTING.md").read_text("utf-8")


def test_it_keeps_the_contract_and_finds_the_bright_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert code
    (tmp_path / "bright_as_written.py").write_text(code[1], "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    before = dict(DETECTORS)
    try:
        bright = import_module("bright_as_written").Bright
        assert DETECTORS.keys() - before.keys() == {"bright"}
    finally:
        DETECTORS.clear()
        DETECTORS.update(before)
    assert broken_promise(bright) is None
    evidence = make_evidence(5)
    stats = pd.DataFrame({"brightness": [0.2, 0.9, 0.98, 0.0, 0.5]})
    found = bright().detect(replace(evidence, image_stats=stats)).table
    assert found["flagged"].tolist() == [False, False, True, False, False]
    assert found["rank"].tolist() == [4, 2, 1, 5, 3]
    np.testing.assert_allclose(found["score"], [0.8, 0.1, 0.02, 1.0, 0.5])
    assert found["reason"][2] == "mean brightness 0.980, above 0.97"
