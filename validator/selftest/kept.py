"""The last score of a scenario, kept in the cache by the digest of everything that it is about."""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict

from validator.host.cache import Cache
from validator.record import SelfTest


def keep(cache: Cache, digest: str, score: SelfTest) -> None:
    """Keep the score of a complete self-test."""
    directory = cache.root / "selftests"
    directory.mkdir(exist_ok=True)
    unfinished = directory / f".{uuid.uuid4().hex}"
    unfinished.write_text(json.dumps(asdict(score)), encoding="utf-8")
    unfinished.replace(directory / f"{digest}.json")


def recall(cache: Cache, digest: str) -> SelfTest | None:
    """The score of exactly this scenario, or None when there is none that can be read."""
    try:
        return SelfTest(**json.loads((cache.root / "selftests" / f"{digest}.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
