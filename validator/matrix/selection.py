"""Which cells of a matrix are run here and now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from validator.host.cache import Cache
from validator.matrix import cells, declared, identity, since
from validator.matrix.cells import Cell
from validator.matrix.declared import Coordinates, Declared
from validator.matrix.identity import Identity
from validator.matrix.shards import Shard, deal


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the command line asks for: patterns of cells, a shard and the timings to balance it by, a git revision."""

    patterns: tuple[str, ...] = ()
    shard: Shard | None = None
    seconds: Mapping[str, float]
    revision: str | None = None


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The cells, what each consists of, and the names of those that are left out as unchanged."""

    cells: tuple[Cell, ...]
    identities: Mapping[str, Identity]
    unchanged: tuple[str, ...] = ()


def named(matrix: Declared, asked: Asked) -> tuple[Coordinates, ...]:
    """The cells that are asked for, by name alone: whether they are unchanged is not looked at."""
    found = declared.chosen(declared.coordinates(matrix), asked.patterns)
    if asked.shard is None or asked.revision is not None:
        return found
    return _of_shard(found, asked)


def select(matrix: Declared, asked: Asked, cache: Cache, day: date) -> Selection:
    """The cells that are asked for. Which of them are changed is found out before they are dealt out to shards."""
    found = cells.load_all(matrix, named(matrix, asked))
    identities = identity.of_all(found, cache, day)
    if asked.revision is None:
        return Selection(cells=found, identities=identities)
    identified = tuple((cell, identities[cell.name]) for cell in found)
    changed = set(since.changed(matrix, identified, asked.revision, cache, day))
    kept = tuple(cell for cell in found if cell.name in changed)
    if asked.shard is not None:
        names = {each.name for each in _of_shard(tuple(cell.at for cell in kept), asked)}
        kept = tuple(cell for cell in kept if cell.name in names)
    return Selection(
        cells=kept,
        identities=identities,
        unchanged=tuple(cell.name for cell in found if cell.name not in changed),
    )


def _of_shard(found: Sequence[Coordinates], asked: Asked) -> tuple[Coordinates, ...]:
    if asked.shard is None:
        return tuple(found)
    dealt = deal([cell.name for cell in found], asked.shard.of, asked.seconds)[asked.shard.number - 1]
    return tuple(cell for cell in found if cell.name in set(dealt))
