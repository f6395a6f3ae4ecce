"""The results that a checklist names, read once, with their records judged again where these are at hand."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from validator import record, verdict
from validator.errors import ValidatorError
from validator.gate.checklist import Loaded
from validator.gate.documents import CellSeen, Document, MatrixSeen
from validator.matrix import result as of_matrix
from validator.scenario.paths import written
from validator.verdict import Result

OURS = "convergence-validator/"
# Documents of the validator's that are no results of a scenario: they may lie beside these.
OTHERS = ("selftest", "diff", "sign-off", "gate", "record", "timings")

Write = Callable[[Result], str]
Shape = TypeVar("Shape")


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A record that was at hand, judged again. `trouble` says in which way the result is not what that gave."""

    file: Path
    sha256: str
    trouble: str = ""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """A result, where it is from, and what its records say.

    Of one that the result of a matrix holds, `reported` is when that run was over (Unix time), and `against` in what
    the file around it says otherwise.
    """

    file: Path
    sha256: str
    document: Document
    judged: tuple[Judged, ...] = ()
    reported: float | None = None
    against: tuple[str, ...] = ()

    @property
    def suite(self) -> str:
        """The Debian suite that it was made on; empty where it does not say."""
        return self.document.image.rpartition("-")[0]


@dataclass(frozen=True, kw_only=True)
class Gap:
    """A cell for which a run of a matrix has no result, why, and when that run was over (Unix time)."""

    file: Path
    cell: str
    why: str
    reported: float


@dataclass(frozen=True, kw_only=True)
class Found:
    """All that was found where the checklist says. `troubles` are files that may hide anything, `beside` others.

    `sums` are the SHA-256 of all files that were read, also of those without a result.
    """

    evidence: tuple[Evidence, ...]
    gaps: tuple[Gap, ...] = ()
    sums: Mapping[Path, str] = field(default_factory=dict)
    troubles: tuple[str, ...] = ()
    beside: tuple[str, ...] = field(default=())


_DOCUMENT = TypeAdapter(Document)
_MATRIX = TypeAdapter(MatrixSeen)


def gather(loaded: Loaded, write: Write) -> Found:
    """Read every result that the checklist names. `write` renders a result as it stands in such files."""
    files: list[Path] = []
    troubles: list[str] = []
    for pattern in loaded.checklist.results:
        matched = _matched(loaded.directory, pattern)
        if not matched:
            troubles.append(f"no file is there that `results` names with {pattern!r}")
        files += matched
    evidence: list[Evidence] = []
    gaps: list[Gap] = []
    sums: dict[Path, str] = {}
    beside: list[str] = []
    for file in dict.fromkeys(files):
        try:
            there = read(file, write)
            evidence += there.evidence
            gaps += there.gaps
            sums[file] = there.sha256
        except _OtherError as other:
            beside.append(f"{written(file.absolute())} {other}")
        except _UnreadableError as error:
            troubles.append(f"{written(file.absolute())} {error}")
    return Found(evidence=tuple(evidence), gaps=tuple(gaps), sums=sums, troubles=tuple(troubles), beside=tuple(beside))


def _matched(directory: Path, pattern: str) -> list[Path]:
    below = Path(pattern)
    if below.is_absolute():
        return sorted(Path(below.anchor).glob(str(below.relative_to(below.anchor))))
    return sorted(directory.glob(pattern))


