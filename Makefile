# The first commands of a fresh clone: `make run` opens the chat, `make test` runs the tests.
# `make help` lists the rest.

# The first of these that runs, is recent enough and can make an environment (a pyenv shim may do none of it).
PYTHON ?= $(shell for name in python3 python3.11 python3.12 python3.13; do \
  $$name -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; done)
VENV := .venv
VENV_RELEASE := .venv-release
BIN := $(VENV)/bin
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
# The browser of the tests must be there under CI; elsewhere a test that lacks it says how to install it.
export GRADIO_ANALYTICS_ENABLED := False

.DEFAULT_GOAL := help
.PHONY: help run index test check lint format bench bench-answers soak package sbom licenses lock audit clean

help:  ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 16

run: $(VENV)/.installed $(VENV)/.compiled  ## install, build the index if it is missing or stale, open the chat on http://127.0.0.1:7860
	@$(BIN)/wellcited index
	@$(BIN)/wellcited serve

index: $(VENV)/.installed  ## build the index from corpus/
	@$(BIN)/wellcited index

test: $(VENV)/.installed-dev  ## run all tests
	HF_HUB_OFFLINE=1 $(BIN)/python -m pytest

check: lint test  ## format, lint, types, import contract, tests

lint: $(VENV)/.installed-dev  ## everything of check but the tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.installed-dev  ## format the code and mend what the linter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench-answers: $(VENV)/.installed-dev  ## compare answers with nearest-chunk search, and with peers if installed
	HF_HUB_OFFLINE=1 $(BIN)/python benchmarks/answers.py

bench: $(VENV)/.installed-dev $(VENV)/.compiled  ## measure start, memory, latency, load, sizes and answers; writes benchmarks/RESULTS.md
	HF_HUB_OFFLINE=1 $(BIN)/python benchmarks/run.py

package: index $(VENV_RELEASE)/.installed  ## build wheel and sdist into dist/, and try the wheel in a clean environment
	.ci/package

sbom: package  ## write dist/wellcited.cdx.json: what `.[web]` installs, with versions and licences (CycloneDX)
	$(VENV_RELEASE)/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible \
	  --output-file dist/wellcited.cdx.json .venv-package/bin/python

licenses: $(VENV)/.installed-dev  ## write docs/licenses.md; fails on a licence that asks for more than a notice
	$(BIN)/python release/licenses.py

lock: $(VENV)/.installed-dev  ## write the versions that are installed into constraints.txt
	$(BIN)/python release/lock.py --write

audit: $(VENV_RELEASE)/.installed  ## ask the public advisories about every pinned version (needs the network)
	$(VENV_RELEASE)/bin/pip-audit --requirement constraints.txt --no-deps --disable-pip --strict

# Bounded by SOAK, e.g. SOAK='--requests 3000 --minutes 10'; FUZZ_TIMES multiplies the examples of the fuzzed tests.
soak: $(VENV)/.installed-dev  ## fuzz doors, parsers and patterns, then ask a real server 20,000 times (minutes)
	FUZZ_TIMES=$${FUZZ_TIMES:-20} HF_HUB_OFFLINE=1 $(BIN)/python -m pytest -q tests/fuzz tests/corpus/test_readers.py
	HF_HUB_OFFLINE=1 $(BIN)/python benchmarks/fuzz.py
	HF_HUB_OFFLINE=1 $(BIN)/python benchmarks/soak.py $(SOAK)

clean:  ## remove the environment and the built index
	rm -rf $(VENV) $(VENV_RELEASE) .venv-package dist index/builds index/CURRENT

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "wellcited needs Python 3.11 or newer with its venv module \
	(Debian: apt install python3-venv); if it is not on the PATH, name it: make run PYTHON=/path/to/python3"; exit 1; }
	@echo "Creating $(VENV) with $(PYTHON)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing the pinned packages (a few minutes the first time)"
	@$(INSTALL) --editable '.[all]'
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing the pinned packages and the tools (a few minutes the first time)"
	@$(INSTALL) --editable '.[dev]'
	@touch $@ $(VENV)/.installed

# pip compiles what it installs, but no checkout; where Python may write no byte code, every start would do it anew.
$(VENV)/.compiled: $(shell find src -name '*.py') | $(VENV)/bin/python
	@$(BIN)/python -m compileall -q src
	@touch $@

$(VENV_RELEASE)/.installed: release/tools.txt
	@echo "Installing the tools of a release"
	@$(PYTHON) -m venv $(VENV_RELEASE)
	@$(VENV_RELEASE)/bin/python -m pip install --quiet --disable-pip-version-check --requirement release/tools.txt
	@touch $@
