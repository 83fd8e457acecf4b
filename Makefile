# The short front door. Everything is built by Meson; each target can be repeated, and says nothing
# when there is nothing to do.
#
#     make            the command and the library, in build/
#     make run        fetches some thousands of files from a local server and verifies every byte
#     make test       everything that can tell right from wrong
#     make help       the rest

PREFIX ?= /usr/local
PYTHON ?= python3
T ?=
FUZZ_SECONDS ?= 60

VENV := .venv
PY := $(VENV)/bin/python

.DEFAULT_GOAL := build
.PHONY: build run test check bench soak fuzz install clean help

build:
	@tools/install-packages build
	@tools/build-in build --buildtype=release -Db_lto=true -Dtests=false

run:
	@tools/install-packages build run
	@$(MAKE) --no-print-directory -s build
	@$(PYTHON) tools/run_real_files.py --command build/hyperhttp

test: $(VENV)/.ready
	@tools/install-packages build run test
	@PYTHON=$(abspath $(PY)) tools/test

check: $(VENV)/.ready
	@tools/install-packages build run test
	@PYTHON=$(abspath $(PY)) tools/test quick

bench: $(VENV)/.ready
	@tools/install-packages build run bench
	@tools/build-in build-bench --buildtype=release -Db_lto=true -Dtests=false -Dbench=true
	@$(PY) -m pip install --quiet --disable-pip-version-check --requirement bench/requirements.txt
	@$(PY) bench/run.py $(if $(QUICK),--quick --rounds 2) $(if $(ROUNDS),--rounds $(ROUNDS))

soak:
	@tools/install-packages build run test
	@tools/build-in build-soak --buildtype=debugoptimized -Db_sanitize=address,undefined -- tests/soak
	@build-soak/tests/soak

fuzz:
	@tools/install-packages build test
	@tools/fuzz "$(FUZZ_SECONDS)" $(T)

install:
	@$(MAKE) --no-print-directory -s build
	@tools/install-to "$(abspath $(PREFIX))"

clean:
	@rm -rf build build-* $(VENV) .pytest_cache

help:
	@echo "make                   release build: build/hyperhttp and build/libhyperhttp.so"
	@echo "make run               fetch thousands of files from a local nginx, verify every byte"
	@echo "make test              every test, under sanitizers too; under ten minutes"
	@echo "make check             quick gate: format, layers, headers, unit tests; under a minute"
	@echo "make bench [QUICK=1]   measure against other clients, side by side; ROUNDS=5"
	@echo "make soak              the long proofs"
	@echo "make fuzz [T=name]     one fuzz target, or each of them, for FUZZ_SECONDS=60"
	@echo "make install PREFIX=   command, library, headers, pkg-config file, man pages"
	@echo "make clean             removes everything that was built"

# The Python that runs the tests.
$(VENV)/.ready: tests/requirements.txt
	@tools/install-packages build run test
	@echo "preparing $(VENV)"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(PY) -m pip install --quiet --disable-pip-version-check --requirement tests/requirements.txt
	@touch $@
