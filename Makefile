.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PACKAGES := gateway schema workers models
# Empty: bytecode is kept. The tests start a hundred processes, which would compile it each time.
export PYTHONDONTWRITEBYTECODE :=

help:  ## Print this manual
	@awk 'BEGIN {FS = ":.*## "} /^[a-z]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BIN)/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "nicgate needs Python 3.11 or newer: make PYTHON=python3.12 run"; exit 1; }
	@echo "Setting up $(VENV) (once, about 30 seconds) ..."
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "Python cannot make a venv; on Debian: apt install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

setup: $(BIN)/.installed  ## Make the virtual environment from the lock file; nothing to do when it is up to date

run: setup  ## Run the whole gateway here: PostgreSQL, Valkey, mailbox, gateway, worker (Ctrl-C stops it)
	@exec $(BIN)/nicgate up

test: lint  ## Check style and types, then run every test
	@$(BIN)/python -m pytest

lint: setup  ## Check style and types only
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy $(PACKAGES)

format: setup  ## Put the code into the house's format
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .

schema: setup  ## Print the schema into schema/schema.graphql
	@$(BIN)/nicgate schema > schema/schema.graphql.new && mv schema/schema.graphql.new schema/schema.graphql

migrations: setup  ## Write a migration for what changed in models/ (NAME=what_it_does)
	@test -n "$(NAME)" || { echo "make migrations NAME=what_it_does"; exit 1; }
	@$(BIN)/tortoise -c models.database.TORTOISE_ORM makemigrations -n $(NAME)

lock: setup  ## Resolve the dependencies of pyproject.toml anew (needs uv)
	@uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links \
		--all-extras --python-version 3.11 --custom-compile-command "make lock" pyproject.toml -o requirements.lock

clean:  ## Remove the virtual environment and the data of the embedded run
	@rm -rf $(VENV) var

.PHONY: help setup run test lint format schema migrations lock clean
