# Two commands are enough: `make demo` and `make test`. Each begins with what `make setup` does; a second time it costs nothing.
PYTHON ?= python3
VENV := .venv
STAMP := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help setup lock

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## Python environment in .venv, server programs in .tools when this machine lacks them
	@sh scripts/programs.sh

$(STAMP): requirements.lock pyproject.toml
	@PYTHON="$(PYTHON)" VENV="$(VENV)" sh scripts/environment.sh
	@touch $@

lock: ## pin the dependencies again (needs uv)
	uv pip compile pyproject.toml --group dev --all-extras --universal --generate-hashes --no-emit-index-url --no-annotate --no-header \
		--python-version 3.11 -o requirements.lock
	uv pip compile requirements-terraform.in --generate-hashes --no-emit-index-url --no-annotate --no-header -o requirements-terraform.lock
