"""The gate's story: a checklist, what its scenarios are now, the results that there are, the answer, the sign-off."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from validator import __version__
from validator.errors import UsageError
from validator.gate import checklist, current, evidence, judgement, signature, signoff
from validator.gate.evidence import Write
from validator.gate.judgement import Decision
from validator.scenario.paths import written


@dataclass(frozen=True, kw_only=True)
class Signing:
    """Who signs off, in which file, and with which SSH key, if with any."""

    file: Path
    by: str
    key: Path | None

    def require_possible(self) -> None:
        """Raise `UsageError` for what could not be signed, before anything is judged."""
        if not self.by.strip() or not self.by.isprintable():
            raise UsageError("a sign-off needs a name", hint="Say who signs off: --by NAME.")
        if self.key is not None:
            signature.require_name(self.by)
            if not self.key.is_file():
                raise UsageError(f"there is no key {self.key}")
        signoff.require_new(self.file)


def gate(file: Path, write: Write, signing: Signing | None) -> Decision:
    """Judge the checklist now, and sign off what came of it, go or no-go.

    `write` renders a result as the results' files have it. Raises `ScenarioError` for mistakes in the checklist or in
    a scenario it names, `UsageError` for what cannot be read or signed.
    """
    if signing is not None:
        signing.require_possible()
    loaded = checklist.load(file)
    contents = current.of_all(loaded)
    found = evidence.gather(loaded, write)
    decision = judgement.decide(
        loaded.checklist, written(file.absolute()), contents, found, now=time.time(), validator=__version__
    )
    if signing is not None:
        signed = signoff.make(decision, loaded, found, by=signing.by, into=signing.file)
        signoff.write(signed, signing.file, key=signing.key)
    return decision
