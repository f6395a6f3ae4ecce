"""The sign-off: who let what go, on which evidence, in a file that can be checked against the evidence later."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from validator import __version__
from validator.errors import Exit, UsageError, ValidatorError
from validator.gate import checklist, current, evidence, judgement, signature
from validator.gate.content import Content
from validator.gate.evidence import Found, Write
from validator.gate.judgement import Answer, Decision
from validator.scenario.paths import written

SCHEMA = "convergence-validator/sign-off/1"
HINT = "Give a file that `validate gate CHECKLIST --sign-off FILE` wrote."


@dataclass(frozen=True, kw_only=True)
class Sum:
    """A file, relative to the directory of the sign-off, and its SHA-256."""

    file: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line of the checklist: which result counted, and what came of it."""

    scenario: str
    image: str
    answer: Answer
    result: str | None
    reasons: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class SignOff:
    """The file. `when` is a Unix time; the contents belong to the lines, in order: several where one means cells."""

    answer: Answer
    title: str
    by: str
    when: float
    validator: str
    ansible_core: str
    checklist: Sum
    lines: tuple[Line, ...]
    reasons: tuple[str, ...]
    contents: tuple[Content, ...]
    results: tuple[Sum, ...]
    records: tuple[Sum, ...]
    schema: str = field(default=SCHEMA)


Says = Literal["holds", "does not hold", "undecided"]


@dataclass(frozen=True, kw_only=True)
class Verification:
    """What became of a sign-off. `signed` says what is known of its signature; `undecided` what could not be asked."""

    file: str
    signoff: SignOff
    signed: str
    reasons: tuple[str, ...]
    undecided: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def says(self) -> Says:
        """Whether everything is as it was signed."""
        if self.reasons:
            return "does not hold"
        return "undecided" if self.undecided else "holds"

    @property
    def exit_code(self) -> Exit:
        """0 only for a go that holds."""
        if self.says == "undecided":
            return Exit.CANNOT_JUDGE
        return Exit.CONVERGED if self.says == "holds" and self.signoff.answer == "go" else Exit.DIVERGED


_SIGN_OFF = TypeAdapter(SignOff)


def require_new(file: Path) -> None:
    """Raise `UsageError` when there is a sign-off already: it is not replaced."""
    for each in (file, signature.beside(file)):
        if each.exists():
            raise UsageError(f"{each} is there already", hint="A sign-off is not replaced: choose another name.")


def make(decision: Decision, loaded: checklist.Loaded, found: Found, *, by: str, into: Path) -> SignOff:
    """The sign-off of a decision, for a file in the directory of `into`."""
    return SignOff(
        answer=decision.answer,
        title=decision.title,
        by=by,
        when=decision.when,
        validator=decision.validator,
        ansible_core=version("ansible-core"),
        checklist=Sum(file=_relative(loaded.file, into), sha256=loaded.sha256),
        lines=_lines(decision, into),
        reasons=decision.reasons,
        contents=tuple(item.content for item in decision.items),
        results=tuple(Sum(file=_relative(each, into), sha256=sha256) for each, sha256 in found.sums.items()),
        records=tuple(
            Sum(file=_relative(each.file, into), sha256=each.sha256)
            for result in found.evidence
            for each in result.judged
        ),
    )


def write(signoff: SignOff, file: Path, *, key: Path | None) -> None:
    """Write the file, and beside it the signature, where there is a key. Raises `UsageError` when that cannot be."""
    text = (json.dumps(asdict(signoff), indent=2, ensure_ascii=False) + "\n").encode()
    made = signature.sign(text, key) if key is not None else ""
    try:
        if made:
            signature.beside(file).write_text(made, encoding="ascii")
        file.write_bytes(text)
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}") from error


def verify(file: Path, write_result: Write, *, allowed: Path | None) -> Verification:
    """Hold a sign-off against the files it is about, as they are now.

    Raises `UsageError` when it cannot be read, `ScenarioError` when a scenario's files cannot.
    """
    try:
        text = file.read_bytes()
        signoff = _read(text)
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}", hint=HINT) from error
    except ValueError as error:
        raise UsageError(f"{file} is no sign-off: {_first(error)}", hint=HINT) from error
    signed, against = _signature(text, file, signoff, allowed)
    gone = tuple(_gone(signoff, file))
    changed = tuple(_changed(signoff, file))
    undecided = tuple(_other_versions(signoff))
    judged: tuple[str, ...] = ()
    if not changed:
        judged = tuple(_judged_again(signoff, file, write_result, same=not undecided))
    return Verification(
        file=written(file.absolute()),
        signoff=signoff,
        signed=signed,
        reasons=(*against, *changed, *judged),
        undecided=undecided,
        notes=gone,
    )


def _read(text: bytes) -> SignOff:
    found = _SIGN_OFF.validate_json(text)
    if found.schema != SCHEMA:
        raise ValueError(f"schema {found.schema!r}, wanted {SCHEMA!r}")
    return found


def _first(error: ValueError) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}".removeprefix(": ")
    return str(error)


def _lines(decision: Decision, into: Path) -> tuple[Line, ...]:
    return tuple(
        Line(
            scenario=item.content.name,
            image=item.content.image,
            answer=item.answer,
            result=_relative(item.evidence.file, into) if item.evidence is not None else None,
            reasons=item.reasons,
        )
        for item in decision.items
    )


def _relative(file: Path, into: Path) -> str:
    return os.path.relpath(file.absolute(), into.absolute().parent)


def _signature(text: bytes, file: Path, signoff: SignOff, allowed: Path | None) -> tuple[str, tuple[str, ...]]:
    """What is known of the signature, and what speaks against it."""
    there = signature.beside(file)
    if not there.exists():
        return "not signed", (f"there is no signature {written(there.absolute())}",) if allowed is not None else ()
    try:
        found = signature.verify(text, there, who=signoff.by, allowed=allowed)
    except signature.BadSignatureError as error:
        whose = f" by {signoff.by}" if allowed is not None else ""
        return "not signed", (f"{written(there.absolute())} is no good signature of it{whose}: {error}",)
    if allowed is None:
        return f"with {found.kind} key {found.key}; whose that is was not asked (--allowed-signers)", ()
    return f"by {found.who} with {found.kind} key {found.key}", ()


def _changed(signoff: SignOff, file: Path) -> Iterator[str]:
    """Files that are not what they were. A missing record is not among them: see `_gone`."""
    for each in (signoff.checklist, *signoff.results, *signoff.records):
        path = file.parent / each.file
        try:
            now = evidence.digest(path)
        except FileNotFoundError:
            if each not in signoff.records:
                yield f"{written(path.absolute())} is gone"
        except OSError as error:
            yield f"{written(path.absolute())} cannot be read: {error.strerror}"
        else:
            if now != each.sha256:
                yield f"{written(path.absolute())} was changed since: SHA-256 {now}, was {each.sha256}"


def _gone(signoff: SignOff, file: Path) -> Iterator[str]:
    """Records are pruned; the result that was made from one is still there with its sum."""
    for each in signoff.records:
        if not (file.parent / each.file).exists():
            yield f"the record {each.file} is gone; its result is as it was signed"


def _other_versions(signoff: SignOff) -> Iterator[str]:
    """With other versions the same files may be judged otherwise and have other digests."""
    for name, was, now in (
        ("the validator", signoff.validator, __version__),
        ("ansible-core", signoff.ansible_core, version("ansible-core")),
    ):
        if was != now:
            yield f"it was made with {name} {was}, and this is {now}: what it was decided on cannot be asked again"


def _judged_again(signoff: SignOff, file: Path, write_result: Write, *, same: bool) -> Iterator[str]:
    """The checklist once more, as of then: the same files must give the same answer."""
    loaded = checklist.load(file.parent / signoff.checklist.file)
    found = evidence.gather(loaded, write_result)
    known = {each.file for each in signoff.results}
    for each in found.sums:
        if _relative(each, file) not in known:
            yield f"{written(each.absolute())} was not there when it was signed"
    if {content.line for content in signoff.contents} != set(range(len(loaded.checklist.require))):
        yield "its contents are not those of the checklist's lines: it was edited"
        return
    if not same:
        return
    decision = judgement.decide(
        loaded.checklist,
        str(loaded.file),
        signoff.contents,
        found,
        now=signoff.when,
        validator=signoff.validator,
    )
    if decision.answer != signoff.answer:
        yield f"it says {signoff.answer}, and what it is about gives {decision.answer}"
    for then, again in zip(signoff.lines, _lines(decision, file), strict=False):
        if (then.scenario, then.image, then.answer, then.result) != (
            again.scenario,
            again.image,
            again.answer,
            again.result,
        ):
            words = f"{again.answer} by {again.result or 'no result'} on {again.image}"
            yield f"its line of {then.scenario} says {then.answer}, and judged again it is {words}"
    if len(signoff.lines) != len(decision.items):
        yield "it has not a line for each of the checklist's: it was edited"
    yield from _content(signoff, loaded)


def _content(signoff: SignOff, loaded: checklist.Loaded) -> Iterator[str]:
    try:
        now = current.of_all(loaded)
    except ValidatorError as error:
        yield f"the scenarios cannot be read any more: {error.message}"
        return
    named = [(content.line, content.name) for content in now]
    if [(was.line, was.name) for was in signoff.contents] != named:
        yield f"its lines mean other cells now: {', '.join(name for _, name in named)}"
        return
    for was, content in zip(signoff.contents, now, strict=True):
        if (was.digest, was.terms) != (content.digest, content.terms):
            yield (
                f"{content.file} has changed since: digest {content.digest}, terms {content.terms}; "
                f"signed were {was.digest}, {was.terms}"
            )
