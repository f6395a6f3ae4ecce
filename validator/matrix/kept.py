"""Results of cells that are kept in the cache: used again when nothing they rest on has changed.

    cells/KEY/record.json     what was observed
    cells/KEY/about.json      which cell, when, what it rests on, and the digest of the record

KEY is a digest over the inputs and the facts. What is damaged or incomplete is not there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from validator import record, verdict
from validator.host.cache import Cache
from validator.matrix.declared import Coordinates
from validator.matrix.identity import Identity
from validator.matrix.result import is_fine
from validator.record import Run
from validator.verdict import Result


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A result that was kept, and when it was made (Unix time)."""

    result: Result
    made: float


def keep(
    cache: Cache, cell: Coordinates, identity: Identity, facts: Mapping[str, object], run: Run, *, judged: Result
) -> Path:
    """Keep the run of a cell; returns where its record is.

    What proved nothing is kept to be looked at, not to be used again, unless it was to prove nothing.
    """
    reusable = judged.verdict != "inconclusive" or is_fine(cell, judged)
    name, text = _key(identity, facts), record.dump(run)
    if not reusable:
        name = f"{name}-{judged.verdict}"
    cache.discard("cells", name)
    with cache.making("cells", name) as unfinished:
        if unfinished is not None:
            (unfinished / "record.json").write_text(text, encoding="utf-8")
            cache.describe(
                unfinished,
                about=f"result of {cell.name}",
                cell=cell.name,
                inputs=identity.inputs,
                facts=facts,
                record=_digest(text.encode()),
            )
    return cache.root / "cells" / name / "record.json"


def recall(cache: Cache, cell: Coordinates, identity: Identity, facts: Mapping[str, object] | None) -> Kept | None:
    """The kept result of exactly this cell, or None when there is none that is whole."""
    if facts is None:
        return None
    path = cache.root / "cells" / _key(identity, facts)
    try:
        about = json.loads((path / "about.json").read_text(encoding="utf-8"))
        text = (path / "record.json").read_bytes()
        whole = (
            about["record"] == _digest(text)
            and about["inputs"] == identity.inputs
            and about["facts"] == json.loads(json.dumps(facts))
            and about["cell"] == cell.name
        )
        if not whole:
            return None
        run = record.load_text(text.decode("utf-8"))
        made = float(about["made"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if run.subject.digest != identity.plan:
        return None
    _touch(path)
    return Kept(result=verdict.judge(run, records=(path / "record.json",)), made=made)


def _touch(path: Path) -> None:
    """It is in use: what is unused for long is pruned."""
    try:
        path.touch()
    except OSError:  # pruned since: the result is in memory
        return


def _key(identity: Identity, facts: Mapping[str, object]) -> str:
    return _digest(json.dumps([identity.inputs, facts], sort_keys=True).encode())[:32]


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
