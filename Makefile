# Every target works on a fresh clone: it first creates .venv and installs the project into it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
OUT ?= runs
PHOTOS ?=
PICTURE ?=
# one thread of torch for each test process: more threads than cores make every test slower
TEST_PROCESSES ?= 2

.PHONY: help setup check lint test test-wandb test-slurm test-browser bench train-face train-body train-clothing compare clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 16

setup: $(READY)  ## create .venv and install the project with everything for its development

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or newer is needed, $$($(PYTHON) --version) was found; run: make PYTHON=/path/to/python3.12 ..."; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --progress-bar off -e '.[dev]'
	@touch $(READY)

check: lint test  ## everything that must hold before a change is kept: ruff, pyright, the tests

lint: $(READY)  ## ruff (rules and format) and pyright
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python

test: $(READY)  ## the test suite
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadfile

test-wandb: $(READY)  ## wandb's real client against a stand-in server on this machine
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m wandb tests/experiments

test-slurm: $(READY)  ## trainings on a real SLURM on this computer; needs slurmctld slurmd slurm-client munge and root
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m slurm tests/experiments/test_slurm.py

test-browser: $(READY)  ## pages in a headless Chromium, without a network; needs chromium; pictures in out/screenshots
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m browser tests/browser

bench: $(READY)  ## time every available rasterizer side by side
	$(BIN)/threefold bench rasterizer

train-face: $(READY)  ## synthesize faces, train both stages, test, reconstruct; PHOTOS=DIR goes on with real photographs
	$(BIN)/threefold train-face --out $(OUT) $(if $(PHOTOS),--photos "$(PHOTOS)")

train-body: $(READY)  ## synthesize people, train two networks on them, test, reconstruct; PICTURE=FILE is reconstructed, too
	$(BIN)/threefold train-body --out $(OUT) $(if $(PICTURE),--picture "$(PICTURE)")

train-clothing: $(READY)  ## synthesize photographs of dressed people, train on them, test, reconstruct, swap textures
	$(BIN)/threefold train-clothing --out $(OUT)

compare: $(READY)  ## PIFu against the multi-scale network over three seeds: synthesize, train, test, tables and plots
	$(BIN)/threefold rank --out $(OUT)

clean:  ## take away caches and what a build leaves; .venv, data/ and runs/ stay
	rm -rf .pytest_cache .ruff_cache build dist *.egg-info
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