def digest(file: Path) -> str:
    """The SHA-256 of a file. Raises `OSError`."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Read:
    """What one file holds: a result, or those of a matrix."""

    sha256: str
    evidence: tuple[Evidence, ...]
    gaps: tuple[Gap, ...] = ()


def read(file: Path, write: Write) -> Read:
    """What is in one file. Raises `_UnreadableError` for what is no result, `_OtherError` for another document of the
    validator's."""
    try:
        content = file.read_bytes()
        data = json.loads(content)
    except OSError as error:
        raise _UnreadableError(f"cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise _UnreadableError(f"is not JSON, or not all of it: {error}") from error
    schema = data.get("schema") if isinstance(data, dict) else type(data).__name__
    sha256 = hashlib.sha256(content).hexdigest()
    if schema == of_matrix.SCHEMA:
        return _of_matrix(file, data, sha256, write)
    if schema != verdict.SCHEMA:
        name = str(schema).removeprefix(OURS)
        if str(schema).startswith(OURS) and name.partition("/")[0] in OTHERS:
            raise _OtherError(f"is no result but {name}")
        raise _UnreadableError(f"is no result of this version (schema {schema!r}, wanted {verdict.SCHEMA!r})")
    document = _parsed(_DOCUMENT, data)
    judged = tuple(_judged(data, each, write) for each in _records(document, f"{file.stem}.record.json", file))
    return Read(sha256=sha256, evidence=(Evidence(file=file, sha256=sha256, document=document, judged=judged),))


def _parsed(shape: TypeAdapter[Shape], data: object) -> Shape:
    try:
        return shape.validate_python(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise _UnreadableError(f"is damaged, or was not written by the validator: {where}: {first['msg']}") from error


def _of_matrix(file: Path, data: dict[str, Any], sha256: str, write: Write) -> Read:
    """Each cell's own whole result, which is judged like any other."""
    matrix = _parsed(_MATRIX, data)
    reported = matrix.started + matrix.seconds
    evidence: list[Evidence] = []
    gaps: list[Gap] = []
    for cell, said in zip(matrix.cells, data["cells"], strict=True):
        result = cell.result
        if result is None:
            why = ": ".join(part for part in (cell.how, cell.message) if part)
            gaps.append(Gap(file=file, cell=cell.name, why=why, reported=reported))
            continue
        whole = said["result"]
        if whole.get("schema") != verdict.SCHEMA:
            wanted = f"(schema {whole.get('schema')!r}, wanted {verdict.SCHEMA!r})"
            raise _UnreadableError(f"has for {cell.name} no result of this version {wanted}")
        if result.scenario != cell.name:
            raise _UnreadableError(f"has for {cell.name} a result of {result.scenario}")
        records = _records(result, cell.reports.get("record", ""), file)
        evidence.append(
            Evidence(
                file=file,
                sha256=sha256,
                document=result,
                judged=tuple(_judged(whole, each, write) for each in records),
                reported=reported,
                against=tuple(_against(cell, result)),
            )
        )
    return Read(sha256=sha256, evidence=tuple(evidence), gaps=tuple(gaps))


def _against(cell: CellSeen, result: Document) -> Iterator[str]:
    """In what the matrix says otherwise than the result that it holds."""
    for key, outside, inside in (
        ("verdict", cell.verdict, result.verdict),
        ("exit_code", cell.exit_code, result.exit_code),
        ("digest", cell.digest, result.digest),
        ("records", cell.records, result.records),
    ):
        if outside != inside:
            yield f"the matrix contradicts the result that it holds, so it was edited: `{key}` is {outside!r} there"
    if cell.how not in {"ran", "cached"}:
        yield f"the matrix contradicts the result that it holds, so it was edited: {cell.how}"


class _OtherError(Exception):
    """A document of the validator's that is no result."""


class _UnreadableError(Exception):
    """Not to be read as a result: it may have said anything."""


def _records(document: Document, name: str, file: Path) -> Iterator[Path]:
    """The records that are at hand: where the result says, or of that name beside its file."""
    named = [Path(each) for each in document.records if Path(each).exists()]
    beside = [file.with_name(name)] if name and Path(name).name == name else []
    yield from named or (each for each in beside if each.exists())


def _judged(result: dict[str, Any], file: Path, write: Write) -> Judged:
    try:
        sha256 = digest(file)
        again = json.loads(write(verdict.judge(record.load(file))))
    except OSError as error:
        return Judged(file=file, sha256="", trouble=f"its record {file} cannot be read: {error.strerror}")
    except ValidatorError as error:
        return Judged(file=file, sha256=sha256, trouble=f"its record cannot be judged again: {error.message}")
    differing = [key for key in (*again, *result) if key != "records" and again.get(key) != result.get(key)]
    trouble = ""
    if again["verdict"] != result["verdict"]:
        trouble = f"its record {file}, judged again, says {again['verdict']} and not {result['verdict']}"
    elif differing:
        named = ", ".join(f"`{key}`" for key in dict.fromkeys(differing))
        trouble = f"its record {file}, judged again, gives other {named}: it was edited, or its checks have changed"
    return Judged(file=file, sha256=sha256, trouble=trouble)
