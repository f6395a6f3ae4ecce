"""Tests in this directory start real hosts: they need root, and `make test` runs them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import COMMAND, Validate
from tests.host.lab import SPEC, Lab, linked_cache, write_scenario
from validator.host import image
from validator.host.cache import Cache
from validator.process import locked


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/host/" in item.nodeid:
            item.add_marker(pytest.mark.host)


@pytest.fixture(scope="session")
def everybodys() -> Iterator[Cache]:
    """The cache that tests share with the person who runs them, with the image of scenarios/plain-files in it."""
    cache = Cache.open()
    image.ensure(SPEC, cache)
    with cache.using("images", SPEC.name):
        yield cache


@pytest.fixture(scope="session")
def usual_states(everybodys: Cache, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The states of the usual scenario, its old release and its catalogs: made once for all workers."""
    place = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        place = place.parent
    seed = place / "seed"
    with locked(place / "seed.lock"):
        if not seed.exists():
            linked_cache(seed, everybodys)
            scenario = write_scenario(place / "seed-scenario")
            env = {**os.environ, "VALIDATE_CACHE": str(seed)}
            made = subprocess.run([COMMAND, "scenario", scenario], env=env, capture_output=True, check=False)
            assert made.returncode == 0, made.stderr.decode()
    return seed / "states"


@pytest.fixture
def cold_lab(tmp_path: Path, everybodys: Cache, validate: Validate) -> Lab:
    """A lab in which no state is cached."""
    return Lab(root=tmp_path, cache=linked_cache(tmp_path / "cache", everybodys), validate=validate)


@pytest.fixture
def lab(cold_lab: Lab, usual_states: Path) -> Lab:
    """A lab in which the usual old release and the usual catalogs are cached."""
    for state in usual_states.glob("[!.]*"):
        (cold_lab.cache / "states" / state.name).symlink_to(state)
    return cold_lab
