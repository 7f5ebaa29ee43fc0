# Needs Python 3.11, git and a package registry; everything else is installed into .venv.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help install run test test-heavy bench-serving lint format lock clean

help: ## Show the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[all,dev]'
	touch $(STAMP)

install: $(STAMP) ## Install classmark and all extras into .venv

run: install ## The main job: documents to a served model, then serve it
	$(BIN)/classmark quickstart

# Each process of the tests has a core: threads of its own would wait for those of the others.
test: install lint ## Everything that CI runs: lint, types, import contracts, tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m "not heavy" -n auto --dist loadfile

test-heavy: install ## Load and fault suites: minutes each
	$(BIN)/python -m pytest -m heavy

# Needs wrk (apt-get install wrk); installs the other servers under build/peers, 3 GB.
bench-serving: install ## The server beside others, and under more than it can answer: an hour
	PYTHONPATH=. $(BIN)/python benchmarks/serving/compare.py --keep build/serving
	PYTHONPATH=. $(BIN)/python benchmarks/serving/overload.py --keep build/serving

lint: install ## ruff, mypy strict, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: install ## Format and fix what can be fixed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: ## Write constraints.txt anew from the newest versions that pyproject.toml allows
	rm -rf build/lock && $(PYTHON) -m venv build/lock
	build/lock/bin/python -m pip install --quiet --disable-pip-version-check torch==2.13.0
	build/lock/bin/python -m pip install --quiet --disable-pip-version-check '.[all,dev]'
	{ echo '# The lock: exact versions for make install, CI and the image. Made by: make lock'; \
	  build/lock/bin/python -m pip freeze --exclude classmark | sed 's/+cpu$$//'; } > constraints.txt
	rm -rf build/lock

clean: ## Remove the environment, caches and the default workspace
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis workspace
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
