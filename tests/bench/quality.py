"""How well each kind of hard case is found: planted faults in real data, beside the peers' methods.

    python tests/bench/quality.py DATA --weights FILE [--only label_error ...]

DATA is a folder that holds the datasets sketch7, masks3 and sports11. Every `quality_KIND.py`
beside this file has a function ``rows(data, weights)`` that yields `material.Row`. Prints a table
and the rows that fall short; asserts nothing.
"""

from __future__ import annotations

import argparse
import importlib
import time
from pathlib import Path

from material import Row


def main() -> None:
    kinds = sorted(
        p.stem.removeprefix("quality_") for p in Path(__file__).parent.glob("quality_*.py")
    )
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--only", nargs="+", choices=kinds, default=kinds)
    options = parser.parse_args()
    short: list[Row] = []
    for kind in options.only:
        started = time.perf_counter()
        module = importlib.import_module(f"quality_{kind}")
        for row in module.rows(options.data.resolve(), options.weights.resolve()):
            print(line(row), flush=True)
            short += [] if row.met else [row]
        print(f"{kind}: {time.perf_counter() - started:.0f} s\n", flush=True)
    print(f"{len(short)} rows fall short" + (":" if short else ""))
    for row in short:
        print(line(row))


def line(row: Row) -> str:
    """One row of the table."""
    peers = ", ".join(f"{name} {value:.3f}" for name, value in row.peers.items())
    wanted = f"wanted {row.target}, {'met' if row.met else 'MISSED'}" if row.target else ""
    return (
        f"{row.kind:15} {row.planted:48} {row.measure:22} {row.ours:7.3f}  {peers:50} {wanted}"
    ).rstrip()


if __name__ == "__main__":
    main()
