# Every target is self-sufficient on a fresh clone: it needs Python 3.11 or newer, git and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help setup demo tour report-zip verify test lint bench mutants weigh pipeline clean

help: ## list what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(VENV)/.installed ## make .venv with the pinned versions

$(VENV)/.installed: requirements.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --requirement requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --constraint requirements.txt --editable '.[dev]'
	@touch $@

demo: setup ## the paper's way on synthetic dances: tables, a clip and a page in five minutes
	$(BIN)/python -m motionmusic.app.schedule demo

tour: setup ## the demo, then matching, synchrony, motion from music and the full page
	$(BIN)/python -m motionmusic.app.schedule tour

REPORT ?= $(patsubst %/index.html,%,$(shell ls -t report/*/*/index.html report/*/*/*/index.html 2>/dev/null | head -1))

report-zip: ## the newest page, or REPORT=report/TASK/KIND, as one file to send
	@test -n "$(REPORT)" || { echo "there is no page yet: make demo, or dvc repro report"; exit 2; }
	@cd $(dir $(REPORT)) && $(PYTHON) -m zipfile -c $(notdir $(REPORT)).zip $(notdir $(REPORT))/
	@echo "Written to $(REPORT).zip; whoever unpacks it opens index.html"

verify: setup ## do the committed results belong to the committed code? Seconds, without the data
	$(BIN)/python -m motionmusic.app.verify

test: $(VENV)/.dev ## all tests
	$(BIN)/python -m pytest

lint: $(VENV)/.dev ## ruff and mypy
	$(BIN)/ruff check src stages tests benchmarks
	$(BIN)/ruff format --check src stages tests benchmarks
	$(BIN)/mypy

bench: setup ## time one training step of every network; ten minutes on a quiet machine
	$(BIN)/python benchmarks/steps.py

mutants: $(VENV)/.dev ## plant faults and see whether the tests notice; forty minutes on two quiet cores
	$(BIN)/python tests/mutants/run.py

weigh: ## lines, words and, with TIMES=--times, seconds beside the wanted ones
	$(PYTHON) benchmarks/weigh.py $(TIMES)

pipeline: ## copy the pipeline's four texts to their corpora and tasks
	@for kind in corpus task music benchmark; do \
		for folder in pipeline/$$kind/*/; do cp pipeline/$$kind.yaml $$folder/dvc.yaml; done; done

clean: ## remove the virtual environment
	rm -rf $(VENV)
