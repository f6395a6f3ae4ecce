"""`matrix.yml`: every mistake at once with its place; which cells it declares, and what they are called."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.host.lab import write_scenario
from tests.unit.matrices import write_matrix
from validator.errors import ScenarioError, UsageError
from validator.matrix import declared
from validator.matrix.model import schema

SUITES = "images:\n  bookworm: {suite: bookworm}\n  trixie: {suite: trixie}\n"


def names(file: Path) -> list[str]:
    return [cell.name for cell in declared.coordinates(declared.read(file))]


def problems(root: Path, text: str, *scenarios: str) -> list[str]:
    file = write_matrix(root, text, *scenarios)
    with pytest.raises(ScenarioError) as caught:
        declared.coordinates(declared.read(file))
    return [str(problem).removeprefix(f"{root}/") for problem in sorted(caught.value.problems)]


def test_the_smallest_matrix_is_every_scenario_on_its_own_image(tmp_path: Path) -> None:
    assert names(write_matrix(tmp_path, "scenarios: ['*']\n", "b", "a")) == ["a@own+default", "b@own+default"]


def test_scenarios_times_images_times_variants(tmp_path: Path) -> None:
    text = f"scenarios: [b, a*]\n{SUITES}variants: {{one: {{}}, two: {{}}}}\n"
    assert names(write_matrix(tmp_path, text, "a", "b")) == [
        f"{scenario}@{image}+{variant}"
        for scenario in ("b", "a")
        for image in ("bookworm", "trixie")
        for variant in ("one", "two")
    ]


def test_scenarios_elsewhere_are_named_by_their_way_there(tmp_path: Path) -> None:
    write_scenario(tmp_path / "corpus" / "case" / "faulty")
    file = write_matrix(tmp_path / "scenarios", "scenarios: [shop, ../corpus/*/faulty]\n")
    assert names(file) == ["shop@own+default", "../corpus/case/faulty@own+default"]


def test_images_and_variants_may_be_for_some_scenarios_only(tmp_path: Path) -> None:
    text = """\
scenarios: [a, b]
images: {bookworm: {suite: bookworm}, trixie: {suite: trixie, scenarios: [a]}}
variants: {default: {}, other: {scenarios: ['b*']}}
"""
    found = names(write_matrix(tmp_path, text, "a", "b"))
    assert found == ["a@bookworm+default", "a@trixie+default", "b@bookworm+default", "b@bookworm+other"]


def test_cells_are_excluded_and_included_and_named_once(tmp_path: Path) -> None:
    text = f"""\
scenarios: [a, b]
{SUITES}exclude: [{{image: trixie}}]
include: [{{scenario: b, image: trixie}}, {{scenario: a, image: bookworm}}]
"""
    found = names(write_matrix(tmp_path, text, "a", "b"))
    assert found == ["a@bookworm+default", "b@bookworm+default", "b@trixie+default"]


def test_the_last_expectation_that_matches_counts(tmp_path: Path) -> None:
    text = f"""\
scenarios: [a, b]
{SUITES}expect:
- {{scenario: a, verdict: diverged}}
- {{scenario: a, image: trixie, verdict: inconclusive}}
"""
    cells = declared.coordinates(declared.read(write_matrix(tmp_path, text, "a", "b")))
    assert [cell.expect for cell in cells] == ["diverged", "inconclusive", "converged", "converged"]


def test_all_mistakes_come_at_once_each_with_its_place(tmp_path: Path) -> None:
    text = """\
scenarios: []
images:
  a b: {suite: bookworm}
  trixie: {suite: trixie, packges: {}}
  mine: {path: gone.tar}
variants:
  default: {var: {}}
  new: {new: {hieradata: {}}}
