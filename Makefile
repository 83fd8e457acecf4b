# The short front door. Everything is built by Meson; each target can be repeated, and says nothing
# when there is nothing to do.
#
#     make            the command and the library, in build/; the Python package, in .venv/
#     make run        fetches some thousands of files from a local server and verifies every byte
#     make test       everything that can tell right from wrong
#     make help       the rest

PREFIX ?= /usr/local
PYTHON ?= python3
T ?=
FUZZ_SECONDS ?= 60

export PYTHON
PY := .venv/bin/python

.DEFAULT_GOAL := build
.PHONY: build run test check bench soak fuzz install clean help

build:
	@tools/install-packages build
	@tools/make-venv
	@tools/build-package release

run:
	@tools/install-packages build run
	@$(MAKE) --no-print-directory -s build
	@$(PYTHON) tools/run_real_files.py --command build/hyperhttp

test:
	@tools/install-packages build run test
	@tools/make-venv tests/requirements.txt
	@PYTHON=$(abspath $(PY)) tools/test

check:
	@tools/install-packages build run test
	@tools/make-venv tests/requirements.txt
	@PYTHON=$(abspath $(PY)) tools/test quick

bench:
	@tools/install-packages build run bench
	@tools/make-venv bench/requirements.txt
	@tools/build-package release
	@tools/build-in build-bench --buildtype=release -Db_lto=true -Dtests=false -Dbench=true
ifeq ($(filter python http2%,$(ONLY)),)
	@$(PY) bench/run.py $(if $(QUICK),--quick --rounds 2) $(if $(ROUNDS),--rounds $(ROUNDS)) \
		$(if $(ONLY),--only $(ONLY))
endif
ifeq ($(filter-out http2%,$(ONLY)),)
	@$(PY) bench/run_http2.py $(if $(QUICK),--quick --rounds 2) $(if $(ROUNDS),--rounds $(ROUNDS)) \
		$(if $(filter http2-%,$(ONLY)),--only $(ONLY))
endif
ifeq ($(filter-out python,$(ONLY)),)
	@$(PY) bench/run_python.py $(if $(QUICK),--quick) $(if $(ROUNDS),--rounds $(ROUNDS))
endif

soak:
	@tools/install-packages build run test
	@tools/make-venv
	@tools/build-package release
	@tools/build-in build-soak --buildtype=debugoptimized -Db_sanitize=address,undefined -- tests/soak
	@build-soak/tests/soak
	@$(PY) tests/python/storm.py

fuzz:
	@tools/install-packages build test
	@tools/fuzz "$(FUZZ_SECONDS)" $(T)

install:
	@$(MAKE) --no-print-directory -s build
	@tools/install-to "$(abspath $(PREFIX))"

clean:
	@rm -rf build build-* .venv .pytest_cache .mypy_cache .ruff_cache

help:
	@echo "make                   release build: build/hyperhttp, build/libhyperhttp.so, Python in .venv"
	@echo "make run               fetch thousands of files from a local nginx, verify every byte"
	@echo "make test              every test, under sanitizers too; under ten minutes"
	@echo "make check             quick gate: format, layers, types, unit tests; under a minute"
	@echo "make bench [QUICK=1]   measure against other clients, side by side; ROUNDS=5 ONLY=http2"
	@echo "make soak              the long proofs"
	@echo "make fuzz [T=name]     one fuzz target, or each of them, for FUZZ_SECONDS=60"
	@echo "make install PREFIX=   command, library, headers, pkg-config file, man pages"
	@echo "make clean             removes everything that was built"
