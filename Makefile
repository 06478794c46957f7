# Two commands on a fresh machine with Python 3.11, pip and make: `make spike` and `make test`.
PYTHON ?= python3
BIN    := .venv/bin
READY  := .venv/.ready
SYSTEM ?= data/systems/voice_gateway.toml
EFFORT ?= quick
SPIKE  ?=
RUN    ?=
# Some images forbid Python to keep compiled modules; each of the hundred processes of a spike would compile all anew.
unexport PYTHONDONTWRITEBYTECODE
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help setup spike test pesq lab example lint lock clean

help:                ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

setup: $(READY)      ## make the virtual environment .venv (uv where it can be used, plain pip otherwise)

spike: $(READY)      ## study the built-in system, or SYSTEM=FILE.toml; EFFORT=full for the stated durations
	@$(BIN)/perflab spike --system $(SYSTEM) --effort $(EFFORT) $(SPIKE)

# Tests of instruments and of the load generator want the machine for themselves; the others share it, three at a time
# on two cores, as those of running systems mostly wait. The longest file comes first, or all would wait for it.
ALONE  := tests/instrument tests/load
SHARED := tests/e2e $(filter-out tests/e2e tests/__pycache__ $(ALONE),$(patsubst %/,%,$(wildcard tests/*/)))
test: $(READY)       ## run every check: style, types, import arrows, tests, a reduced end-to-end run
	@$(MAKE) --no-print-directory pesq || echo "PESQ is left out; the checks that need it are skipped" >&2
	$(BIN)/ruff check perflab tests notebooks
	$(BIN)/ruff format --check perflab tests
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(SHARED)
	$(BIN)/python -m pytest $(ALONE)

# As root, which a container's user mostly is, Jupyter starts only where it is told that this is meant.
lab: $(READY)        ## open JupyterLab on the notebooks
	$(BIN)/jupyter lab --ServerApp.ip=127.0.0.1 $(if $(filter 0,$(shell id -u)),--allow-root) notebooks

# Not a part of the set-up: its build takes longer than all wheels together. It is tried again whenever it is lacking.
pesq: $(READY)       ## add PESQ, the quality metric that comes as source and needs a C compiler
	@if ! $(BIN)/python -c 'import sys; from importlib.util import find_spec; sys.exit(find_spec("pesq") is None)'; then \
	  command -v cc >/dev/null || command -v gcc >/dev/null || \
	    { echo "PESQ comes as source and needs a C compiler (Debian, Ubuntu: apt install build-essential)" >&2; exit 2; }; \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check pesq==0.0.4; fi

# What is kept of a run as the example: the page, the deliverables and their figures, with no link to what is not kept.
example: $(READY)    ## renew reports/example from a run: RUN=ID, by default the newest
	$(BIN)/perflab report "$(RUN)" --to reports/.example
	rm -rf reports/example/deliverables reports/example/figures
	cp -r reports/.example/. reports/example && rm -rf reports/.example

lint: $(READY)       ## format and lint in place
	$(BIN)/ruff format perflab tests
	$(BIN)/ruff check --fix perflab tests notebooks

lock: $(READY)       ## compile requirements.txt from pyproject.toml
	$(BIN)/uv pip compile --quiet --no-header --no-annotate --extra dev --python-version 3.11 -o requirements.txt pyproject.toml

clean:               ## remove the virtual environment and the caches (reports stay)
	rm -rf .venv build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

# uv ignores pip's own configuration, so where only pip knows its index uv fails and pip takes over.
# The stamp is touched last: an interrupted set-up is done again.
$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || \
	  { echo "perflab needs Python 3.11, $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make setup PYTHON=python3.11" >&2; exit 2; }
	@$(PYTHON) -m venv .venv || { echo "venv failed. On Debian or Ubuntu: apt install python3-venv" >&2; exit 2; }
	@if [ -z "$$PERFLAB_NO_UV" ] && $(BIN)/python -m pip install --quiet --disable-pip-version-check uv && \
	  $(BIN)/uv pip install --quiet --python $(BIN)/python -r requirements.txt -e . ; then echo "set up with uv"; \
	else echo "uv cannot be used here; setting up with pip (about a minute)"; \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt -e . ; fi
	@touch $@
