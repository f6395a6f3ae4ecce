"""Commands of the catalog that wait for a refresh: what they would have done may be what is missing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from pydantic import JsonValue

from validator.checks.managed import text
from validator.checks.relations import kind_of
from validator.findings import Finding
from validator.fixes.change import Change, Known

WORD = re.compile(r"[a-z0-9]+")
TRIED = 3  # that are tried one by one before all of them together


def missing(known: Known, finding: Finding) -> Iterator[Change]:
    """Each of them, those that speak of the finding first, then all."""
    about = set(WORD.findall(f"{finding.subject} {finding.message}".lower()))
    proofs = [proof for proof in known.run.subject.proofs if proof.probe == finding.subject]
    proved = [pattern for proof in proofs for pattern in proof.resources]
    waiting = [
        (ref, parameters)
        for ref, parameters in known.clear.parameters.items()
        if kind_of(ref) == "Exec" and text(parameters.get("refreshonly")) == "true"
    ]

    def nearness(each: tuple[str, Mapping[str, JsonValue]]) -> tuple[bool, int]:
        ref, parameters = each
        words = set(WORD.findall(f"{ref} {text(parameters.get('command'))}".lower()))
        return ref not in proved, -len(words & about)

    ranked = sorted(waiting, key=nearness)
    for ref, parameters in ranked[:TRIED]:
        yield known.change(known.refresh(ref, parameters), None)
    if len(ranked) > 1:
        every = tuple(draft for ref, parameters in waiting for draft in known.refresh(ref, parameters))
        yield known.change(every, None)
