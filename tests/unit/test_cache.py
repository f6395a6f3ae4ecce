"""The cache hands out what fits together, and what is kept only to be looked at does not pile up."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from validator.errors import HostError
from validator.host.cache import KEPT_COPIES, Below, Cache, Kind, remove_tree


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


def made(cache: Cache, kind: Kind, name: str, below: Below = ()) -> None:
    with cache.making(kind, name) as unfinished:
        assert unfinished is not None
        cache.describe(unfinished, below=below)


def test_a_state_is_not_used_on_an_image_that_was_made_anew_under_the_same_name(tmp_path: Path) -> None:
    cache = Cache(root=tmp_path)
    made(cache, "images", "i")
    made(cache, "states", "old", (("images", "i"),))
    made(cache, "states", "upgraded", (("images", "i"), ("states", "old")))
    made(cache, "states", "of-another-image", (("images", "i"),))
    assert cache.has_state("upgraded")
    remove_tree(cache.image("i"))  # as the page on disk space says, for newer packages
    assert not cache.has_state("old")
    made(cache, "images", "i")
    assert not any(cache.has_state(name) for name in ("old", "upgraded", "of-another-image"))
    with pytest.raises(HostError, match="removed"), cache.using("states", "old"):
        pass
    (cache.state("old") / "stale").touch()
    made(cache, "states", "old", (("images", "i"),))
    assert cache.has_state("old")
    assert not (cache.state("old") / "stale").exists()
    assert not cache.has_state("upgraded")


def test_what_does_not_fit_any_more_is_made_anew_once_nobody_uses_it(tmp_path: Path) -> None:
    cache = Cache(root=tmp_path)
    made(cache, "images", "i")
    made(cache, "states", "old", (("images", "i"),))
    with cache.using("states", "old"):
        remove_tree(cache.image("i"))
        made(cache, "images", "i")
        with cache.making("states", "old", wait=False) as unfinished:
            assert unfinished is None
        waiting = threading.Thread(target=made, args=(cache, "states", "old", (("images", "i"),)))
        waiting.start()
        waiting.join(0.2)
        assert waiting.is_alive()
        assert not cache.has_state("old")
    waiting.join(10)
    assert cache.has_state("old")
