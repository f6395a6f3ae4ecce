"""What the gate reads of the documents that are its evidence, named as there. Data only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import StringConstraints

from validator.comparison import Seen
from validator.matrix.result import How
from validator.record import Kind, PhaseName, SelfTest
from validator.verdict import Verdict


@dataclass(frozen=True, kw_only=True)
class PhaseSeen:
    """A phase of a result, in the numbers of its tool and of the witnesses."""

    name: PhaseName
    counts: dict[str, Any]
    witnesses: dict[str, dict[str, int]]


@dataclass(frozen=True, kw_only=True)
class Document:
    """What the gate reads of a JSON result, named as there. `made` is None in results of older versions."""

    scenario: str
    title: str
    kind: Kind
    verdict: Verdict
    exit_code: int
    findings: tuple[Seen, ...]
    phases: tuple[PhaseSeen, ...]
    compared: dict[str, dict[str, int]]
    records: tuple[str, ...]
    validator: str
    digest: str
    file: str = ""
    made: float | None = None
    image: str = ""
    terms: str = ""
    selftest: SelfTest | None = None


@dataclass(frozen=True, kw_only=True)
class CellSeen:
    """What the gate reads of a cell in the result of a matrix: the result itself, and what is said of it around it."""

    name: Annotated[str, StringConstraints(min_length=1)]
    how: How
    verdict: Verdict | None
    exit_code: int | None
    message: str
    digest: str
    records: tuple[str, ...]
    reports: dict[str, str]
    result: Document | None


@dataclass(frozen=True, kw_only=True)
class MatrixSeen:
    """What the gate reads of the result of a matrix. `started` is a Unix time."""

    started: float
    seconds: float
    cells: tuple[CellSeen, ...]
