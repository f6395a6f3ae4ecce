"""What is kept only to be looked at does not pile up."""

from __future__ import annotations

import os
from pathlib import Path

from validator.host.cache import KEPT_COPIES, Cache


def test_only_the_copies_used_last_are_kept_and_nothing_else_goes(tmp_path: Path) -> None:
    cache = Cache(root=tmp_path)
    for number in range(KEPT_COPIES + 3):
        with cache.making("states", f"upgraded-{number}") as unfinished:
            assert unfinished is not None
            cache.describe(unfinished, about="a", copy=number != 0)
        os.utime(cache.state(f"upgraded-{number}"), (number, number))
    with cache.using("states", "upgraded-1"):  # now the one that was used last
        cache.thin_out_copies()
    left = {path.name for path in (tmp_path / "states").glob("upgraded-*")}
    assert left == {f"upgraded-{number}" for number in (0, 1, *range(4, KEPT_COPIES + 3))}


def test_who_does_not_want_to_wait_learns_that_somebody_else_makes_it(tmp_path: Path) -> None:
    cache = Cache(root=tmp_path)
    with cache.making("states", "a") as first:
        assert first is not None
        with cache.making("states", "a", wait=False) as second:
            assert second is None
        cache.describe(first)
    assert cache.has_state("a")
