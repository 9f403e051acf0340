# Needs Python 3.11 or newer, make and git; everything else is set up in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STUBS := $(VENV)/stubs
BASE := $(VENV)/base
READY := $(VENV)/ready
PEERS := tests/js/node_modules/.package-lock.json

.PHONY: demo test lint types compile unit security bench conformance gas-index generate clean

$(BASE): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -e .
	touch $(BASE)

$(READY): $(BASE)
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[test]'
	for port in esp32 rp2; do \
	  $(BIN)/pip install --quiet --disable-pip-version-check --no-deps --upgrade --target $(STUBS)/$$port \
	    micropython-$$port-stubs==1.29.0.post1 micropython-stdlib-stubs==1.29.0.post2 || exit 1; done
	touch $(READY)

$(PEERS): tests/js/package-lock.json
	npm ci --prefix tests/js --no-audit --no-fund --silent || echo "npm is not there: frames are not compared with lora-packet"

demo: $(BASE)
	mkdir -p build
	$(BIN)/kerbstone emulate street --for 24h --seed 1 --json build/street.json --report build/street.html

test: lint types compile unit

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/kerbstone generate --check

types: $(READY)
	$(BIN)/mypy
	$(BIN)/python tests/typecheck_firmware.py $(STUBS)

compile: $(READY)
	$(BIN)/python tests/compile_firmware.py

unit: $(READY) $(PEERS)
	$(BIN)/python -m pytest -q -n 2 --dist loadfile

# The security checklist, decided by its tests: build/conformance.json.
security: $(READY)
	$(BIN)/python tests/security/security_run.py build/conformance.json

bench: $(READY)
	$(BIN)/python tests/bench/bench.py

# Cases with known answers through the firmware's own code, in 64-bit and 32-bit arithmetic; docs/conformance.md.
CASES ?= $(wildcard tests/conformance/data/*_cases.json tests/conformance/data/*_cases.csv)
conformance: $(READY)
	@$(BIN)/python tests/conformance/run.py $(CASES)

gas-index: $(READY)
	@$(BIN)/python tests/conformance/gas_index.py

generate: $(READY)
	$(BIN)/kerbstone generate

clean:
	rm -rf $(VENV) build dist
