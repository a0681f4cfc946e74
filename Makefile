# Two commands: `make replicate` and `make test`. `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
ON ?= local
PIPELINE = $(BIN)/python workflow/run.py --profile workflow/profiles/$(ON)
DEVICE ?= auto
CONFIG = --config device=$(DEVICE)
BOOK = _build/html/index.html
# What .venv holds names the folder that it was made in; empty where that is still its own.
MOVED = $(shell test ! -d $(VENV) || test ! -e $(BIN)/activate || grep -qF "$$(cd $(VENV) && pwd -P)" $(BIN)/activate || echo moved)

export PYTHONUNBUFFERED := 1

.PHONY: help replicate paper grid round2 binarised gpu retrain reevaluate book test torture cluster test-cluster lint format bench readme manifest matrix clean moved
.DEFAULT_GOAL := help

help:  ## list the targets
	@grep -hE '^[a-z0-9]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

replicate: $(READY)  ## train both variants on embedded data (minutes), rebuild figures and tables, build the book
	@$(PIPELINE) quick book --rerun-incomplete $(CONFIG) your_run=1
	@echo; echo "Your quick run (small embedded images, no evidence about the paper):"
	@$(BIN)/python -m study.pages headline quick
	@echo; echo "The committed results on MNIST:"
	@$(BIN)/python -m study.pages headline paper
	@echo; echo "The book: $(CURDIR)/$(BOOK)"

paper: $(READY)  ## the same on MNIST with the paper profile: trains only what is not committed
	@$(PIPELINE) paper book --rerun-incomplete $(CONFIG)
	@$(BIN)/python -m study.pages readme paper
	@$(BIN)/python -m study.pages headline paper
	@echo; echo "The book: $(CURDIR)/$(BOOK)"

grid:  ## everything beyond the paper on MNIST: trains what is not committed; STAGE=cells|bridges|... stops there; TOGETHER=1 trains seeds side by side
round2:  ## the same for the second round: what was registered before its runs
binarised:  ## DRAW and DCRW with attention on binarised MNIST: trains what is not committed, hours on a CPU
grid round2 binarised: $(READY)
	@$(PIPELINE) $@ book --rerun-incomplete $(CONFIG) $@=$(or $(STAGE),all) $(if $(filter-out 0,$(TOGETHER)),together=1)
	@$(BIN)/python -m study.pages readme paper
	@echo; echo "The book: $(CURDIR)/$(BOOK)"

gpu: $(READY)  ## on a machine with a GPU: tests, benchmark and runs that need one, at most 25 minutes a call; DRY=1 prints the plan
	@$(BIN)/python -m workflow.gpu $(if $(filter-out 0,$(DRY)),--dry)

BEFORE = results/paper/runs.before
retrain: $(READY)  ## train the paper profile again: moves the committed runs aside first; goes on where it was interrupted
	@test ! -e $(BEFORE)/.retrained || { echo "$(BEFORE) holds the runs before the last retraining; move it away first"; exit 1; }
	@test -e $(BEFORE) || mv results/paper/runs $(BEFORE)
	@$(MAKE) paper
	@touch $(BEFORE)/.retrained

reevaluate: $(READY)  ## measure the committed runs again, on MNIST, with the settings of their profile
	@$(PIPELINE) paper book --rerun-incomplete --forcerun reevaluate $(CONFIG) reevaluate=1
	@$(BIN)/python -m study.pages readme paper

book: $(READY)  ## build the book from what is committed
	@$(PIPELINE) paper book --rerun-incomplete $(CONFIG)
	@echo "The book: $(CURDIR)/$(BOOK)"

test: $(READY)  ## run the tests
	$(BIN)/python -m pytest -n 2 --dist loadfile $(PYTEST)

MINUTES ?= 30
torture: $(READY)  ## damages of every kind of file, any content at every reader, kills of the pipeline: MINUTES=30; the book shows the counts
	PYTHONPATH="$(CURDIR)" $(BIN)/python tests/torture.py --minutes $(MINUTES)

CLUSTER := $(VENV)/.cluster
cluster: $(CLUSTER)  ## add Snakemake's executor for SLURM to .venv; then `make grid ON=slurm`

$(CLUSTER): requirements-cluster.lock $(READY)
	$(BIN)/uv pip install --python $(BIN)/python --quiet --no-deps -r requirements-cluster.lock
	@touch $@

test-cluster: $(CLUSTER)  ## train a grid on a SLURM of two nodes on this machine, killing parts of it; says so where it cannot
	$(BIN)/python -m pytest -n0 --verbose --capture=no tests/cluster_check.py

lint: $(READY)  ## ruff, mypy, and notebooks without outputs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/nbstripout --keep-id --verify notebooks/*.ipynb

format: $(READY)  ## format the code and strip the notebooks
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/nbstripout --keep-id notebooks/*.ipynb

bench: $(READY)  ## measure speed and memory against a textbook implementation (minutes, on an idle machine)
	$(BIN)/python -m benchmarks.bench
	$(BIN)/python -m benchmarks.derivatives

readme: $(READY)  ## write the README's table from results/
	$(BIN)/python -m study.pages readme paper

manifest: $(READY)  ## write the SHA-256 of all committed results
	$(BIN)/python -m study.manifest

matrix: $(READY)  ## try Python 3.11 to 3.13 with three releases of torch; needs a network and 5 GB for a cell; CELLS="3.12/2.14.0 ..." tries those alone
	$(BIN)/python workflow/matrix.py $(CELLS)

clean:  ## remove what was built; committed results and your quick run's weights stay
	rm -rf _build book/executed results/*/pages results/*/notebooks

moved:
	@echo "The project was moved or renamed: $(VENV) is set up again"
	@rm -rf $(VENV)

$(READY): requirements.lock pyproject.toml $(MOVED)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is too old: Python 3.11 or newer is needed; try make PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip sync --python $(BIN)/python --quiet requirements.lock
	@$(BIN)/uv pip install --python $(BIN)/python --quiet --no-deps --editable .
	@touch $@
