"""The reference pages name every file, column and key of what the commands really write."""

from __future__ import annotations

import csv
import fnmatch
import json
import re
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

import curate
from curate.cli import cli
from curate.cli import run as run_cli
from curate.pipeline.comparing.files import LIST
from curate.pipeline.policy_evidence import COLUMNS as EVIDENCE
from curate.pipeline.verifying.result import COLUMNS as VERIFIED
from curate.recipe.policy import Policy, Withdrawn
from curate.recipe.policy_file import to_json
from curate.remedies.formats.content import COLUMNS as LISTS
from curate.store.journal import Event
from curate.store.run import MARK
from curate.store.schema import CACHED, EPOCHS, EPOCHS_OPTIONAL, SCHEMA_VERSION, TABLES
from curate.training.history import COLUMNS as HISTORY
from documented import NAME, PAGE, REFERENCE, ROOT, as_types, keys_below, types_below
from shapes import write_shapes

DECLARED = re.compile(r'^FORMAT(?:, SCHEMA_VERSION)? = "(curate\.[a-z.]+)"', re.M)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which one of everything was written."""
    root = tmp_path_factory.mktemp("formats")
    data = write_shapes(root / "data", {"train": 12, "val": 4, "test": 4})

    def call(*words: object) -> None:
        assert run_cli(cli, ["-q", *map(str, words)]) == 0, words

    curate.analyze(data, root / "run", model="hog", detectors=("hard", "label_error"))
    call("curriculum", root / "run", "--to", root / "plan.json", "--epochs", 3)
    curate.export(root / "run", root / "export")
    call("train", root / "export", "--to", root / "trained", "--curriculum", root / "plan.json",
         "--model", "test_resnet", "--no-pretrained", "--epochs", 3, "--img-size", 32,
         "--device", "cpu", "--workers", 0)  # fmt: skip
    call("compare", root / "run", root / "trained" / "run", "--to", root / "comparison")
    call("report", root / "run", "--format", "json", "--to", root / "report.json")
    call("predict", data / "test" / "disc", "--run", root / "run", "--to", root / "predicted.csv")
    return root


def documented(path: Path) -> bool:
    """Whether a file of a run is in the table of files."""
    page = (REFERENCE / "run-directory.md").read_text("utf-8")
    known = NAME.findall("\n".join(re.findall(r"(?m)^\| (`.*?) \|", page)))
    return any(fnmatch.fnmatch(path.as_posix(), pattern) for pattern in known)


def test_every_format_is_named_with_its_version() -> None:
    declared = {MARK: SCHEMA_VERSION}
    for file in sorted((ROOT / "src" / "curate").rglob("*.py")):
        if found := DECLARED.search(file.read_text("utf-8")):
            module = import_module(".".join(file.relative_to(ROOT / "src").with_suffix("").parts))
            declared[found[1]] = module.SCHEMA_VERSION
    named = re.findall(r"^\| `(curate\.[\w.]+)` \| (\d+) \|", PAGE, re.M)
    assert {name: int(version) for name, version in named} == declared


@pytest.mark.parametrize("name", sorted({*TABLES} - {*CACHED} - {"dynamics"}))
def test_tables_of_a_run(name: str) -> None:
    assert types_below(f"{name}.parquet") == as_types(TABLES[name])


@pytest.mark.parametrize(
    ("heading", "columns"),
    [
        ("dynamics.parquet of a run", TABLES["dynamics"]),
        ("dynamics.parquet of a training", {**EPOCHS, **EPOCHS_OPTIONAL}),
        ("history.parquet", HISTORY),
        ("policy_evidence.parquet", EVIDENCE),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_other_tables(heading: str, columns: Any) -> None:
    assert types_below(heading) == as_types(columns)


def test_the_public_python_is_in_the_reference() -> None:
    page = (REFERENCE / "api.md").read_text("utf-8")
    documented = re.findall(r"^::: curate\.(\w+)$", page, re.M)
    assert {*documented} - {"errors"} == {*curate.__all__} - {"__version__"}


def test_lists_and_the_journal() -> None:
    assert keys_below("The lists of an export") == {*LISTS}
    assert keys_below("verify.parquet") == {*VERIFIED}
    assert keys_below("fixed.csv and broken.csv") == {*LIST}
    assert keys_below("decisions.jsonl") == {field.name for field in fields(Event)}
    policy = Policy(((),), withdrawn=(Withdrawn("vertical_flip", "it hurt", ()),))
    assert keys_below("policy.json") == {*to_json(policy)}


@pytest.mark.parametrize(
    ("heading", "file"),
    [
        ("metrics.json", "run/metrics.json"),
        ("facts.json", "run/facts.json"),
        ("The file of curate curriculum", "plan.json"),
        ("curriculum.json of an export", "export/curriculum.json"),
        ("args.yaml", "trained/args.yaml"),
        ("result.json", "trained/result.json"),
        ("report.json", "report.json"),
        ("comparison.json", "comparison/comparison.json"),
    ],
)
def test_keys_are_those_of_a_written_file(heading: str, file: str, made: Path) -> None:
    text = (made / file).read_text("utf-8")
    written = yaml.safe_load(text) if file.endswith(".yaml") else json.loads(text)
    only_if_asked = {"vote"} if heading == "comparison.json" else set()
    assert keys_below(heading) - only_if_asked == {*written}


def test_run_json(made: Path) -> None:
    written = json.loads((made / "run" / "run.json").read_text("utf-8"))
    later = {"dataset", "audits"}  # written when it is published, and audited
    assert keys_below("run.json") - later == {*written} - later


def test_tables_as_they_were_written(made: Path) -> None:
    assert types_below("images.parquet of an export") == {
        field.name: str(field.type) for field in pq.read_schema(made / "export" / "images.parquet")
    }
    assert {*pq.read_schema(made / "run" / "samples.parquet").names} >= keys_below(
        "samples.parquet"
    )
    with (made / "predicted.csv").open(newline="") as file:
        columns = next(csv.reader(file))
    assert keys_below("predictions as CSV") == {
        name for name in columns if not re.search("_[2-9]", name)
    }


def test_every_file_of_a_run_is_in_the_table(made: Path) -> None:
    for run in (made / "run", made / "trained" / "run"):
        files = [path.relative_to(run) for path in run.rglob("*") if path.is_file()]
        assert [path for path in files if not documented(path)] == []
