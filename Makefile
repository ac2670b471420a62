# Everything that is done with this tree. Each target does all of its own set-up.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
PYTHON := $(VENV)/bin/python
SWIFT_SOURCES := Sources Tests Package.swift
PYTHON_SOURCES := python setup.py

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# ---- The day ---------------------------------------------------------------------------------

.PHONY: build
build: $(VENV)/build.stamp ## Build the engine and the Python package in place
	@$(PYTHON) python/build_engine.py

.PHONY: test
test: build $(VENV)/test.stamp ## Run every test: engine, C example, Python, installed wheel
	$(PYTHON) python/build_engine.py --test
	$(PYTHON) -m pytest

.PHONY: demo
demo: build ## Look into two networks, a small one and one of photos, on out/index.html
	@bash python/prepare_environment.sh imagenet
	$(PYTHON) python/examples/demo.py

.PHONY: bench
bench: build ## Measure speed and memory beside the peers, about half an hour
	@bash python/benchmarks/prepare_peers.sh
	$(PYTHON) python/benchmarks/run.py --out out/bench.md

.PHONY: conformance
conformance: build $(VENV)/test.stamp ## Compare with Keras on whole networks
	$(PYTHON) -m pytest -m conformance

# ---- Style -----------------------------------------------------------------------------------

.PHONY: lint
lint: $(VENV)/lint.stamp ## Check formatting, style and types
	swift-format lint --strict --recursive $(SWIFT_SOURCES)
	$(VENV)/bin/ruff check --config python/ruff.toml $(PYTHON_SOURCES)
	$(VENV)/bin/ruff format --config python/ruff.toml --check $(PYTHON_SOURCES)
	$(VENV)/bin/mypy

.PHONY: format
format: $(VENV)/lint.stamp ## Rewrite the sources in the house style
	swift-format format --in-place --recursive $(SWIFT_SOURCES)
	$(VENV)/bin/ruff check --config python/ruff.toml --fix-only --quiet $(PYTHON_SOURCES)
	$(VENV)/bin/ruff format --config python/ruff.toml $(PYTHON_SOURCES)

# ---- Set-up ----------------------------------------------------------------------------------

# The environment of the build; its stamp is newer than every list of requirements.
$(VENV)/build.stamp: python/prepare_environment.sh pyproject.toml setup.cfg setup.py
	@bash python/prepare_environment.sh build
	@touch $@

$(VENV)/%.stamp: $(VENV)/build.stamp
	@bash python/prepare_environment.sh $*
	@touch $@

.PHONY: clean
clean: ## Remove everything that was built, the environment too
	rm -rf .build build dist out $(VENV) python/phosphene.egg-info
	rm -rf python/phosphene/*.so python/phosphene/*.so.* python/phosphene/licenses
