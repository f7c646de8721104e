# Everything starts here. `make demo` and `make test` need Python 3.11+, make, and nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PEERS := .venv-peers
ARGS ?=
COMPILE = $(BIN)/uv pip compile --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-annotate --quiet --custom-compile-command 'make lock'

.PHONY: help install demo demo-output test test-all test-again check format docs sloth lock bench-peers-env bench-throughput bench-detection bench-growth bench-latency bench-otlp bench-page bench-soak bench-crash

help:  ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: $(READY)  ## create the environment in .venv

$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo 'Vigil needs Python 3.11 or newer; try: make PYTHON=python3.12 ...'; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo 'python3 -m venv does not work here; on Debian: apt-get install python3-venv'; exit 1; }
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(READY)  ## all of Vigil on this machine, with an incident in it; ARGS="--seconds 90 --json"
	$(BIN)/vigil demo $(ARGS)

test: $(READY)  ## the tests; what is not installed here is skipped, and says so
	$(BIN)/python -m pytest $(ARGS)

test-all: $(READY)  ## Debian packages, the checks, and every test
	./tests/install-debian.sh
	$(MAKE) check
	REQUIRE_ALL=1 $(BIN)/python -m pytest $(ARGS)

test-again: $(READY)  ## what failed last, if it was at most three tests, once more; a pass says which they were
	@n=$$(grep -c '::' .pytest_cache/v/cache/lastfailed) && test $$n -le 3 || { echo "$$n tests failed: too many to try again"; exit 1; }
	@echo 'FAILED ONCE, tried again alone:'; grep '::' .pytest_cache/v/cache/lastfailed
	REQUIRE_ALL=1 $(BIN)/python -m pytest --last-failed --last-failed-no-failures none $(ARGS)

check: $(READY)  ## ruff, mypy, import-linter, deptry
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .
	$(BIN)/python helm/sync.py --check

format: $(READY)  ## let ruff write
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: $(READY)  ## write what is generated: schemas, rules, dashboards, the chart's copies, blocks of README.md
	$(BIN)/python -m schemas.publish
	$(BIN)/vigil policy build
	$(BIN)/python helm/sync.py
	$(BIN)/python -m benchmarks.detection.picture
	$(BIN)/python docs/generate.py

sloth: $(READY)  ## let Sloth, which Go builds in some minutes, take our specifications, and keep what it makes of them
	SLOTH=1 $(BIN)/python -m pytest tests/alerts/test_sloth.py $(ARGS)

demo-output: $(READY)  ## run the demo and put what it prints into README.md
	$(BIN)/vigil demo --seconds 90 --json > docs/demo-output.tmp 2>&1
	sed -E 's#/[^ ]*/(vigil-demo-)[^/]*#/.../\1x#g' docs/demo-output.tmp > docs/demo-output.txt
	rm docs/demo-output.tmp
	$(BIN)/python docs/generate.py

lock: $(READY)  ## resolve pyproject.toml anew into requirements.txt, with hashes and without addresses
	$(COMPILE) pyproject.toml --universal --all-extras --output-file requirements.txt
	$(COMPILE) benchmarks/peers.in --output-file benchmarks/peers.txt

bench-peers-env: $(PEERS)/.ready  ## the environment of what the benchmarks are held against, in .venv-peers

$(PEERS)/.ready: benchmarks/peers.txt
	@$(PYTHON) -m venv $(PEERS) || { echo 'python3 -m venv does not work here; on Debian: apt-get install python3-venv'; exit 1; }
	$(PEERS)/bin/python -m pip install --quiet --require-hashes -r benchmarks/peers.txt
	@touch $@

bench-throughput: $(READY) bench-peers-env  ## events per CPU second, ours and the Python peers; QUICK=1 for a check
	QUICK=$(QUICK) $(BIN)/python -m benchmarks.throughput $(ARGS)

bench-growth: $(READY)  ## events per CPU second against message size, features, partitions, batch; QUICK=1 for a few
	QUICK=$(QUICK) $(BIN)/python -m benchmarks.growth $(ARGS)

bench-detection: $(READY)  ## delay and false pages of the detector beside the optimum and six peers; QUICK=1 for a taste
	QUICK=$(QUICK) $(BIN)/python -m benchmarks.detection $(ARGS)

bench-latency: $(READY)  ## seconds from an event to the counter and to its scored window, at 10, 50 and 90 % load
	QUICK=$(QUICK) $(BIN)/python -m benchmarks.latency $(ARGS)

bench-otlp: $(READY)  ## spans per CPU second, from OTLP as protobuf and as JSON
	QUICK=$(QUICK) $(BIN)/python -m benchmarks.otlp $(ARGS)

bench-page: $(READY)  ## seconds from a refusal spike to its page and to its end; then a quiet day, 100 times faster
	QUICK=$(QUICK) $(BIN)/python -m benchmarks.page $(ARGS)

bench-soak: $(READY)  ## half an hour at full speed: is memory flat, is the count exact
	QUICK=$(QUICK) $(BIN)/python -m benchmarks.soak $(ARGS)

bench-crash: $(READY)  ## kill, pause, cut off and starve workers, then count the topic again; ARGS="--seed 7", QUICK=1 for a taste
	QUICK=$(QUICK) $(BIN)/python -m benchmarks.crash $(ARGS)
