"""Results of shards put together: nothing is lost, nothing is believed that does not belong to the matrix."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from junitparser import JUnitXml

from tests.conftest import Ran, Validate
from tests.unit.gates import diverging
from tests.unit.matrices import inconclusive
from tests.unit.shards import GREEN, MATRIX, RED, Shards, run_of
from validator import __version__, many, record, reports
from validator import combine as story
from validator.errors import UsageError
from validator.matrix.result import MatrixResult
from validator.matrix.shards import Shard
from validator.record import Run
from validator.render import RENDERERS as OF_ONE
from validator.render import reading as of_one
from validator.render.matrix import RENDERERS, reading
from validator.render.matrix.schema import matrix_result_schema
from validator.verdict import Result, judge

GIT = shutil.which("git") or "/usr/bin/git"
Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def shards(tmp_path: Path) -> Shards:
    return Shards.of(tmp_path)


Combine = Callable[..., Ran]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where the cache is: outside of what is compared with a revision."""
    return str(tmp_path_factory.mktemp("cache"))


@pytest.fixture
def combine(shards: Shards, validate: Validate, cache: str) -> Combine:
    def run(*arguments: str, pattern: str = "part-*/matrix.json") -> Ran:
        env = {"XDG_CACHE_HOME": cache}
        return validate("matrix", "--combine", pattern, *arguments, cwd=shards.root, env=env)

    return run


