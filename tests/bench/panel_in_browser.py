"""How long a person waits for the panel, in a real browser: prints a table, asserts nothing.

    python tests/bench/panel_in_browser.py [--images 50000] [--times 3]

Publishes a made-up run to a mongod of its own, serves it by `curate app`, and opens it in a
headless Chromium that draws without a graphics card. Browser, App and mongod share the machine's
cores. The first view is there when the text of Overview is; a click has ended when the grid
changes no more, with the count of the view. Medians.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from brain import database
from publish import make_run

from processes import free_port, stop

FLAGS = ["--no-sandbox", "--disable-gpu", "--use-gl=angle", "--use-angle=swiftshader"]
WANTED = {"the panel's first view": 3.0, "a finding": 1.0, "another finding": 1.0}
COUNT = "[data-cy=entry-counts]"
WATCH = """() => {
    window.watched = {clicked: 0, changed: 0};
    addEventListener("pointerdown", () => watched.clicked = performance.now(), {once: true});
    new MutationObserver(() => watched.changed = performance.now()).observe(
        document.querySelector("[data-cy=fo-grid]"),
        {subtree: true, childList: true, attributes: true});
}"""
"""What the grid showed before stays until the new pictures are drawn, an element each."""


def pictures(folder: Path, n: int) -> None:
    """`n` names of a hundred small JPEG files."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(n):
        name = folder / f"{i:06d}.jpg"
        if i < 100:
            Image.fromarray(rng.integers(0, 255, (96, 128, 3), dtype=np.uint8)).save(name)
        else:
            os.link(folder / f"{i % 100:06d}.jpg", name)


def served(run: Path, log: Path) -> tuple[subprocess.Popen[bytes], str]:
    """The App as a process, and its address."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "curate", "app", str(run), "--port", str(free_port())],
            stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    while process.poll() is None:
        if found := re.search(r" at (http://127\.0\.0\.1:\d+/)\s", log.read_text()):
            return process, found[1]
        time.sleep(0.1)
    raise SystemExit(log.read_text())


def look(address: str, browser: Any) -> dict[str, float]:
    """Seconds that one person waits, in a fresh page."""
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.set_default_timeout(120_000)
    page.add_init_script("localStorage.setItem('fiftyone-enterprise-tooltip-seen', 'true')")
    waited = {}
    start = time.perf_counter()
    page.goto(address, wait_until="domcontentloaded")
    page.get_by_text("What was found").wait_for()
    waited["the panel's first view"] = time.perf_counter() - start
    page.wait_for_timeout(5000)  # the grid and the Embeddings panel draw on
    for what, kind in (("a finding", "label error"), ("another finding", "outlier")):
        button = page.get_by_role("button", name=re.compile(f"^{kind}: "))
        images = button.inner_text().split(":")[1].split()[0]
        page.evaluate(WATCH)
        button.click()
        page.locator(COUNT).get_by_text(f"{images} samples").wait_for()
        page.wait_for_timeout(5000)
        waited[what] = page.evaluate("(watched.changed - watched.clicked) / 1000")
    page.close()
    return waited


def main() -> None:
    """Publish, serve, look."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=50_000)
    parser.add_argument("--times", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, database():
        pictures(Path(folder) / "images", asked.images)
        run = make_run(Path(folder) / "run", asked.images, 64, f"{folder}/images")
        from curate.app.publish import publish

        publish(run)
        process, address = served(run.path, Path(folder) / "app.log")
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(
                    executable_path=shutil.which("chromium"), args=FLAGS
                )
                every = [look(address, browser) for _ in range(asked.times)]
                browser.close()
        finally:
            stop(process)
    for what, wanted in WANTED.items():
        seconds = [one[what] for one in every]
        print(f"{what:24} {statistics.median(seconds):5.2f} s of "
              f"{', '.join(f'{one:.2f}' for one in seconds)}   (wanted: {wanted:.0f})")  # fmt: skip


if __name__ == "__main__":
    main()
