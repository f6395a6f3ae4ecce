# `make demo` runs the main job; `make test` passes the tests. Both install what they need.
SHELL := /bin/bash
.PHONY: demo test check bench clean
BIN := .venv/bin
INPUTS := pyproject.toml constraints.txt setup.sh

demo: .venv/.ready-collections
	$(BIN)/validate scenario newton-ocata

test: .venv/.ready-collections,dev check-only
	$(BIN)/pytest -q -n 2 --dist worksteal tests/browser tests/host

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
