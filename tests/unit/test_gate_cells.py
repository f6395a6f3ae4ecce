"""The release gate and the cells of a matrix: each is judged by its own whole result, as strictly as a single one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Validate
from tests.unit.gates import DAY, HOUR, WRITE, diverging, waived, write_yaml
from tests.unit.shards import GREEN, MATRIX, RED, Shards, run_of
from tests.unit.test_gate import assert_any
from validator import __version__, record, reports
from validator.errors import ScenarioError
from validator.gate import run, signoff
from validator.gate.judgement import Decision
from validator.matrix.result import How, MatrixResult, Outcome
from validator.record import Run
from validator.render.gate import RENDERERS
from validator.render.markdown import prose
from validator.verdict import judge


@dataclass(frozen=True)
class Gate:
    """A matrix of two green cells, and a checklist that wants both."""

    shards: Shards

    @property
    def root(self) -> Path:
        return self.shards.root

    def require(self, *lines: dict[str, object], **parts: object) -> None:
        document = {
            "title": "shop 2",
            "results": ["all/*.json"],
            "matrix": "scenarios/matrix.yml",
            "max_age": "7d",
            "require": list(lines) or [{"cell": "*"}],
            **parts,
        }
        write_yaml(self.root / "release.yml", document)

    def has(self, *outcomes: Outcome, **more: Any) -> Path:
        """Write the result of a matrix."""
        return self.shards.write("all", *outcomes, **more)

    def judge(self) -> Decision:
        return run.gate(Path("release.yml"), WRITE, None)

    def reasons(self) -> tuple[str, ...]:
        """Every reason against a go; none that it is one."""
        decision = self.judge()
        found = (
            *decision.reasons,
            *(f"{item.content.name}: {each}" for item in decision.items for each in item.reasons),
        )
        assert (decision.answer, int(decision.exit_code)) == (("no-go", 1) if found else ("go", 0))
        return found

    def edit(self, change: Callable[[dict[str, Any]], object]) -> None:
        """Change the first cell by hand."""
        file = self.root / "all/matrix.json"
        document = json.loads(file.read_text(encoding="utf-8"))
        change(document["cells"][0])
        file.write_text(json.dumps(document), encoding="utf-8")


@pytest.fixture
def gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Gate:
    monkeypatch.chdir(tmp_path)
    found = Gate(Shards.of(tmp_path))
    found.has(found.shards.outcome(GREEN), found.shards.outcome(RED))
    found.require()
    return found


@pytest.mark.parametrize(
    ("line", "cells"),
    [
        ({"cell": "*"}, [GREEN, RED]),
        ({"cell": "shop"}, [GREEN, RED]),
        ({"cell": "shop@trixie*"}, [RED]),
        ({"cell": GREEN}, [GREEN]),
        ({"scenario": "shop", "image": "bookworm"}, [GREEN]),
        ({"scenario": "shop", "image": "*"}, [GREEN, RED]),
        ({"scenario": "s*", "variant": "default"}, [GREEN, RED]),
        ({"scenario": "shop", "image": "trixie", "variant": "default"}, [RED]),
    ],
)
def test_a_line_names_cells(line: dict[str, object], cells: list[str], gate: Gate) -> None:
    gate.require(line)
    assert gate.reasons() == ()
    assert [item.content.name for item in gate.judge().items] == cells


@pytest.mark.parametrize(
    "line",
    [{"cell": "shop@sid*"}, {"cell": "other"}, {"scenario": "shop", "image": "sid"}, {"scenario": "x", "variant": "*"}],
)
def test_a_line_that_means_no_cell_is_a_no_go(line: dict[str, object], gate: Gate) -> None:
    gate.require({"cell": GREEN}, line)
    assert_any(gate.reasons(), r"no cell of scenarios/matrix.yml matches \S+$")
    assert [item.answer for item in gate.judge().items] == ["go", "no-go"]
    for render in RENDERERS.values():
        assert "matches" in render(gate.judge())


def test_a_cell_that_nobody_ran_is_a_no_go(gate: Gate) -> None:
    gate.has(gate.shards.outcome(GREEN))
    assert gate.reasons() == (f"{RED}: there is no result",)


def test_a_new_cell_of_the_matrix_is_asked_for(gate: Gate) -> None:
    matrix = gate.root / "scenarios/matrix.yml"
    matrix.write_text(MATRIX + "variants: {default: {}, other: {vars: {a: b}}}\n", encoding="utf-8")
    assert gate.reasons() == tuple(
        f"{name}: there is no result" for name in ("shop@bookworm+other", "shop@trixie+other")
    )


@pytest.mark.parametrize("how", ["not run", "error"])
def test_a_cell_without_a_verdict_is_a_no_go(how: str, gate: Gate) -> None:
    gate.has(gate.shards.outcome(GREEN), gate.shards.without(RED, how))
    assert gate.reasons() == (f"{RED}: all/matrix.json has no result of it: {how}: it went wrong",)


def test_a_verdict_from_before_an_error_does_not_help(gate: Gate) -> None:
    later = gate.shards.write("later", gate.shards.without(RED, "error"), started=1500.0)
    later.rename(gate.root / "all/later.json")
    assert gate.reasons() == (f"{RED}: all/later.json has no result of it: error: it went wrong",)
    # A later run of the matrix that has a result of it makes up for that.
    gate.has(gate.shards.outcome(GREEN), gate.shards.outcome(RED), started=2000.0)
    assert gate.reasons() == ()


def of_digest(run: Run) -> Run:
    return replace(run, subject=replace(run.subject, digest="0123456789abcdef"))


def of_terms(run: Run) -> Run:
    return replace(run, subject=replace(run.subject, terms="0123456789abcdef"))


def of_image(run: Run) -> Run:
    return replace(run, subject=replace(run.subject, image="sid-0123456789abcdef"))


RUNS: dict[str, tuple[dict[str, Any], str]] = {
    "red": ({"edit": diverging}, r"it is diverged: converge.change: File\[/a\]"),
    "stale": ({"age": 8 * DAY}, r"it is stale: made .*, 8.0 d ago; 7d are allowed"),
    "from the future": ({"age": -HOUR}, "made in the future"),
    "other content": ({"edit": of_digest}, "it was made from other content: digest 0123456789abcdef"),
    "other terms": ({"edit": of_terms}, "terms 0123456789abcdef, and"),
    "another image": ({"edit": of_image}, "there is no result; all/matrix.json is on sid"),
    "waived": ({"edit": waived}, "is waived, and the checklist does not tolerate that"),
    "another version": ({"edit": lambda run: replace(run, validator="0.0.9")}, "by version 0.0.9 of the validator"),
    "a phase less": (
        {"edit": lambda run: replace(run, phases=run.phases[:-1], subject=replace(run.subject, phases=("old",)))},
        "it has no evidence of again",
    ),
}


@pytest.mark.parametrize("case", RUNS)
@pytest.mark.parametrize("how", ["ran", "cached"])
def test_a_cell_is_judged_as_strictly_as_a_single_result(case: str, how: How, gate: Gate) -> None:
    made, reason = RUNS[case]
    gate.has(gate.shards.outcome(GREEN), replace(gate.shards.outcome(RED, **made), how=how))
    reasons = gate.reasons()
    assert_any(reasons, f"{re.escape(RED)}: .*{reason}")
    assert not [each for each in reasons if each.startswith(GREEN)]


def test_a_result_that_was_used_again_is_as_old_as_its_run(gate: Gate) -> None:
    now = gate.shards.outcome(RED).made
    gate.has(gate.shards.outcome(GREEN), replace(gate.shards.outcome(RED, age=8 * DAY), how="cached", made=now))
    assert_any(gate.reasons(), "it is stale")


def test_the_files_that_count_are_those_of_the_matrix_as_it_is_now(gate: Gate) -> None:
    matrix = gate.root / "scenarios/matrix.yml"
    matrix.write_text(MATRIX.replace("suite: trixie", "suite: trixie, packages: {add: [jq]}"), encoding="utf-8")
    (reason,) = gate.reasons()
    assert reason.startswith(f"{RED}: it was made from other content")


# How the file is edited by hand, and the reason without its record.
EDITS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "the verdict around a red result": (
        lambda cell: cell.update(verdict="converged", exit_code=0),
        "the matrix contradicts the result that it holds, so it was edited: `verdict` is 'converged' there",
    ),
    "the verdict in it": (
        lambda cell: (cell["result"].update(verdict="converged"), cell.update(verdict="converged")),
        "it contradicts itself, so it was edited: converged: converge.change",
    ),
    "the digest": (lambda cell: cell.update(digest="d"), "`digest` is 'd' there"),
    "how": (lambda cell: cell.update(how="not run"), "the matrix contradicts the result that it holds"),
    "no result": (lambda cell: cell.update(result=None), "has no result of it: ran"),
    "another cell's": (lambda cell: cell.update(name=RED), f"has for {RED} a result of {GREEN}"),
    "another schema": (lambda cell: cell["result"].update(schema="x"), "no result of this version"),
    "a piece less": (lambda cell: cell["result"].pop("findings"), "is damaged, or was not written by the validator"),
    "a cell's piece less": (lambda cell: cell.pop("result"), "is damaged, or was not written by the validator"),
}


@pytest.mark.parametrize("case", EDITS)
def test_what_was_edited_is_a_no_go(case: str, gate: Gate) -> None:
    change, reason = EDITS[case]
    gate.has(gate.shards.outcome(GREEN, edit=diverging), gate.shards.outcome(RED))
    gate.edit(change)
    assert [each for each in gate.reasons() if reason in each], gate.reasons()


def with_reports(gate: Gate, *, edit: Callable[[Run], Run] = lambda run: run) -> Path:
    """The reports of a matrix whose records were on another machine; returns one that they took along."""
    outcomes = []
    for name, cell in gate.shards.cells.items():
        kept = gate.root / "kept.json"
        kept.write_text(record.dump(run_of(cell, edit=edit)), encoding="utf-8")
        found = judge(record.load(kept), records=(kept,))
        outcomes.append(replace(gate.shards.outcome(name), result=found))
        single = MatrixResult(outcomes=(outcomes[-1],), started=1.0, seconds=1.0, validator=__version__, jobs=1)
        reports.write_all(single, gate.root / name, ("json",))
        for file in (gate.root / name).glob(f"{name}.*"):
            file.rename(gate.root / "all" / file.name)
    kept.unlink()
    links = {name: {"json": f"{name}.json", "record": f"{name}.record.json"} for name in gate.shards.cells}
    gate.has(*outcomes, links=links)
    return gate.root / f"all/{GREEN}.record.json"


def test_the_record_is_judged_again_where_it_lies_beside_the_matrix(gate: Gate) -> None:
    kept = with_reports(gate)
    for name in (GREEN, RED):  # these say the same
        (gate.root / f"all/{name}.json").unlink()
    gate.require({"cell": "*", "record": True})
    assert gate.reasons() == ()
    assert [[each.trouble for each in item.evidence.judged] for item in gate.judge().items if item.evidence] == [
        [""],
        [""],
    ]
    gate.edit(lambda cell: cell["result"].update(seconds=1))
    assert_any(gate.reasons(), "judged again, gives other `seconds`: it was edited")
    with_reports(gate, edit=diverging)
    gate.edit(
        lambda cell: (
            cell["result"].update(verdict="converged", exit_code=0, findings=[]),
            cell.update(verdict="converged", exit_code=0),
        )
    )
    assert_any(gate.reasons(), "its record .*, judged again, says diverged and not converged")
    kept.unlink()
    assert_any(gate.reasons(), f"its record is not at hand .*; nor is {re.escape(GREEN)}.record.json beside it")


def test_the_report_of_a_cell_is_evidence_too(gate: Gate) -> None:
    with_reports(gate)
    (gate.root / "all/matrix.json").unlink()
    gate.require({"cell": "*", "record": True})
    assert gate.reasons() == ()


def test_a_matrix_and_the_reports_beside_it_all_count(gate: Gate) -> None:
    with_reports(gate)
    assert gate.reasons() == ()
    assert not [note for note in gate.judge().notes if "did not count" in note]
    red = gate.root / f"all/{RED}.json"
    document = json.loads(red.read_text(encoding="utf-8"))
    red.write_text(json.dumps({**document, "verdict": "diverged", "exit_code": 1}), encoding="utf-8")
    assert_any(gate.reasons(), f"{re.escape(RED)}: all/{re.escape(RED)}.json: it is diverged")


def test_a_red_cell_that_no_line_means_is_noted(gate: Gate) -> None:
    gate.has(gate.shards.outcome(GREEN), gate.shards.outcome(RED, edit=diverging))
    gate.require({"cell": GREEN})
    assert gate.reasons() == ()
    assert_any(gate.judge().notes, f"all/matrix.json .{re.escape(RED)}, on trixie: diverged. is not asked for")
    gate.has(gate.shards.outcome(GREEN), gate.shards.without(RED, "error"))
    assert_any(gate.judge().notes, f"{re.escape(RED)}: error: it went wrong. is not asked for")


def test_a_waiver_is_tolerated_for_the_line_that_is_named_so(gate: Gate) -> None:
    gate.has(*(gate.shards.outcome(name, edit=waived) for name in (GREEN, RED)))
    tolerated = {"rule": "*", "until": "2999-12-31", "reason": "known"}
    gate.require({"cell": "*"}, waivers=[{"scenario": "*", **tolerated}])
    assert gate.reasons() == ()
    gate.require({"cell": GREEN}, {"cell": RED}, waivers=[{"scenario": RED, **tolerated}])
    (reason,) = gate.reasons()
    assert reason.startswith(f"{GREEN}: ")


@pytest.mark.parametrize(
    ("line", "parts", "problem"),
    [
        ({"cell": "*"}, {"matrix": None}, "require.0.cell: `cell` is about a matrix: say which with `matrix`"),
        ({"scenario": "shop", "variant": "*"}, {"matrix": None}, "`variant` is about a matrix"),
        ({"cell": "*", "scenario": "shop"}, {}, "leave out `scenario`, `image` and `variant`"),
        ({"image": "trixie"}, {}, "`scenario` is missing, or `cell`"),
        ({"cell": ""}, {}, "require.0.cell: "),
        ({"cell": "*"}, {"matrix": "nowhere.yml"}, "there is no matrix file"),
        (
            {"cell": "*"},
            {"waivers": [{"scenario": GREEN, "rule": "*", "until": "2999-12-31", "reason": "r"}]},
            "is not required",
        ),
    ],
)
def test_mistakes_in_a_line_of_cells(
    line: dict[str, object], parts: dict[str, object], problem: str, gate: Gate
) -> None:
    gate.require(line, **parts)
    with pytest.raises(ScenarioError) as error:
        gate.judge()
    assert problem in error.value.message


def test_a_line_of_the_scenario_itself_is_no_line_of_cells(gate: Gate) -> None:
    gate.require({"scenario": "shop"})
    assert gate.reasons() == ("shop: there is no result",)


def test_a_mistake_in_the_matrix_is_one_of_the_checklist(gate: Gate) -> None:
    (gate.root / "scenarios/matrix.yml").write_text("scenarios: [nowhere]\n", encoding="utf-8")
    with pytest.raises(ScenarioError, match="there is no scenario 'nowhere'"):
        gate.judge()


def test_a_sign_off_is_about_each_cell(gate: Gate) -> None:
    file = gate.root / "signed.json"
    run.gate(Path("release.yml"), WRITE, run.Signing(file=file, by="me", key=None))
    done = signoff.verify(file, WRITE, allowed=None)
    assert (done.says, done.reasons) == ("holds", ())
    assert [(line.scenario, line.result) for line in done.signoff.lines] == [
        (name, "all/matrix.json") for name in (GREEN, RED)
    ]
    assert [each.file for each in done.signoff.results] == ["all/matrix.json"]
    matrix = gate.root / "scenarios/matrix.yml"
    matrix.write_text(MATRIX.replace(", trixie: {suite: trixie}", ""), encoding="utf-8")
    done = signoff.verify(file, WRITE, allowed=None)
    assert (done.says, done.reasons) == ("does not hold", (f"its lines mean other cells now: {GREEN}",))
    document = json.loads(file.read_text(encoding="utf-8"))
    document["contents"].pop()
    file.write_text(json.dumps(document), encoding="utf-8")
    assert signoff.verify(file, WRITE, allowed=None).says == "does not hold"


def test_a_file_without_any_result_is_part_of_the_sign_off(gate: Gate) -> None:
    gate.has(gate.shards.without(GREEN, "error"), gate.shards.without(RED, "error"))
    file = gate.root / "signed.json"
    run.gate(Path("release.yml"), WRITE, run.Signing(file=file, by="me", key=None))
    assert signoff.verify(file, WRITE, allowed=None).says == "holds"
    gate.has(gate.shards.outcome(GREEN), gate.shards.outcome(RED))
    assert "all/matrix.json was changed since" in signoff.verify(file, WRITE, allowed=None).reasons[0]


def test_the_command_reads_what_shards_were_put_together_to(gate: Gate, validate: Validate, tmp_path: Path) -> None:
    gate.shards.write("part-1", gate.shards.outcome(GREEN))
    gate.shards.write("part-2", gate.shards.outcome(RED))
    arguments = ("--combine", "part-*/matrix.json", "--format", "json", "-o", "all/matrix.json")
    env = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    assert validate("matrix", *arguments, cwd=gate.root, env=env).code == 0
    ran = validate("gate", "release.yml", cwd=gate.root)
    assert (ran.code, ran.err) == (0, "")
    assert f"- [x] **{prose(GREEN)}**: converged on bookworm" in ran.out
    gate.shards.write("part-2", gate.shards.without(RED, "error"))
    assert validate("matrix", *arguments, cwd=gate.root, env=env).code == 3
    ran = validate("gate", "release.yml", cwd=gate.root)
    assert ran.code == 1
    assert "**all/matrix.json has no result of it: error: it went wrong**" in ran.out
