# What a newcomer needs: `make demo` and `make test`. Both set up .venv themselves.

.DEFAULT_GOAL := help
.PHONY: help demo test bench-quality check docs install install-dev chromium doctor clean

VENV := .venv
BIN := $(VENV)/bin
# A Python of one's own: make demo PYTHON=/opt/python3.12/bin/python3
PYTHON ?=
# Two processes, each with a MongoDB of its own; what a file's tests share is made once. In their
# order, since the longest files come early in it.
SIDE_BY_SIDE := -n 2 --dist loadfile --no-loadscope-reorder
# mkdocs-material says at every build that it goes on in another project after May 2027; that is known.
MKDOCS := NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs
# More arguments: make demo ARGS=--no-app, make test ARGS="tests/unit -x"
ARGS ?=

help:
	@echo 'make demo           install, analyse the demo digits, serve the App (ARGS=--no-app: without it)'
	@echo 'make test           install, check, and run every test (ARGS="tests/unit": some of them)'
	@echo 'make check          ruff, mypy, import-linter, the documentation strictly, pre-commit'
	@echo 'make docs           the documentation on http://127.0.0.1:8000, made anew as you write'
	@echo 'make bench-quality DATA=FOLDER WEIGHTS=FILE: how well each kind is found, beside its peers'
	@echo 'make install        .venv with curate; install-dev: with the tools for development too'
	@echo 'make clean          remove .venv and caches; runs and exports stay'

demo: install
	$(BIN)/curate doctor --fix
	$(BIN)/curate demo $(ARGS)

test: install-dev
	@$(MAKE) --no-print-directory chromium
	@$(MAKE) --no-print-directory check
	$(BIN)/curate doctor --fix
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) $(ARGS)

# DATA holds the datasets sketch7, masks3 and sports11, WEIGHTS those of timm's mobilenetv2_100.
bench-quality: install-dev
	@test -d '$(DATA)' && test -f '$(WEIGHTS)' || { \
	    echo 'Expected DATA=FOLDER of datasets and WEIGHTS=FILE of mobilenetv2_100.'; exit 2; }
	$(BIN)/python tests/bench/quality.py '$(DATA)' --weights '$(WEIGHTS)' $(ARGS)

docs: install-dev
	$(MKDOCS) serve --dev-addr 127.0.0.1:8000

check: install-dev
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy
	$(BIN)/lint-imports
	$(MKDOCS) build --strict --quiet
	@top=$$(git rev-parse --show-toplevel 2>&1) || true; \
	if [ "$$top" = "$$(pwd -P)" ]; then \
	    echo '$(BIN)/python -m pre_commit run --all-files'; \
	    $(BIN)/python -m pre_commit run --all-files; \
	else \
	    echo "pre-commit is skipped, it works at the top of a git checkout only: $$top"; \
	fi

doctor: install
	$(BIN)/curate doctor --fix

install:
	@sh .ci/install.sh "$(PYTHON)"

install-dev:
	@sh .ci/install.sh "$(PYTHON)" dev

# The end-to-end tests drive a real browser. Without one they fail and say what to install, unless
# CURATE_NO_BROWSER=1 is set.
chromium:
	@for name in chromium chromium-browser google-chrome; do \
	    if command -v $$name >/dev/null 2>&1; then exit 0; fi; \
	done; \
	how='the tests in a browser will fail. Install one (apt-get install chromium), or set CURATE_NO_BROWSER=1'; \
	if ! command -v apt-get >/dev/null 2>&1; then \
	    echo "No chromium and no apt-get here: $$how, or what your system calls it."; exit 0; \
	elif [ "$$(id -u)" = 0 ]; then as=''; \
	elif sudo -n true 2>/dev/null; then as='sudo -n'; \
	else echo "No chromium, and apt-get needs root: $$how"; exit 0; fi; \
	echo 'Installing chromium by apt-get'; \
	$$as apt-get update -qq && $$as env DEBIAN_FRONTEND=noninteractive \
	    apt-get install -y -qq --no-install-recommends chromium \
	    || echo "chromium could not be installed: $$how"

clean:
	rm -rf $(VENV) build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
