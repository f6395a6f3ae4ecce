"""Which files of the author's a scenario consists of, and what of a run each of them has a part in."""

from __future__ import annotations

import fnmatch
import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from validator.inputs import LEFT_OUT_NAMES
from validator.scenario.load import Loaded
from validator.scenario.model import Release, Scenario, Templated

Part = Literal["all", "old", "upgrade", "new"]
ORDER: tuple[Part, ...] = ("all", "old", "upgrade", "new")
# What a scenario says that only Puppet for the new release, or the verdict, depends on.
LATE = frozenset({"title", "new", "waivers", "expect", "restarts", "checks"})


@dataclass(frozen=True, kw_only=True)
class Source:
    """A file, or a directory with all below it, that a part of the run is made of."""

    path: Path
    part: Part


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A file as it is: `stat` tells cheaply that it may have changed, `content` whether it has."""

    stat: tuple[int, int, int, int]
    content: str


Files = Mapping[Path, Seen]


def of(loaded: Loaded) -> tuple[Source, ...]:
    """Everything that is copied when a scenario is run, and its own file."""
    scenario = loaded.scenario
    found = [Source(path=file.resolve(), part="all") for file in (loaded.file, loaded.base) if file is not None]
    if scenario.image.prepare is not None:
        found.append(Source(path=scenario.image.prepare, part="all"))
    if loaded.fault is not None:
        found.append(Source(path=loaded.fault.parent, part="upgrade"))
    found += _release(scenario.old, "old")
    found += _release(scenario.new, "new")
    upgrade = scenario.upgrade
    tasks = upgrade.playbook or upgrade.tasks
    roots = (tasks.parent if tasks is not None else None, upgrade.collections, *_templates(upgrade))
    found += [Source(path=path, part="upgrade") for path in roots if path is not None]
    return tuple(found)


def _release(release: Release, part: Part) -> Iterator[Source]:
    hiera = release.hiera.parent if release.hiera is not None else None
    for path in (release.manifest, hiera, *release.modules_path, *_templates(release)):
        if path is not None:
            yield Source(path=path, part=part)


def _templates(part: Templated) -> Iterator[Path]:
    """Templates name others beside them."""
    for file in (*part.tripleo, *part.environments):
        yield file.parent


def look(roots: Iterable[Path], before: Files | None = None) -> Files:
    """The files below some roots as they are now. Roots that are missing hold none; `before` saves reading again."""
    known = before or {}
    return {path: seen for root in roots for path in _below(root) if (seen := _see(path, known.get(path))) is not None}


def changed(before: Files, after: Files) -> frozenset[Path]:
    """The files that came, went, or are not what they were."""
    return frozenset(
        path
        for path in before.keys() | after.keys()
        if path not in before or path not in after or before[path].content != after[path].content
    )


def only_new(paths: Iterable[Path], before: Loaded, after: Loaded) -> bool:
    """Whether nothing changed of what the old release and the upgrade tasks are made of.

    A file that several parts have below their directories belongs to the one that names it most closely, and to the
    earliest of these: `new.pp` beside the tasks is the new release's.
    """
    if _early(before.scenario) != _early(after.scenario):
        return False
    own = {file.resolve() for loaded in (before, after) for file in (loaded.file, loaded.base) if file is not None}
    sources = (*of(before), *of(after))
    return all(path in own or part_of(path, sources) == "new" for path in paths)


def part_of(path: Path, sources: Iterable[Source]) -> Part:
    """The part of a run that a file belongs to."""
    above = [source for source in sources if path.is_relative_to(source.path)]
    closest = max((len(source.path.parts) for source in above), default=0)
    return min((each.part for each in above if len(each.path.parts) == closest), key=ORDER.index, default="all")


def _early(scenario: Scenario) -> dict[str, object]:
    return scenario.model_dump(exclude=set(LATE))


def _below(root: Path) -> Iterator[Path]:
    if not root.is_dir():
        yield root
        return
    for directory, names, files in os.walk(root):
        names[:] = [name for name in names if not _is_left_out(name)]
        yield from (Path(directory, name) for name in files if not _is_left_out(name))


def _is_left_out(name: str) -> bool:
    return any(fnmatch.fnmatch(name, pattern) for pattern in LEFT_OUT_NAMES)


def _see(path: Path, known: Seen | None) -> Seen | None:
    try:
        about = path.lstat()
        stat = (about.st_mtime_ns, about.st_size, about.st_ino, about.st_mode)
        if known is not None and known.stat == stat:
            return known
        held = os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()
    except OSError:  # it has just gone, or is being replaced
        return None
    return Seen(stat=stat, content=f"{about.st_mode:o} {hashlib.sha256(held).hexdigest()}")