@pytest.fixture
def put_together(shards: Shards, cache: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """The same without a process for each: the exit status and the JSON, or what is told instead."""
    monkeypatch.chdir(shards.root)
    monkeypatch.setenv("XDG_CACHE_HOME", cache)

    def run(*cells: str, revision: str | None = None) -> Ran:
        asked = many.Asked(root=Path("scenarios"), patterns=cells, revision=revision)
        try:
            result = story.combine(asked, ["part-*/matrix.json"])[0].result
        except UsageError as error:
            return Ran(code=error.exit_code, out="", err=f"error: {error.message}\n{error.hint}")
        return Ran(code=result.exit_code, out=RENDERERS["json"](result, {}), err="")

    return run


def test_two_shards_are_one_result(shards: Shards, combine: Combine) -> None:
    shards.write("part-1", shards.outcome(GREEN), shard=Shard(number=1, of=2))
    shards.write("part-2", shards.outcome(RED, edit=diverging), shard=Shard(number=2, of=2), started=1150.0)
    ran = combine("--format", "json")
    assert (ran.code, ran.err) == (1, "")
    jsonschema.Draft202012Validator(matrix_result_schema()).validate(ran.result)
    assert [(cell["name"], cell["verdict"]) for cell in ran.result["cells"]] == [
        (GREEN, "converged"),
        (RED, "diverged"),
    ]
    assert [ran.result[key] for key in ("combined", "shard", "started", "seconds")] == [2, None, 1000.0, 350.0]
    assert combine().out.endswith(
        "MATRIX: 1 of 2 cells as expected; 1 unexpected; 350.0 s, put together from 2 result(s).\n"
    )
    assert len(JUnitXml.fromstring(combine("--format", "junit").out.encode())) == 2
    assert "<html" in combine("--format", "html").out


def test_what_no_shard_ran_was_not_run_and_is_not_green(shards: Shards, combine: Combine) -> None:
    shards.write("part-1", shards.outcome(GREEN), shard=Shard(number=1, of=2))
    ran = combine("--format", "json")
    assert (ran.code, ran.result["counts"]["not_run"]) == (3, 1)
    (cell,) = (cell for cell in ran.result["cells"] if cell["name"] == RED)
    assert (cell["how"], cell["answer"], cell["message"]) == (
        "not run",
        "not run",
        "none of the results that were put together has it",
    )
    # Nor is it when only that one was asked for.
    assert combine(RED).code == 3
    assert combine(GREEN).code == 0


def test_of_one_cell_the_newest_counts(shards: Shards, put_together: Combine) -> None:
    shards.write("part-1", shards.outcome(GREEN), shards.outcome(RED, edit=diverging, made=1100.0))
    shards.write("part-2", shards.outcome(RED, made=1101.0))
    ran = put_together()
    assert (ran.code, len(ran.result["cells"])) == (0, 2)
    shards.write("part-3", shards.outcome(GREEN, edit=diverging, made=1102.0))
    assert put_together().code == 1


@pytest.mark.parametrize("order", [("part-1", "part-2"), ("part-2", "part-1")])
def test_of_equally_new_ones_the_red_one_counts(order: tuple[str, str], shards: Shards, put_together: Combine) -> None:
    shards.write(order[0], shards.outcome(GREEN), shards.outcome(RED))
    shards.write(order[1], shards.outcome(RED, edit=diverging))
    assert put_together().code == 1


def test_an_error_in_a_later_run_counts_and_what_was_not_run_does_not(shards: Shards, put_together: Combine) -> None:
    shards.write("part-1", shards.outcome(GREEN), shards.outcome(RED))
    shards.write("part-2", shards.without(RED, "not run"), started=2000.0)
    assert put_together().code == 0
    shards.write("part-2", shards.without(RED, "error"), started=2000.0)
    assert put_together().code == 3


def of_other(result: Result) -> Result:
    return replace(result, digest="0123456789abcdef")


# What a second part is, and why it is refused beside a good one.
OTHERS: dict[str, tuple[Callable[[Shards], object], str]] = {
    "another version": (
        lambda shards: shards.write("part-2", shards.outcome(RED), validator="0.0.9"),
        f"their version of the validator differs: {__version__} in part-1/matrix.json, 0.0.9 in part-2/matrix.json",
    ),
    "other shards": (
        lambda shards: shards.write("part-2", shards.outcome(RED), shard=Shard(number=2, of=3)),
        "their number of shards differs: 2 in part-1/matrix.json, 3 in part-2/matrix.json",
    ),
    "other content": (
        lambda shards: shards.write("part-2", replace(out := shards.outcome(RED), result=of_other(out.result))),  # type: ignore[arg-type]  # it has one
        f"part-2/matrix.json has {RED} made from other content: digest 0123456789abcdef, terms",
    ),
    "another cell": (
        lambda shards: shards.write(
            "part-2",
            replace(
                out := shards.outcome(RED),
                cell=replace(out.cell, image="sid"),
                result=replace(out.result, scenario="shop@sid+default"),  # type: ignore[type-var]  # it has one
            ),
        ),
        "part-2/matrix.json has shop@sid+default, and the matrix has no such cell",
    ),
    "expecting otherwise": (
        lambda shards: shards.write(
            "part-2", replace(out := shards.outcome(RED, edit=diverging), cell=replace(out.cell, expect="diverged"))
        ),
        f"part-2/matrix.json expects diverged of {RED}, the matrix converged",
    ),
}


@pytest.mark.parametrize("case", OTHERS)
def test_results_that_contradict_each_other_are_refused(case: str, shards: Shards, put_together: Combine) -> None:
    shards.write("part-1", shards.outcome(GREEN), shard=Shard(number=1, of=2))
    make, reason = OTHERS[case]
    make(shards)
    ran = put_together()
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error: these results do not go together:\n"), ran.err
    assert reason in ran.err


def test_what_is_left_of_an_earlier_run_of_other_files_is_refused(shards: Shards, put_together: Combine) -> None:
    shards.write("part-1", shards.outcome(GREEN), shards.outcome(RED))
    assert put_together().code == 0
    tasks = shards.root / "scenarios/shop/upgrade.yml"
    tasks.write_text(tasks.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    ran = put_together()
    assert ran.code == 2
    assert ran.err.count("made from other content") == 2


def first(change: Change) -> Change:
    return lambda document: change(document["cells"][0])


# How a file is edited, and what is said.
EDITS: dict[str, tuple[Change, str]] = {
    "the verdict of a cell": (first(lambda cell: cell.update(verdict="diverged")), "would write other `cells`"),
    "the sum": (lambda document: document["counts"].update(cells=1), "would write other `counts`"),
    "the exit status": (lambda document: document.update(exit_code=1), "would write other `exit_code`"),
    "the result in a cell": (
        first(lambda cell: cell["result"].update(verdict="diverged")),
        f"{GREEN}: the validator would write other `exit_code`",
    ),
    "another cell's result": (
        first(lambda cell: cell["result"].update(scenario="shop@sid+default")),
        f"{GREEN}: its result is one of shop@sid+default",
    ),
    "static checks": (
        first(lambda cell: cell["result"].update(kind="lint")),
        f"{GREEN}: its result is one of {GREEN}, lint",
    ),
    "no result": (first(lambda cell: cell.update(result=None)), f"{GREEN}: 'ran' and no result exclude each other"),
    "not run, with a result": (first(lambda cell: cell.update(how="not run")), "and a result exclude each other"),
    "a key more": (lambda document: document.update(more=1), "would write other `more`"),
    "a key less": (lambda document: document.pop("jobs"), "jobs: "),
    "a cell without a result": (first(lambda cell: cell.pop("result")), "it has not the shape of one"),
    "cells that are none": (lambda document: document.update(cells=[1]), "it has not the shape of one"),
    "a finding that is none": (first(lambda cell: cell["result"].update(findings=[1])), "not the shape of a result"),
    "another schema": (lambda document: document.update(schema="x"), "it is no result of a matrix of this version"),
}


@pytest.mark.parametrize("case", EDITS)
def test_what_the_validator_would_not_have_written_is_refused(case: str, shards: Shards, put_together: Combine) -> None:
    file = shards.write("part-1", shards.outcome(GREEN), shards.outcome(RED))
    change, reason = EDITS[case]
    document = json.loads(file.read_text(encoding="utf-8"))
    change(document)
    file.write_text(json.dumps(document), encoding="utf-8")
    ran = put_together()
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error: part-1/matrix.json cannot be taken: ")
    assert reason in ran.err


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"schema": "convergence-validator/result/2"}'])
def test_what_is_no_result_of_a_matrix_is_refused(text: str, shards: Shards, put_together: Combine) -> None:
    shards.write("part-1", shards.outcome(GREEN)).write_text(text, encoding="utf-8")
    ran = put_together()
    assert (ran.code, ran.out) == (2, "")
    assert "part-1/matrix.json cannot be taken: " in ran.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--pattern",), "No such option"),
        (("part-1/matrix.json",), "Quote the pattern of files"),
        (("--jobs", "2"), "--combine runs nothing"),
        (("--shard", "1/2"), "--combine runs nothing"),
        (("--report-format", "html"), "--combine runs nothing"),
        (("--list",), "--combine, --list and --emit exclude each other"),
        (("--combine", "nowhere/*.json"), "there is no file that --combine names with 'nowhere/*.json'"),
        (("--combine", ""), "there is no file that --combine names with ''"),
        (("nowhere",), "no cell matches 'nowhere'"),
    ],
)
def test_wrong_usage(arguments: tuple[str, ...], said: str, shards: Shards, combine: Combine) -> None:
    shards.write("part-1", shards.outcome(GREEN), shards.outcome(RED))
    ran = combine(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err


def test_reports_of_the_parts_are_brought_together(shards: Shards, combine: Combine) -> None:
    kept = shards.root / "kept.json"
    kept.write_text(record.dump(run_of(shards.cells[GREEN])), encoding="utf-8")
    found = judge(record.load(kept), records=(kept,))
    outcome = replace(shards.outcome(GREEN), result=found)
    whole = MatrixResult(outcomes=(outcome,), started=1000.0, seconds=200.0, validator=__version__, jobs=2)
    reports.write_all(whole, shards.root / "part-1", ("html", "json"))
    html = (shards.root / f"part-1/{GREEN}.html").read_text(encoding="utf-8")
    kept.unlink()  # it was on the machine of that shard
    shards.write("part-2", shards.outcome(RED), links={RED: {"html": "../kept.html", "sarif": "gone.sarif"}})
    assert combine("--reports", "all").code == 0
    names = sorted(path.name for path in (shards.root / "all").iterdir())
    cells = [f"{GREEN}.html", f"{GREEN}.json", f"{GREEN}.record.json", f"{RED}.json"]
    assert names == sorted((*cells, "index.html", "junit.xml", "matrix.json", "matrix.txt"))
    assert (shards.root / f"all/{GREEN}.html").read_text(encoding="utf-8") == html
    assert json.loads((shards.root / f"all/{GREEN}.json").read_text(encoding="utf-8")) == json.loads(
        OF_ONE["json"](found)
    )
    document = json.loads((shards.root / "all/matrix.json").read_text(encoding="utf-8"))
    assert [sorted(cell["reports"]) for cell in document["cells"]] == [["html", "json", "record"], ["json"]]
    # It can be put together again, and is the same.
    assert combine(pattern="all/matrix.json").code == 0


def test_cells_that_are_unchanged_need_no_result(shards: Shards, put_together: Combine) -> None:
    def git(*arguments: str) -> None:
        who = ("-c", "user.name=t", "-c", "user.email=t@example.test")
        subprocess.run((GIT, *who, *arguments), cwd=shards.root, check=True)

    git("init", "-q")
    git("add", "scenarios")
    git("commit", "-qm", "one")
    matrix = shards.root / "scenarios/matrix.yml"
    matrix.write_text(MATRIX.replace("suite: trixie", "suite: trixie, packages: {add: [jq]}"), encoding="utf-8")
    shards.write("part-1", shards.outcome(RED))
    assert put_together().code == 3
    ran = put_together(revision="HEAD")
    assert (ran.code, ran.result["since"], ran.result["unchanged"]) == (0, "HEAD", [GREEN])
    # The results say so themselves when they were made so; it is found out anew.
    shards.write("part-1", shards.outcome(RED), since="HEAD", unchanged=(GREEN,))
    assert put_together().code == 0
    matrix.write_text(MATRIX.replace("suite: ", "packages: {add: [jq]}, suite: "), encoding="utf-8")
    assert put_together().code == 3
    # One that was run although nothing had changed counts.
    shards.write("part-2", shards.outcome(GREEN, edit=diverging), since="HEAD")
    assert put_together().code == 1


@pytest.mark.parametrize("edit", [lambda run: run, diverging])
def test_what_is_read_back_is_what_was_written(edit: Callable[[Run], Run], shards: Shards) -> None:
    found = judge(run_of(shards.cells[GREEN], edit=edit))
    for result in (found, inconclusive()):
        text = OF_ONE["json"](result)
        assert OF_ONE["json"](of_one.result(json.loads(text))) == text
    whole = reading.read(json.loads(shards.write("p", shards.outcome(GREEN, edit=edit)).read_text(encoding="utf-8")))
    assert whole.result.outcomes[0].cell == shards.cells[GREEN].at
