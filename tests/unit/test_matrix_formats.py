"""The combined result of a matrix in every format; what it comes to, and with which exit status."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from junitparser import JUnitXml

from tests.unit.matrices import at, converged, diverged, inconclusive, matrix_of, ran
from validator import reports
from validator.errors import Exit, UsageError
from validator.matrix.result import MatrixResult, Outcome
from validator.matrix.shards import Shard
from validator.render import RENDERERS as OF_ONE
from validator.render.matrix import RENDERERS
from validator.render.matrix.schema import matrix_result_schema

GREEN = ran(at("green"), converged())
RED = ran(at("red"), diverged())
KNOWN = ran(at("known", "trixie"), converged(), how="cached", seconds=0.0, made=1_700_000_000.0)
MEANT = ran(at("meant", expect="diverged"), diverged())
HEALED = ran(at("healed", expect="diverged"), converged())
UNSURE = ran(at("unsure"), inconclusive())
CRASHED = Outcome(cell=at("crashed"), title="t", how="error", message="its worker left no result", hint="Run it again.")
LEFT = Outcome(cell=at("left"), title="t", how="not run", message="another cell ended the matrix")
EVERY = matrix_of(GREEN, RED, KNOWN, MEANT, HEALED, UNSURE, CRASHED, LEFT)


@pytest.mark.parametrize(
    ("result", "code"),
    [
        (matrix_of(), 0),
        (matrix_of(GREEN, KNOWN, MEANT), 0),
        (matrix_of(GREEN, RED), 1),
        (matrix_of(GREEN, HEALED), 1),
        (matrix_of(GREEN, UNSURE), 3),
        (matrix_of(GREEN, CRASHED), 3),
        (matrix_of(GREEN, LEFT), 3),
        (matrix_of(CRASHED, UNSURE, RED), 1),
        (matrix_of(ran(at(expect="inconclusive"), inconclusive())), 0),
        (matrix_of(ran(at(expect="inconclusive"), diverged())), 1),
        (matrix_of(ran(at(expect="diverged"), inconclusive())), 3),
        # The machine gave way: that was not what was to be inconclusive.
        (matrix_of(ran(at(expect="inconclusive"), inconclusive("evidence.run"))), 3),
        (matrix_of(Outcome(cell=at(expect="inconclusive"), title="t", how="error", message="m")), 3),
    ],
)
def test_the_exit_status_says_what_it_comes_to(result: MatrixResult, code: int) -> None:
    assert result.exit_code == Exit(code)


def test_text_has_a_line_for_each_cell_and_the_causes_of_what_is_not_as_expected() -> None:
    assert RENDERERS["text"](EVERY, {}) == (
        "cell                  verdict       took\n"
        "green@own+default     converged     12.3 s\n"
        "red@own+default       diverged      12.3 s\n"
        "    converge.change: File[/a]: content is a, should be b\n"
        "known@trixie+default  converged     cached, made 2023-11-14 22:13 UTC\n"
        "meant@own+default     diverged      12.3 s, as expected\n"
        "healed@own+default    converged     12.3 s, expected diverged\n"
        "unsure@own+default    inconclusive  12.3 s\n"
        "    evidence.missing: File[/a]: content is a, should be b\n"
        "crashed@own+default   error         0.0 s\n"
        "    its worker left no result\n"
        "    Run it again.\n"
        "left@own+default      not run       -\n"
        "\n"
        "MATRIX: 3 of 8 cells as expected; 2 unexpected, 2 not judged, 1 not run, 1 of all known from before; 60.0 s, "
        "2 at a time.\n"
    )


def test_text_says_what_was_left_out_and_which_shard_it_is() -> None:
    said = RENDERERS["text"](matrix_of(GREEN, since="main", unchanged=("a", "b"), shard=Shard(number=2, of=3)), {})
    assert "MATRIX: 1 of 1 cells as expected (shard 2/3); 60.0 s" in said
    assert said.endswith("2 more are as they were at main, and were left out.\n")


def schema_accepts(document: object) -> bool:
    return jsonschema.Draft202012Validator(matrix_result_schema()).is_valid(document)


@pytest.mark.parametrize(
    "result",
    [EVERY, matrix_of(), matrix_of(GREEN, since="main", unchanged=("a",), shard=Shard(number=1, of=2), file="m.yml")],
)
def test_json_has_the_published_shape(result: MatrixResult) -> None:
    jsonschema.Draft202012Validator.check_schema(matrix_result_schema())
    document = json.loads(RENDERERS["json"](result, {"green@own+default": {"json": "green.json"}}))
    jsonschema.Draft202012Validator(matrix_result_schema()).validate(document)
    assert document["counts"]["cells"] == len(result.outcomes)


def test_the_shape_is_strict() -> None:
    document: dict[str, Any] = json.loads(RENDERERS["json"](EVERY, {}))
    assert schema_accepts(document)
    for key in document:
        assert not schema_accepts({name: value for name, value in document.items() if name != key}), key
    assert not schema_accepts({**document, "more": 1})
    for number, cell in enumerate(document["cells"]):
        for key in cell:
            one = {name: value for name, value in cell.items() if name != key}
            cells = [one if each == number else other for each, other in enumerate(document["cells"])]
            assert not schema_accepts({**document, "cells": cells}), key
    crashed = document["cells"][6]
    assert crashed["how"] == "error"
    for wrong in ({"verdict": "converged"}, {"answer": "as expected"}, {"made": 1.0}):
        assert not schema_accepts({**document, "cells": [{**crashed, **wrong}]}), wrong


def test_junit_has_a_suite_for_each_cell(tmp_path: Path) -> None:
    file = tmp_path / "junit.xml"
    file.write_text(RENDERERS["junit"](EVERY, {}), encoding="utf-8")
    suites = {suite.name: suite for suite in JUnitXml.fromfile(str(file))}
    assert list(suites) == [outcome.cell.name for outcome in EVERY.outcomes]
    counts = {name.partition("@")[0]: (suite.failures, suite.errors, suite.skipped) for name, suite in suites.items()}
    assert counts == {
        "green": (0, 0, 0),
        "red": (2, 0, 0),
        "known": (0, 0, 0),
        "meant": (0, 0, 0),
        "healed": (1, 0, 0),
        "unsure": (0, 2, 0),
        "crashed": (0, 1, 0),
        "left": (0, 0, 1),
    }
    assert all(suite.tests == len(list(suite)) for suite in suites.values())
    whole = JUnitXml.fromfile(str(file))
    assert (whole.tests, whole.failures, whole.errors) == (
        sum(suite.tests for suite in suites.values()),
        3,
        3,
    )


class _Page(HTMLParser):
    """The tags that are open, and the links."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "meta":
            self.open.append(tag)
        self.links += [value or "" for name, value in attrs if name == "href"]
        self.ids += [value or "" for name, value in attrs if name == "id"]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_the_page_leads_to_each_cell_and_its_reports() -> None:
    evil = ran(at("<script>&\"'", "trixie"), diverged(), title="<b>")
    links = {"green@own+default": {"html": "green@own+default.html", "json": "gr#en.json"}}
    text = RENDERERS["html"](matrix_of(*EVERY.outcomes, evil, since="m<", unchanged=("a<b",)), links)
    page = _Page(text)
    assert page.open == []
    assert "<script>" not in text
    assert "<script>&\"'" in "".join(page.texts)
    inside = [link for link in page.links if link.startswith("#")]
    assert sorted(link[1:] for link in inside) == sorted(page.ids)
    assert [link for link in page.links if not link.startswith("#")] == ["green%40own%2Bdefault.html", "gr%23en.json"]


