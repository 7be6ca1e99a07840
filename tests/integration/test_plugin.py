"""The plugin as FiftyOne itself finds and registers it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from curate.app.plugin import PLUGIN, install, plugin_folder


@pytest.fixture(scope="module")
def context(database: str) -> Any:
    """What FiftyOne made of the plugin in its own plugins folder."""
    from curate.app.database import load_fiftyone

    load_fiftyone()
    install()
    from fiftyone.plugins.context import build_plugin_contexts

    return next(one for one in build_plugin_contexts() if one.name == PLUGIN)


def test_it_registers_without_an_error(context: Any) -> None:
    assert context.errors == []


def test_what_it_registers_is_what_its_yml_names(context: Any) -> None:
    told = yaml.safe_load((plugin_folder() / "fiftyone.yml").read_text("utf-8"))
    registered = [one.name for one in context.instances]
    assert sorted(registered) == sorted([*told["panels"], *told["operators"]])
    assert len(set(registered)) == len(registered)


def test_the_names_it_registers_are_those_of_its_two_lists(context: Any) -> None:
    import curate_plugin.operators
    import curate_plugin.panel

    classes = [*curate_plugin.panel.PANELS, *curate_plugin.operators.OPERATORS]
    assert sorted(type(one).__name__ for one in context.instances) == sorted(
        one.__name__ for one in classes
    )


def test_the_command_installs_beside_another_plugin(database: str, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "fiftyone.yml").write_text("name: '@me/other'\noperators: []\n")
    code = (
        "import os, sys; os.environ['FIFTYONE_PLUGINS_DIR'] = sys.argv[1]\n"
        "from curate.cli import cli, run\n"
        "for word in ('install', 'status'): assert run(cli, ['plugin', word]) == 0\n"
        "import fiftyone.plugins as fop; print(sorted(p.name for p in fop.list_plugins()))\n"
        "assert run(cli, ['plugin', 'remove']) == 0\n"
        "print(sorted(p.name for p in fop.list_plugins()))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "current: a link to" in done.stdout
    assert "['@curate/curate', '@me/other']\n" in done.stdout
    assert done.stdout.endswith("['@me/other']\n")
