"""What pyproject.toml lists is what lies on the disk, and the plugin is found from anywhere."""

from __future__ import annotations

import tomllib
from pathlib import Path

import yaml

from curate.app.plugin import PACKAGE, PLUGIN, plugin_folder

ROOT = Path(__file__).parents[2]
SETUPTOOLS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]


def test_every_package_is_listed() -> None:
    source = ROOT / "src"
    found = {
        str(path.parent.relative_to(source)).replace("/", ".")
        for path in source.rglob("__init__.py")
    }
    assert set(SETUPTOOLS["packages"]) == {*found, PACKAGE}
    assert SETUPTOOLS["package-dir"][PACKAGE] == "plugins/curate"


def test_the_plugin_of_this_curate_is_found() -> None:
    folder = plugin_folder()
    assert yaml.safe_load((folder / "fiftyone.yml").read_text("utf-8"))["name"] == PLUGIN
    assert (folder / "__init__.py").is_file()


def test_only_the_yml_lies_beside_the_code_of_the_plugin() -> None:
    # A wheel carries modules by itself, and of other files those that package-data names.
    others = {path.name for path in plugin_folder().iterdir() if path.suffix != ".py"}
    assert others - {"__pycache__"} == set(SETUPTOOLS["package-data"][PACKAGE])