def test_reports_are_left_for_each_cell_that_has_a_verdict(tmp_path: Path) -> None:
    links = reports.write_all(EVERY, tmp_path / "reports", ("json", "markdown"))
    files = sorted(path.name for path in (tmp_path / "reports").iterdir())
    judged = [outcome.cell.name for outcome in EVERY.outcomes if outcome.result is not None]
    assert len(judged) == 6
    cells = [f"{name}.{ending}" for name in judged for ending in ("json", "md")]
    assert files == sorted((*cells, "index.html", "junit.xml", "matrix.json", "matrix.txt"))
    assert links["green@own+default"] == {"json": "green@own+default.json", "markdown": "green@own+default.md"}
    single = json.loads((tmp_path / "reports" / "red@own+default.json").read_text(encoding="utf-8"))
    assert single == json.loads(OF_ONE["json"](diverged()))
    document = json.loads((tmp_path / "reports" / "matrix.json").read_text(encoding="utf-8"))
    assert document["cells"][0]["reports"] == links["green@own+default"]


def test_no_two_cells_share_a_file_and_none_leaves_the_directory() -> None:
    names = ("a/b@i+v", "a_b@i+v", "../../etc/a@i+v", ".._.._etc_a@i+v")
    found = reports.file_names(names)
    assert len(set(found.values())) == len(names)
    assert not [name for name in found.values() if "/" in name or name.startswith(".")]


def test_reports_that_cannot_be_written_are_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(UsageError, match="cannot be made"):
        reports.write_all(EVERY, tmp_path / "file", ("json",))


def test_formats_that_are_usual_are_there() -> None:
    assert set(reports.usual()) <= set(OF_ONE)
    assert "json" in reports.usual()
    assert set(RENDERERS) == {"text", "json", "junit", "html"}
