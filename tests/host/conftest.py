"""Tests in this directory start real hosts: they need root, and `make test` runs them."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/host/" in item.nodeid:
            item.add_marker(pytest.mark.host)