expect: [{verdict: green}]
more: 1
"""
    assert problems(tmp_path, text) == [
        "matrix.yml:1:1: scenarios: tuple should have at least 1 item after validation, not 0",
        "matrix.yml:3:3: images.a b: string should match pattern '^[A-Za-z0-9][A-Za-z0-9._-]*$' (it is 'a b')",
        "matrix.yml:4:27: images.trixie.packges: unknown key; did you mean `packages`?",
        f"matrix.yml:5:10: images.mine.path: there is no file or directory {tmp_path}/gone.tar",
        "matrix.yml:7:13: variants.default.var: unknown key; did you mean `vars`?",
        "matrix.yml:8:15: variants.new.new.hieradata: unknown key; did you mean `hiera_data`?",
        "matrix.yml:9:11: expect.0.verdict: input should be 'converged', 'diverged' or 'inconclusive' (it is 'green')",
        "matrix.yml:10:1: more: unknown key; known here: scenarios, images, variants, exclude, include, expect",
    ]


def test_what_names_nothing_is_a_mistake(tmp_path: Path) -> None:
    text = """\
scenarios: [shop, gone-*]
images: {own: {scenarios: [gone]}}
variants: {default: {}}
include:
- {scenario: gone}
- {scenario: shop, image: nope, variant: none}
"""
    assert problems(tmp_path, text) == [
        f"matrix.yml:1:19: scenarios.1: there is no scenario 'gone-*' below {tmp_path}",
        "matrix.yml:2:28: images.own.scenarios.0: no scenario matches 'gone'",
        f"matrix.yml:5:4: include.0.scenario: there is no scenario 'gone' below {tmp_path}",
        "matrix.yml:6:20: include.1.image: there is no image 'nope'; known: own",
        "matrix.yml:6:33: include.1.variant: there is no variant 'none'; known: default",
    ]


@pytest.mark.parametrize("key", ["exclude: [{scenario: shpo}]", "expect: [{scenario: shpo, verdict: diverged}]"])
def test_a_rule_for_no_cell_is_a_mistake(key: str, tmp_path: Path) -> None:
    name = key.partition(":")[0]
    assert problems(tmp_path, f"scenarios: [shop]\n{key}\n") == [
        f"matrix.yml:2:{len(name) + 4}: {name}.0: no cell matches"
    ]


def test_an_image_of_ones_own_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    text = "scenarios: [shop]\nimages: {mine: {path: root, suite: trixie}}\n"
    found = problems(tmp_path, text)
    assert len(found) == 1
    assert found[0].startswith("matrix.yml:2:10: images.mine: with `path` the image is taken as it is: leave out ")


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        declared.read(tmp_path / "matrix.yml")
    assert "--scenario" in caught.value.hint


def test_a_matrix_is_made_on_the_command_line(tmp_path: Path) -> None:
    write_scenario(tmp_path / "shop")
    (tmp_path / "rootfs.tar").write_bytes(b"")
    made = declared.of_command_line(("sh*",), ("own", "trixie", str(tmp_path / "rootfs.tar")), tmp_path)
    assert [cell.name for cell in declared.coordinates(made)] == [
        "shop@own+default",
        "shop@trixie+default",
        "shop@rootfs.tar+default",
    ]
    with pytest.raises(UsageError, match="there is no image 'trixy'"):
        declared.of_command_line(("sh*",), ("trixy",), tmp_path)
    with pytest.raises(ScenarioError, match="there is no scenario 'nope'"):
        declared.coordinates(declared.of_command_line(("nope",), (), tmp_path))


def test_cells_are_chosen_by_scenario_or_by_whole_name(tmp_path: Path) -> None:
    file = write_matrix(tmp_path, f"scenarios: ['*']\n{SUITES}", "a", "ab", "[a]")
    cells = declared.coordinates(declared.read(file))

    def chosen(*patterns: str) -> list[str]:
        return [cell.name for cell in declared.chosen(cells, patterns)]

    assert chosen() == [cell.name for cell in cells]
    assert chosen("a") == ["a@bookworm+default", "a@trixie+default"]
    assert chosen("a*@trixie+*", "ab") == ["a@trixie+default", "ab@bookworm+default", "ab@trixie+default"]
    assert chosen("[a]@trixie+default") == ["[a]@trixie+default"], "a whole name is no pattern"
    with pytest.raises(UsageError, match="no cell matches 'b', 'a@bullseye'"):
        chosen("a", "b", "a@bullseye")


def test_the_schema_is_of_the_file() -> None:
    assert {"scenarios", "images", "variants"} <= set(schema()["properties"])  # type: ignore[call-overload]  # JSON
