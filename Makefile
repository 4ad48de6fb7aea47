# One front door. `make` alone prints the commands.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.ready
TIERS := unit property kernel integration fault end_to_end
SEED ?=
# Tests wait for servers a third of their time: three keep two cores busy.
WORKERS ?= 3

export PYTHONHASHSEED := 0

.DEFAULT_GOAL := help
.PHONY: help setup demo check fix test $(TIERS) bench fuzz kill-campaign load-campaign sink-campaign switchover-campaign model storm fidelity registry-test tidb oceanbase-forgets openapi errors
.PHONY: api-fuzz api-load lock console console-test console-shots console-load clean

help:  ## print this
	@sed -n 's/^\([a-z_-]*\):.*##/\1\t/p' $(MAKEFILE_LIST) | expand -t 16

setup: $(STAMP)  ## install everything demo and tests need (quick the second time)

$(STAMP): requirements/dev.txt pyproject.toml $(wildcard setup.py) tools/setup $(wildcard src/ferryman/kernel/*.p[yx]x) $(wildcard src/ferryman/kernel/*.pxd)
	@PYTHON="$(PYTHON)" tools/setup
	@touch $@

demo: $(STAMP)  ## watch a live MariaDB move into OceanBase while it is written to
	@$(BIN)/ferryman demo

check: $(STAMP)  ## lint, types, imports
	@$(BIN)/ruff check src tests bench
	@$(BIN)/ruff format --check -q src tests bench
	@$(BIN)/mypy
	@$(BIN)/lint-imports --config pyproject.toml | tail -1
	@tools/style-caps

fix: $(STAMP)  ## format and sort
	@$(BIN)/ruff check --fix src tests bench
	@$(BIN)/ruff format -q src tests bench

test: check  ## everything CI runs: all tiers, short forms
	@$(BIN)/pytest $(addprefix tests/,$(TIERS)) -n $(WORKERS) --dist loadfile --no-loadscope-reorder --durations=25 $(if $(SEED),-p randomly -p "randomly_seed=$(SEED)")

unit property kernel integration fault end_to_end: $(STAMP)  ## one tier of tests
	@$(BIN)/pytest tests/$@

bench: $(STAMP)  ## measure; writes docs/benchmarks.md
	@command -v mariadb-dump >/dev/null || apt-get install -y -qq --no-install-recommends mariadb-client >/dev/null \
	  || { echo "bench: mariadb-dump is missing: install the package mariadb-client"; exit 1; }
	@$(BIN)/python -m bench

fuzz: $(STAMP)  ## a million mutated packets and events for the kernel, some with AddressSanitizer (INPUTS=n SEED=n)
	@tools/fuzz $${INPUTS:-1000000} $(SEED)

kill-campaign: $(STAMP)  ## 300 kills and zombies at random instants, with schema statements (KILLS=300 SEED=n)
	@FERRYMAN_KILLS=$$(($${KILLS:-300} / 4)) FERRYMAN_SEED=$${SEED:-1} $(BIN)/pytest -s tests/fault/test_kills.py

load-campaign: $(STAMP)  ## loads and the making of their indexes under random kills, into each server (KILLS=75 SEED=n)
	@FERRYMAN_KILLS=$$(($${KILLS:-75} / 3)) FERRYMAN_SEED=$${SEED:-1} $(BIN)/pytest -s tests/fault/test_load_kills.py

model: $(STAMP)  ## apply beside load, crashes and schema statements in memory, so many random runs (RUNS=10000)
	@FERRYMAN_RUNS=$${RUNS:-10000} $(BIN)/pytest --timeout=0 -p no:randomly tests/property/test_apply_model.py -k whatever_happens

sink-campaign: $(STAMP)  ## every sink and partition rule under random kills (KILLS=100 SEED=n)
	@FERRYMAN_KILLS=$${KILLS:-100} FERRYMAN_SEED=$${SEED:-1} $(BIN)/pytest -s tests/fault/test_sink_file.py tests/fault/test_sink_kafka.py \
	  tests/fault/test_sink_rocketmq.py

switchover-campaign: $(STAMP)  ## there and back between every pair of servers, under random kills (KILLS=36 SEED=n)
	@FERRYMAN_KILLS=$$(($${KILLS:-36} / 3)) FERRYMAN_SEED=$${SEED:-1} $(BIN)/pytest -s tests/fault/test_switchover_kills.py

registry-test: $(STAMP)  ## AVRO with a real schema registry (fetches 140 MB once)
	@tools/registry && $(BIN)/pytest -s tests/integration/test_avro_registry.py

tidb: $(STAMP)  ## build a real TiDB and test against it (needs Go; half an hour the first time)
	@tools/tidb/build && FERRYMAN_TIDB_WANTED=1 $(BIN)/pytest -m tidb tests

storm: $(STAMP)  ## random rows and schema statements at a running project (FERRYMAN_STORM_SECONDS=60 FERRYMAN_SEED=n)
	@FERRYMAN_STORM_SECONDS=$${FERRYMAN_STORM_SECONDS:-60} $(BIN)/pytest -s tests/fault/test_storm.py

oceanbase-forgets: $(STAMP)  ## an OceanBase that has really lost the history it is asked for (minutes)
	@FERRYMAN_FORGET=1 $(BIN)/pytest -s tests/integration/test_oceanbase_changes.py -k really_gone

console: $(STAMP)  ## build the web console into the package (needs Node; users do not)
	@tools/console build

console-test: $(STAMP)  ## the console's types and logic, and that its bundle is the one its source makes
	@tools/console test

console-shots: $(STAMP)  ## every page, light and dark, wide and narrow, into screenshots/
	@$(BIN)/python tests/end_to_end/console_shots.py screenshots

console-load: $(STAMP)  ## how quick the console is with 10,000 projects, and with 10,000 tables
	@$(BIN)/python tests/end_to_end/console_load.py

errors: $(STAMP)  ## write the register of errors, docs/errors.md
	@$(BIN)/python tools/errors > docs/errors.md

openapi: $(STAMP)  ## write docs/openapi.json, docs/project.schema.json, and the typed client made from the former
	@$(BIN)/python tools/openapi > docs/openapi.json
	@$(BIN)/ferryman apply --schema > docs/project.schema.json
	@$(BIN)/python tools/client

api-fuzz: $(STAMP)  ## 10,000 generated calls of every route and every OMS action (CASES=10000 SEED=n)
	@FERRYMAN_FUZZ_CASES=$${CASES:-10000} FERRYMAN_SEED=$${SEED:-1} $(BIN)/pytest -s tests/end_to_end/test_api_fuzz.py

api-load: $(STAMP)  ## how quick and how large the service is with 1,000 and 10,000 projects (SECONDS_OF_LOAD=20)
	@$(BIN)/python -m bench.service_load

fidelity: $(STAMP)  ## find out what becomes of every type, and write it into docs/fidelity.md
	@FERRYMAN_WRITE_FIDELITY=1 $(BIN)/pytest -q tests/end_to_end/test_fidelity_matrix.py

lock:  ## renew the lock files from pyproject.toml
	@$(BIN)/uv pip compile -q --upgrade --no-emit-index-url --no-header --no-emit-find-links --generate-hashes --extra embedded \
	  pyproject.toml -o requirements/runtime.txt
	@$(BIN)/uv pip compile -q --upgrade --no-emit-index-url --no-header --no-emit-find-links --generate-hashes --extra embedded --group dev \
	  pyproject.toml -o requirements/dev.txt

clean:  ## remove what the commands above made
	@rm -rf .venv build dist .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find src -name '*.so' -delete
