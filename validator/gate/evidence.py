"""The results that a checklist names, read once, with their records judged again where these are at hand."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from validator import record, verdict
from validator.comparison import Seen
from validator.errors import ValidatorError
from validator.gate.checklist import Loaded
from validator.record import Kind, PhaseName, SelfTest
from validator.scenario.paths import written
from validator.verdict import Result, Verdict

OURS = "convergence-validator/"
# Documents of the validator's that are no results of a scenario: they may lie beside these.
OTHERS = ("selftest", "diff", "sign-off", "gate", "record")

Write = Callable[[Result], str]


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
class Judged:
    """A record that was at hand, judged again. `trouble` says in which way the result is not what that gave."""

    file: Path
    sha256: str
    trouble: str = ""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """A result, where it is from, and what its records say."""

    file: Path
    sha256: str
    document: Document
    judged: tuple[Judged, ...] = ()

    @property
    def suite(self) -> str:
        """The Debian suite that it was made on; empty where it does not say."""
        return self.document.image.rpartition("-")[0]


@dataclass(frozen=True, kw_only=True)
class Found:
    """All that was found where the checklist says. `troubles` are files that may hide anything, `beside` others."""

    evidence: tuple[Evidence, ...]
    troubles: tuple[str, ...] = ()
    beside: tuple[str, ...] = field(default=())


_DOCUMENT = TypeAdapter(Document)


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
    beside: list[str] = []
    for file in dict.fromkeys(files):
        try:
            evidence.append(read(file, write))
        except _OtherError as other:
            beside.append(f"{written(file.absolute())} {other}")
        except _UnreadableError as error:
            troubles.append(f"{written(file.absolute())} {error}")
    return Found(evidence=tuple(evidence), troubles=tuple(troubles), beside=tuple(beside))


def _matched(directory: Path, pattern: str) -> list[Path]:
    below = Path(pattern)
    if below.is_absolute():
        return sorted(Path(below.anchor).glob(str(below.relative_to(below.anchor))))
    return sorted(directory.glob(pattern))


def digest(file: Path) -> str:
    """The SHA-256 of a file. Raises `OSError`."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def read(file: Path, write: Write) -> Evidence:
    """One result. Raises `_UnreadableError` for what is none, `_OtherError` for another document of the validator's."""
    try:
        content = file.read_bytes()
        data = json.loads(content)
    except OSError as error:
        raise _UnreadableError(f"cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise _UnreadableError(f"is not JSON, or not all of it: {error}") from error
    schema = data.get("schema") if isinstance(data, dict) else type(data).__name__
    if schema != verdict.SCHEMA:
        name = str(schema).removeprefix(OURS)
        if str(schema).startswith(OURS) and name.partition("/")[0] in OTHERS:
            raise _OtherError(f"is no result but {name}")
        raise _UnreadableError(f"is no result of this version (schema {schema!r}, wanted {verdict.SCHEMA!r})")
    try:
        document = _DOCUMENT.validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise _UnreadableError(f"is damaged, or was not written by the validator: {where}: {first['msg']}") from error
    judged = tuple(_judged(data, each, write) for each in _records(file, document))
    return Evidence(file=file, sha256=hashlib.sha256(content).hexdigest(), document=document, judged=judged)


class _OtherError(Exception):
    """A document of the validator's that is no result."""


class _UnreadableError(Exception):
    """Not to be read as a result: it may have said anything."""


def _records(file: Path, document: Document) -> Iterator[Path]:
    """The records that are at hand: where the result says, or beside it as `NAME.record.json`."""
    named = [Path(each) for each in document.records if Path(each).exists()]
    beside = file.with_name(f"{file.stem}.record.json")
    yield from named or ([beside] if beside.exists() else [])


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
