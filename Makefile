# make demo   hear and see it: installs into .venv, leaves demo/index.html
# make test   the whole suite; PYTEST_ARGS="-k midi -x" narrows it
# make lint   ruff and mypy          make docs   the site, into site/
# make wheel  wheel and sdist, into dist/        make clean  removes all that these made

PYTHON ?= python3
VENV ?= .venv
# A worker a core (tests/conftest.py), each of up to 1.5 GB; PYTEST_ARGS="-n 0" runs in one process, as a debugger wants it.
PYTEST_ARGS ?=

bin := $(VENV)/bin
# An installation is made again when one of these changes, and only then.
sources := setup.cfg pyproject.toml
core := $(VENV)/.core
dev := $(VENV)/.dev
docs := $(VENV)/.docs

.DELETE_ON_ERROR:
.PHONY: demo test lint docs wheel clean

demo: $(core)
	$(bin)/drumjax demo -o demo

test: $(dev)
	$(bin)/python -m pytest -n logical --maxprocesses 8 $(PYTEST_ARGS)

lint: $(dev)
	$(bin)/ruff check .
	$(bin)/ruff format --check .
	$(bin)/mypy

docs: $(docs)
	NO_MKDOCS_2_WARNING=1 $(bin)/mkdocs build --strict

wheel: $(dev)
	rm -rf build dist
	$(bin)/python -m build

clean:
	rm -rf $(VENV) build dist site demo drumjax.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(bin)/python:
	$(PYTHON) -m venv $(VENV)

# Editable throughout: one environment serves every target, and none of them can run yesterday's copy of the code.
$(core): $(sources) | $(bin)/python
	@echo 'installing into $(VENV), which takes a minute or two'
	$(bin)/python -m pip install -qq --editable .
	touch $@

$(dev): $(sources) | $(bin)/python
	@echo 'installing into $(VENV), which takes a minute or two'
	$(bin)/python -m pip install -qq --editable '.[dev]'
	touch $@ $(core)

$(docs): $(sources) | $(bin)/python
	@echo 'installing into $(VENV), which takes a minute or two'
	$(bin)/python -m pip install -qq --editable '.[docs]'
	touch $@ $(core)
