# make demo: a good release, a bad one, the KPIs, on this machine. make test: everything that must hold. make check: what two minutes can tell.
.DEFAULT_GOAL := help
# compose's targets need Docker Compose v2 and any Python 3.11; the others make .venv.
.PHONY: compose-secrets compose-check help setup demo up down status replay evidence verify check test test-exhaustive coverage mutation lint lock chaos drill probe-google bench-analysis bench-evidence bench-traffic bench-schema bench-database-tier bench-kpi bench-api bench-staging bench-scale

PY := .venv/bin/python
export PYTHONPATH := $(CURDIR):$(CURDIR)/plugins

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Make .venv from the pinned requirements
	@bin/setup

demo: setup ## Release a good version and a bad one in a sandbox of its own, print what was measured
	@$(PY) -m sandbox.demo

up: setup ## Start the sandbox and Airflow and leave them running
	@$(PY) -m sandbox up

status: setup ## Tell what runs
	@$(PY) -m sandbox status

down: setup ## Stop everything and remove what it wrote
	@$(PY) -m sandbox down

replay: setup ## Decide RELEASE=... again from its record; with POLICY=... say what that policy would have said
	@$(PY) -m sandbox run $(PY) -m slipway replay $(RELEASE) $(if $(POLICY),--policy $(POLICY))

evidence: setup ## Draw the evidence of RELEASE=..., one SVG file per phase, into FOLDER (here)
	@$(PY) -m sandbox run $(PY) -m slipway evidence $(RELEASE) --folder $(or $(FOLDER),.)

verify: setup ## Verify the hash chain of RELEASE=... (a release in the ledger, or its JSON export)
	@$(PY) -m sandbox run $(PY) -m slipway verify $(RELEASE)

lint: setup ## Check style and types
	@bin/lint

check: setup ## Check style and types, run the unit tests: two minutes
	@bin/check

test: setup ## Check style and types, run every test; of complete matrices a sample
	@bin/test

test-exhaustive: setup ## The same with every case of the complete matrices
	@bin/test -m ""

drill: setup ## Act on releases as people and bad luck do, take them back, print how each ended (CELLS=, SEED=)
	@$(PY) -m sandbox.drill $(if $(CELLS),--cells $(CELLS)) $(if $(SEED),--seed $(SEED))

coverage: setup ## Measure by branch which parts of plugins/slipway the unit, integration and chaos tests run
	@$(PY) -m pytest -n 3 --dist loadfile --no-loadscope-reorder tests/unit tests/integration tests/chaos --cov --cov-report=term

mutation: setup ## Change the analysis in SAMPLE=40 places (SEED=6), list what no unit test notices
	@$(PY) -m bench.mutation $(if $(SAMPLE),--sample $(SAMPLE)) $(if $(SEED),--seed $(SEED))

chaos: setup ## Let everything fail while releases and rollups go on, kill tasks at every outside call, print how each ended
	@$(PY) -m pytest tests/chaos --quiet -m ""

probe-google: setup ## Ask PROJECT=... in REGION=... what it does differently, with a service made for it
	@$(PY) -m slipway probe-google $(PROJECT) $(REGION)

bench-analysis: setup ## Compare the analysis with its peers' on the same simulated traffic
	@$(PY) -m bench.analysis

bench-evidence: setup ## Bake releases whose metrics arrive oddly: how they end, how much later, what is named
	@$(PY) -m bench.evidence

bench-traffic: setup ## Move traffic to and fro under load: what fails, what closes, what the data plane adds
	@$(PY) -m bench.traffic_shift

bench-schema: setup ## Migrate a table of ten million rows under load, beside the naive way
	@$(PY) -m bench.schema

bench-staging: setup ## Load versions with one fault each: which ones staging stops, how often (RUNS=20, FAULTS=cost,late, BUSY=1, REDIS=1)
	@$(PY) -m bench.staging $(if $(RUNS),--runs $(RUNS)) $(if $(FAULTS),--faults $(FAULTS)) $(if $(BUSY),--busy) $(if $(REDIS),--redis)

bench-scale: setup ## Bake 1, 100, 500 releases on one triggerer, release 50 services, record 1,000 releases
	@$(PY) -m bench.scale

bench-api: setup ## Ask the Release page's API with 1,000 releases on record: how long, and what a viewer costs
	@$(PY) -m pytest -q -m exhaustive tests/integration/slipway/ui/test_api_figures.py

bench-database-tier: setup ## Time the database's part of a rollback with 1 GiB, and project it for 100 GiB
	@$(PY) -m bench.database_tier

bench-kpi: setup ## Measure the KPI rollup against the bare engine (ROWS="1000000 10000000", FACTS=, DAYS=)
	@$(PY) -m bench.kpi $(if $(ROWS),--rows $(ROWS)) $(if $(FACTS),--facts $(FACTS)) $(if $(DAYS),--days $(DAYS))

compose-secrets: ## Write the secret files of the compose stack; what is there is kept
	@python3 -m compose.secrets

compose-check: ## Build the compose stack and start what can be started, with secrets of its own; SANDBOX=1: its sandbox too
	@python3 -m compose.check $(if $(SANDBOX),--sandbox)

lock: setup ## Compile the pinned requirements from the *.in files
	@bin/lock
