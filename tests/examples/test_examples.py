"""Every training example, run as a person would, on an export of some of the demo's digits."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from curate.data.digits import write_digits
from curate.pipeline.analyze import analyze
from curate.pipeline.export import export

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = ("train_loop", "train_lightning", "train_hugging_face", "train_timm")
EVERY = 3
"""One of so many digits is kept: enough to learn from, and quick."""

RUN = """
import runpy, sys
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
assert "fiftyone" not in sys.modules
"""


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six epochs in three stages, with augmentation from the third one on."""
    root = tmp_path_factory.mktemp("digits")
    write_digits(root / "digits", seed=0)
    for path in (root / "digits").glob("*/*/*.png"):
        if int(path.stem) % EVERY:
            path.unlink()
    run = analyze(root / "digits", root / "run", model="hog", device="cpu")
    policy = root / "policy.json"
    step = '{"transform": "rotate", "probability": 0.5, "magnitude": [0, 10]}'
    policy.write_text(
        '{"format": "curate.policy", "schema_version": 1, "stages": [{"steps": []}, '
        f'{{"steps": [{step}]}}]}}'
    )
    export(run, root / "export", epochs=6, formats=["timm"], policy=policy)
    return root / "export"


@pytest.mark.parametrize("name", NAMES)
def test_it_learns_without_fiftyone(exported: Path, tmp_path: Path, name: str) -> None:
    command = [sys.executable, "-c", RUN, str(EXAMPLES / f"{name}.py"), str(exported)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = re.search(r"^val accuracy (\d\.\d{3}) \[(\d\.\d{3}), \d\.\d{3}\]$", done.stdout, re.M)
    assert found, done.stdout
    # One of ten digits is right by chance; what was learned is surely twice as good.
    assert float(found[2]) > 0.2


@pytest.mark.parametrize("name", NAMES)
def test_it_is_short(name: str) -> None:
    assert len((EXAMPLES / f"{name}.py").read_text("utf-8").splitlines()) < 40


def test_the_public_names_cost_nothing_until_used_and_never_fiftyone() -> None:
    code = """
import sys, curate
assert not {"torch", "numpy", "pandas", "albumentations"} & set(sys.modules)
assert curate.__all__ == sorted(curate.__all__) and set(curate.__all__) <= set(dir(curate))
for name in curate.__all__:
    getattr(curate, name)
try:
    curate.nothing
except AttributeError as error:
    assert "'nothing'" in str(error)
import curate.training.mixing, curate.training.rates
assert "fiftyone" not in sys.modules
assert not {"lightning", "transformers"} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
