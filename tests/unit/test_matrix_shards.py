"""Every cell is in exactly one shard; what is started next leaves memory for it; timings that can be read."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.unit.matrices import empty_cache
from validator.errors import UsageError
from validator.matrix import shards, timings
from validator.matrix.jobs import jobs, limit
from validator.matrix.schedule import Need, Room, following


@pytest.mark.parametrize("seed", range(40))
def test_every_cell_is_in_exactly_one_shard_whatever_is_known(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - the same numbers in every run
    names = [f"s{number}@i+v" for number in range(chance.randrange(60))]
    seconds = {name: chance.choice([0.0, 1.0, 9.5, chance.random() * 500]) for name in names if chance.random() < 0.7}
    of = chance.randrange(1, 12)
    dealt = shards.deal(names, of, seconds)
    assert sorted(name for part in dealt for name in part) == sorted(names)
    assert len(dealt) == of
    chance.shuffle(names)
    assert [sorted(part) for part in shards.deal(names, of, seconds)] == [sorted(part) for part in dealt]


def test_shards_take_about_the_same_time() -> None:
    names = [str(number) for number in range(12)]
    seconds = {name: 100.0 if name in {"0", "1", "2"} else 10.0 for name in names}
    sums = [sum(seconds[name] for name in part) for part in shards.deal(names, 3, seconds)]
    assert sums == [130.0, 130.0, 130.0]


def test_a_cell_without_a_timing_counts_like_the_mean() -> None:
    dealt = shards.deal(["a", "b", "new"], 2, {"a": 10.0, "b": 20.0})
    assert dealt == (("b",), ("a", "new")), "15 s are reckoned for it"


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "1/0", "a/b", "-1/3", "1/3/2", ""])
def test_what_is_no_shard_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no shard"):
        shards.parse(text)


def test_a_shard_is_written_as_it_is_read() -> None:
    assert str(shards.parse("2/5")) == "2/5"


def need(memory: int = 100, *makes: str, seconds: float = 1.0) -> Need:
    return Need(memory=memory, makes=frozenset(makes), seconds=seconds)


def room(jobs: int = 2, budget: int = 1000, available: int = 1000) -> Room:
    return Room(jobs=jobs, budget=budget, available=available)


def test_the_longest_cell_is_started_first_and_no_more_than_asked_for() -> None:
    needs = {"a": need(seconds=1), "b": need(seconds=3), "c": need(seconds=2)}
    assert following(["a", "b", "c"], [], needs, room()) == "b"
    assert following(["a", "c"], ["b"], needs, room()) == "c"
    assert following(["a"], ["b", "c"], needs, room()) is None
    assert following([], ["b"], needs, room()) is None


def test_rather_one_that_need_not_wait_for_what_another_makes() -> None:
    needs = {"a": need(100, "image"), "b": need(100, "image", seconds=9), "c": need(100, "other")}
    assert following(["b", "c"], ["a"], needs, room()) == "c"
    assert following(["b"], ["a"], needs, room()) == "b", "there is no other"


def test_no_more_cells_than_memory_allows_but_always_one() -> None:
    needs = {"a": need(600), "b": need(600), "c": need(300)}
    assert following(["a"], [], needs, room(available=10, budget=10)) == "a"
    assert following(["b", "c"], ["a"], needs, room()) == "c", "of 1000 MB 400 are left"
    assert following(["b", "c"], ["a"], needs, room(available=200)) is None, "others have taken it"


def test_timings_are_written_and_read(tmp_path: Path) -> None:
    file = tmp_path / "timings.json"
    timings.save(file, {"b": 2.5, "a": 1.0})
    assert timings.load(file) == {"a": 1.0, "b": 2.5}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"schema": "convergence-validator/timings/1"}',
        '{"schema": "convergence-validator/timings/1", "seconds": {"a": "1"}}',
        '{"schema": "convergence-validator/timings/1", "seconds": {"a": -1}}',
        '{"schema": "convergence-validator/timings/1", "seconds": {"a": NaN}}',
        '{"schema": "convergence-validator/timings/2", "seconds": {}}',
    ],
)
def test_a_file_of_timings_that_is_none_is_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "timings.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match="is no file of timings"):
        timings.load(file)


def test_a_missing_file_of_timings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        timings.load(tmp_path / "gone.json")


def test_a_cache_remembers_and_survives_damage(tmp_path: Path) -> None:
    cache = empty_cache(tmp_path / "cache")
    assert timings.recall(cache) == {}
    timings.note(cache, "a", 1.25)
    timings.note(cache, "b", 2.0)
    assert timings.recall(cache) == {"a": 1.2, "b": 2.0}
    (cache.root / "timings.json").write_text("{", encoding="utf-8")
    timings.note(cache, "c", 3.0)
    assert timings.recall(cache) == {"c": 3.0}


def test_a_job_a_cell_as_long_as_the_engine_makes_so_many() -> None:
    cells = [f"c{number}@i+v" for number in range(256)]
    made = jobs(cells, limit("github", None), always=["--root=r"], selecting=["--timings=t"])
    assert [job.arguments for job in made] == [("--root=r", cell) for cell in cells]


def test_a_job_a_shard_when_there_are_more() -> None:
    cells = [f"c{number}@i+v" for number in range(257)]
    made = jobs(cells, limit("github", None), always=["--root=r"], selecting=["c*", "--timings=t"])
    assert len(made) == 256
    assert made[1].arguments == ("--root=r", "c*", "--timings=t", "--shard", "2/256")
    assert made[1].line == "--root=r 'c*' --timings=t --shard 2/256"


def test_engines_and_limits_that_there_are_not() -> None:
    assert (limit("gitlab", 3), limit("plain", 3), limit("zuul", None)) == (3, 3, 0)
    with pytest.raises(UsageError, match="there is no engine 'jenkins'"):
        limit("jenkins", None)
    with pytest.raises(UsageError, match="makes 200 jobs of a matrix at most"):
        limit("gitlab", 201)
