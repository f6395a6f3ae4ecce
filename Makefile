# `make demo` runs the main job; `make test` passes the tests. Both install what they need.
SHELL := /bin/bash
.PHONY: demo test test-all check bench clean
BIN := .venv/bin
INPUTS := pyproject.toml constraints.txt setup.sh

demo: .venv/.ready-collections
	$(BIN)/validate scenario newton-ocata

SLOW := $(BIN)/pytest -q -n 2 --dist worksteal --durations=40 tests/browser tests/host

test: .venv/.ready-collections,dev check-only
	$(SLOW) -m "not extended"

# Those too that show again, in a larger scenario, what others show.
test-all: .venv/.ready-collections,dev check-only
	$(SLOW)

check: .venv/.ready-collections,dev check-only

bench: .venv/.ready-collections,dev
	$(BIN)/python benchmarks/overhead.py
	$(BIN)/python benchmarks/witnesses.py

# What needs no host: style, types, floors, unit tests.
.PHONY: check-only
check-only: .venv/.ready-collections,dev
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --quiet --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache >/dev/null
	$(BIN)/pytest -q -n 2 tests/unit

.venv/.ready-%: $(INPUTS)
	./setup.sh $*

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache
