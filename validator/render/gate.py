"""The release gate's answer, and what became of a sign-off: as a checklist in Markdown, plain text, and JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from typing import Any
from urllib.parse import quote

from validator.gate.judgement import Answer, Decision, Item
from validator.gate.reasons import moment
from validator.gate.signoff import Verification
from validator.render.markdown import code, prose
from validator.scenario.paths import written

WORDS: Mapping[Answer, str] = {"go": "GO", "no-go": "NO-GO"}
SHORT = 12  # characters of a sum that are enough to tell two apart


def markdown(decision: Decision) -> str:
    """A checklist: a tick for each line that is green, its evidence, and why not where it is not."""
    return "\n".join(_markdown(decision)) + "\n"


def _markdown(decision: Decision) -> Iterator[str]:
    yield f"# {WORDS[decision.answer]}: {prose(decision.title)}"
    yield ""
    yield prose(_head(decision))
    yield ""
    for reason in decision.reasons:
        yield f"- [ ] {prose(reason)}"
    for item in decision.items:
        yield f"- [{'x' if item.answer == 'go' else ' '}] **{prose(item.content.name)}**: {prose(_sum(item))}"
        yield from (f"  - **{prose(reason)}**" for reason in item.reasons)
        if item.evidence is not None:
            file = written(item.evidence.file.absolute())
            yield f"  - result: [{prose(file)}]({quote(file)}), SHA-256 {code(item.evidence.sha256)}"
        yield from (f"  - {prose(label)}: {prose(said)}" for label, said in _facts(item))
    if decision.notes:
        yield ""
        yield "Besides:"
        yield ""
        yield from (f"- {prose(note)}" for note in decision.notes)


def text(decision: Decision) -> str:
    """The same for a terminal."""
    return "\n".join(_text(decision)) + "\n"


def _text(decision: Decision) -> Iterator[str]:
    yield f"{WORDS[decision.answer]}: {decision.title}"
    yield _head(decision)
    yield ""
    for reason in decision.reasons:
        yield f"NO-GO  {reason}"
    for item in decision.items:
        yield f"{WORDS[item.answer]:<6} {item.content.name}: {_sum(item)}"
        yield from (f"         - {reason}" for reason in item.reasons)
        if item.evidence is not None:
            file = written(item.evidence.file.absolute())
            yield f"         result: {file}, SHA-256 {item.evidence.sha256[:SHORT]}..."
        yield from (f"         {label}: {said}" for label, said in _facts(item))
    for note in decision.notes:
        yield f"note   {note}"


def _head(decision: Decision) -> str:
    green = sum(item.answer == "go" for item in decision.items)
    return (
        f"{green} of {len(decision.items)} line(s) of {decision.file} are green; "
        f"judged {moment(decision.when)} by validate {decision.validator}."
    )


def _sum(item: Item) -> str:
    """A line in one phrase."""
    suite = item.content.image.rpartition("-")[0]
    if item.evidence is None:
        return f"{item.content.title} ({suite})"
    return f"{item.evidence.document.verdict} on {suite}: {item.content.title}"


def _facts(item: Item) -> Iterator[tuple[str, str]]:
    """What the answer rests on, whichever it is."""
    yield "content", f"{item.content.file}, digest {item.content.digest}, terms {item.content.terms}"
    if item.evidence is None:
        return
    result = item.evidence.document
    if result.made:
        yield "made", f"{moment(result.made)} by validate {result.validator}, on {result.image or 'an image not named'}"
    phases = ", ".join(phase.name for phase in result.phases) or "none"
    yield "phases", phases
    if item.evidence.judged:
        for each in item.evidence.judged:
            yield "record", f"{each.file}, judged again: {each.trouble or 'the same'}"
    else:
        yield "record", "not at hand, so the result was not judged again"
    if result.selftest is not None:
        score = result.selftest
        judged = score.caught + score.missed
        yield "self-test", f"{score.caught} of {judged} faults caught, {moment(score.when)}"
    for finding in result.findings:
        if finding.waived is not None:
            until = f"until {finding.waived.expires}, {finding.waived.owner}: {finding.waived.reason}"
            yield "waived", f"{finding.rule}: {finding.subject}, {until}"


def document(decision: Decision) -> str:
    """One JSON document."""
    shown: dict[str, Any] = {
        "schema": decision.schema,
        "title": decision.title,
        "checklist": decision.file,
        "answer": decision.answer,
        "exit_code": int(decision.exit_code),
        "when": decision.when,
        "validator": decision.validator,
        "reasons": list(decision.reasons),
        "items": [_item(item) for item in decision.items],
        "notes": list(decision.notes),
    }
    return json.dumps(shown, indent=2, ensure_ascii=False) + "\n"


def _item(item: Item) -> dict[str, Any]:
    found = item.evidence
    return {
        "scenario": item.content.name,
        "title": item.content.title,
        "file": item.content.file,
        "image": item.content.image,
        "digest": item.content.digest,
        "terms": item.content.terms,
        "answer": item.answer,
        "reasons": list(item.reasons),
        "result": None
        if found is None
        else {
            "file": str(found.file),
            "sha256": found.sha256,
            "verdict": found.document.verdict,
            "made": found.document.made,
            "digest": found.document.digest,
            "validator": found.document.validator,
            "waived": [asdict(each) for each in found.document.findings if each.waived is not None],
            "records": [
                {"file": str(each.file), "sha256": each.sha256, "trouble": each.trouble} for each in found.judged
            ],
        },
    }


RENDERERS: Mapping[str, Callable[[Decision], str]] = {"markdown": markdown, "text": text, "json": document}


def verified_text(verification: Verification) -> str:
    """What became of a sign-off, for a terminal."""
    return "\n".join(_verified(verification)) + "\n"


def verified_markdown(verification: Verification) -> str:
    """The same in Markdown."""
    first, *rest = _verified(verification)
    return "\n".join((f"# {prose(first)}", "", *(f"- {prose(line)}" for line in rest))) + "\n"


def _verified(verification: Verification) -> Iterator[str]:
    signed = verification.signoff
    yield f"{verification.says.upper()}: {verification.file} says {WORDS[signed.answer]} to {signed.title}"
    yield f"by {signed.by}, {moment(signed.when)}, with validate {signed.validator}"
    yield f"signature: {verification.signed}"
    yield f"about {len(signed.results)} result(s), {len(signed.records)} record(s), {len(signed.contents)} scenario(s)"
    yield from (f"against it: {reason}" for reason in verification.reasons)
    yield from (f"undecided: {reason}" for reason in verification.undecided)
    yield from (f"note: {note}" for note in verification.notes)


def verified_document(verification: Verification) -> str:
    """The same as one JSON document."""
    signed = verification.signoff
    shown = {
        "schema": "convergence-validator/verification/1",
        "file": verification.file,
        "says": verification.says,
        "answer": signed.answer,
        "exit_code": int(verification.exit_code),
        "title": signed.title,
        "by": signed.by,
        "when": signed.when,
        "signature": verification.signed,
        "reasons": list(verification.reasons),
        "undecided": list(verification.undecided),
        "notes": list(verification.notes),
    }
    return json.dumps(shown, indent=2, ensure_ascii=False) + "\n"


VERIFIED: Mapping[str, Callable[[Verification], str]] = {
    "markdown": verified_markdown,
    "text": verified_text,
    "json": verified_document,
}
