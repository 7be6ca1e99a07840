"""The real command line in subprocesses, the real App, and a real headless browser."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from processes import free_port, stop

FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    # The Embeddings panel draws with WebGL, which needs no graphics card this way.
    *("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"),
)
Curate = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def curate(database: str, tmp_path_factory: pytest.TempPathFactory) -> Curate:
    """Runs ``curate ARGS`` in an empty folder and returns how it ended and what it said."""
    folder = tmp_path_factory.mktemp("cwd")

    def call(*args: object, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command(*args),
            cwd=folder,
            env=os.environ | env,
            capture_output=True,
            text=True,
            timeout=500,
        )

    return call


def command(*args: object) -> list[str]:
    return [sys.executable, "-m", "curate", *map(str, args)]


@pytest.fixture(scope="session")
def demo(curate: Curate, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of the demo dataset, analysed and published."""
    folder = tmp_path_factory.mktemp("demo")
    done = curate("demo", "--to", folder, "--no-app")
    assert done.returncode == 0, done.stderr
    assert "What was planted" in done.stdout
    return folder / "run"


class App:
    """``curate app RUN --port N`` as a process."""

    def __init__(self, run: Path, log: Path) -> None:
        self.port = free_port()
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                command("app", run, "--port", self.port),
                stdout=output,
                stderr=subprocess.STDOUT,
                # A shell that runs the tests in its background has Ctrl-C ignored, and so would we.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )

    def wait(self, seconds: float = 120) -> str:
        """The address, once it is said."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.process.poll() is None:
            if found := re.search(r" at (http://127\.0\.0\.1:\d+/)\s", self.said):
                return found[1]
            time.sleep(0.1)
        raise AssertionError(f"curate app did not come up:\n{self.said}")

    @property
    def said(self) -> str:
        return self.log.read_text("utf-8")


@pytest.fixture
def app(demo: Path, tmp_path: Path) -> Iterator[App]:
    """The App on the demo run, served by a subprocess."""
    served = App(demo, tmp_path / "app.log")
    try:
        served.wait()
        yield served
    finally:
        stop(served.process)


@pytest.fixture(scope="module")
def shared_app(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """The App on the demo run, for all tests of a file: the view of one is there in the next."""
    served = App(demo, tmp_path_factory.mktemp("app") / "app.log")
    try:
        served.wait()
        yield served
    finally:
        stop(served.process)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[Path], App]]:
    """Serves the App on a run, in place of the one served before."""
    served: list[App] = []

    def go(run: Path) -> App:
        for before in served:
            stop(before.process)
        served.append(App(run, tmp_path / f"app{len(served)}.log"))
        served[-1].wait()
        return served[-1]

    yield go
    for app in served:
        stop(app.process)
        assert "Traceback" not in app.said


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of an installed browser."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    if os.environ.get("CURATE_NO_BROWSER") == "1":
        pytest.skip("CURATE_NO_BROWSER=1 and no chromium")
    pytest.fail(
        "Expected a chromium on PATH, found none. Run `apt-get install chromium`, or set "
        "CURATE_NO_BROWSER=1 to go without the tests that need one."
    )


@pytest.fixture
def page(chromium: str, artifacts: Path, request: pytest.FixtureRequest) -> Iterator[Any]:
    """A page of a fresh browser; its last sight is kept as TEST.png."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=60_000)  # drawn without a graphics card, on a busy machine
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        try:
            page = browser.new_page(viewport={"width": 1600, "height": 1000})
            page.set_default_timeout(60_000)
            page.add_init_script(
                # A pop-up for FiftyOne's paid edition that would lie over what a test clicks.
                "localStorage.setItem('fiftyone-enterprise-tooltip-seen', 'true')"
            )
            yield page
            page.screenshot(path=artifacts / f"{request.node.name}.png")
        finally:
            browser.close()
