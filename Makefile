# Every task of the project. `make help` lists them. Needs Python >=3.10, make and git.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
SUITE := pytest -n auto --dist loadfile --no-loadscope-reorder --durations 15

.DEFAULT_GOAL := help
.PHONY: help install demo demo-ui demo-snowflake ui test coverage tools soak bench fidelity lint types docs browser lock clean

help:  ## List the tasks
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

install: $(INSTALLED)  ## Make the virtual environment (.venv) with everything in it

$(INSTALLED): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
	  || { echo "Python 3.10 or newer is needed; give it as: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

demo: $(INSTALLED)  ## Open, use, merge and clean up a branch on a real Postgres, checking each step
	@$(BIN)/python -m branch_toolkit_demo

demo-ui: $(INSTALLED)  ## The demo's Postgres and Dagster's UI on http://127.0.0.1:3000, until Ctrl-C
	@$(BIN)/python -m branch_toolkit_demo --ui

demo-snowflake: $(INSTALLED)  ## The same on Snowflake's double, a server on this machine: no account needed
	@$(BIN)/python -m branch_toolkit_demo.snowflake

ui: demo-ui  ## The same as demo-ui

test: $(INSTALLED) browser tools  ## Lint, types and the whole suite
	@$(MAKE) --no-print-directory lint
	$(BIN)/python -m $(SUITE)

# The lifecycle's thousands of steps are covered already, and would take twice as long.
coverage: $(INSTALLED) browser tools  ## The suite's line coverage (half as long again as the suite)
	$(BIN)/coverage erase
	$(BIN)/coverage run -m $(SUITE) --ignore branch_toolkit_tests/lifecycle
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

# Other people's programs and records that check us. Where they cannot be had, it says why, and the
# tests that want them are skipped.
tools: $(INSTALLED)  ## Install the linters, API descriptions and records that the suite uses (.tools)
	@$(BIN)/python -m branch_toolkit_tests.tools.install

soak: $(INSTALLED)  ## The tests that kill and race, ten times as often (an hour)
	BRANCH_TOOLKIT_TEST_KILLS=10 $(BIN)/python -m pytest --timeout 7200 \
	  branch_toolkit_tests/integration/test_kills_and_races.py \
	  branch_toolkit_tests/integration/test_production_first.py \
	  branch_toolkit_tests/lifecycle \
	  branch_toolkit_tests/integration/postgres/test_cut_short.py \
	  branch_toolkit_tests/integration/postgres/test_owning_faults.py \
	  branch_toolkit_tests/snowflake/test_faults.py \
	  branch_toolkit_tests/snowflake/test_kills.py

bench: $(INSTALLED)  ## Measure, print ratios, write benchmarks/RESULTS.md (20 minutes, 15 GB of disk)
	$(BIN)/python -m benchmarks

fidelity: $(INSTALLED)  ## Clone the schemas in SCHEMAS=a.sql:b.sql.gz and compare their dumps
	BRANCH_TOOLKIT_TEST_SCHEMAS="$(SCHEMAS)" $(BIN)/python -m pytest -rP -k given_schemas \
	  branch_toolkit_tests/integration/postgres

lint: $(INSTALLED)  ## ruff, import contracts and the type checker
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/lint-imports --no-logo
	$(BIN)/mypy

types: $(INSTALLED)  ## The type checker alone
	$(BIN)/mypy

docs: $(INSTALLED)  ## Execute every block of README and docs
	$(BIN)/python -m pytest README.md CONTRIBUTING.md docs

# The browser test wants a Chromium. Where none can be installed it is skipped, and says so.
browser:
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null \
	|| { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	     && { apt-get update -qq; DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium; } >/dev/null 2>&1; } \
	|| echo "No Chromium here and none could be installed: the browser test will be skipped."

lock: $(INSTALLED)  ## Pin the development environment anew
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.10 --extra dev \
	  --no-emit-index-url --no-annotate --no-header pyproject.toml -o requirements.lock

clean:  ## Remove the virtual environment, the tools and the demo
	rm -rf $(VENV) .demo .tools
