"""Which changes on disk are changes of what a resource manages.

Known are resources whose state is a file, a part of one, or a package. Of others nothing is said: users, groups, cron
entries, hosts and mounts (one file for all of them), databases and their accounts, services, execs but for those that
create a path, and `Concat_fragment`, which has no state of its own (the `Concat_file` it goes into has).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from pydantic import JsonValue

from validator.checks.ondisk import Disk, Seen, plain
from validator.checks.relations import kind_of, title_of
from validator.record import Catalog, CatalogResource, PackageChange, PathChange

Parameters = Mapping[str, JsonValue]

# Their `path`, `target` or `file` is not what they manage, or nothing on disk shows their state.
STATELESS = {
    *("Anchor", "Class", "Concat_fragment", "Cron", "Filebucket", "Group", "Host", "Mailalias", "Mount", "Notify"),
    *("Resources", "Schedule", "Service", "Ssh_authorized_key", "Sshkey", "Stage", "Tidy", "User"),
}
INI_TYPES = {"Ini_setting", "Ini_subsetting"}
METADATA = {"mode", "owner", "group"}
# Only the provider of a type like Nova_config knows its file (openstacklib, provider/openstack_config). It is told by
# the words of the type's name; these need not be in the file's.
WEAK_WORDS = {"agent", "plugin", "provider", "server", "service"}
OTHER_WORDS = {"ovs": ("ovs", "openvswitch")}
OPTION_SUFFIX = re.compile(r"_(?:config|ini|conf)$")
OPTION_FILES = {".conf", ".ini", ".cfg"}
KEPT_COPY = re.compile(r"(?:^|[^a-z])(?:backups?|bak|old|orig|saved?)(?:[^a-z]|$)")
PRESENT = {"", "present", "installed", "true", "held"}
ABSENT = {"absent", "purged", "false"}
YES = {"true", "yes", "1"}
NO = {"false", "no", "0"}


@dataclass(frozen=True, kw_only=True)
class Write:
    """A change of what a resource manages, at a Unix time.

    `path` is empty when it is a package's. `trace` is the path that shows the time, `package` the package's name.
    """

    path: str
    trace: str
    at: float
    package: str = ""


def writes(resource: CatalogResource, disk: Disk, declared: frozenset[str]) -> tuple[Write, ...]:
    """The changes on disk of what a resource manages. `declared` are the paths that have a resource of their own."""
    kind, title, given = kind_of(resource.ref), title_of(resource.ref), resource.parameters
    if "::" in kind or kind in STATELESS or is_yes(given.get("noop")):
        return ()
    path = text(given.get("path")) or title
    if kind == "File":
        return tuple(_file(path, given, disk, declared))
    if kind == "Concat_file":
        return tuple(_file(path, {"ensure": "file", "content": "", **given}, disk, declared))
    if kind == "Package":
        return tuple(_package(text(given.get("name")) or title, text(given.get("ensure")), disk))
    if kind == "Exec":
        return tuple(_created(given, disk))
    return tuple(_parts(kind, title, given, disk))


def declared_paths(catalog: Catalog) -> frozenset[str]:
    """The paths that have a resource of their own: a directory that recurses leaves them alone."""
    return frozenset(
        plain(text(resource.parameters.get("path")) or title_of(resource.ref))
        for resource in catalog.resources
        if kind_of(resource.ref) in {"File", "Concat_file"}
    )


def text(value: JsonValue) -> str:
    """A parameter as Puppet takes it: booleans and numbers are words too; empty when it is not given."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, str | int | float) else ""


def is_yes(value: JsonValue) -> bool:
    """Whether a parameter says yes."""
    return text(value).lower() in YES


def _is_no(value: JsonValue) -> bool:
    return text(value).lower() in NO


def _texts(value: JsonValue) -> tuple[str, ...]:
    """A parameter that is one value or a list of them."""
    values = value if isinstance(value, list) else [value]
    return tuple(each for each in map(text, values) if each)


def _file(path: str, given: Parameters, disk: Disk, declared: frozenset[str]) -> Iterator[Write]:
    for seen in disk.at(path):
        at = _written_at(given, seen, manages=_manages(given, seen.change))
        if at is not None:
            yield Write(path=plain(path), trace=seen.change.path, at=at)
    if given.get("recurse") is None or _is_no(given.get("recurse")):
        return
    ignored = _texts(given.get("ignore"))
    for name in disk.below(path):
        parts = PurePosixPath(name).relative_to(plain(path)).parts
        if name in declared or any(fnmatchcase(part, pattern) for part in parts for pattern in ignored):
            continue
        for seen in disk.at(name):
            at = _written_at(given, seen, manages=_manages_below(given, seen.change))
            if at is not None:
                yield Write(path=name, trace=seen.change.path, at=at)


def _written_at(given: Parameters, seen: Seen, *, manages: bool) -> float | None:
    """When what a file resource manages of a path was last changed; None when none of it was."""
    if any(given.get(aspect) is not None for aspect in METADATA.intersection(seen.change.aspects)):
        return seen.at
    return seen.content_at if seen.differs and manages else None


def _manages(given: Parameters, change: PathChange) -> bool:
    ensure = text(given.get("ensure"))
    is_link = ensure == "link" or ensure.startswith("/") or given.get("target") is not None
    has_content = given.get("content") is not None or given.get("source") is not None
    if change.kind != "content":
        return bool(ensure) or is_link or has_content
    if change.after is not None and change.after.kind == "link":
        return is_link
    return has_content and not _is_no(given.get("replace"))


def _manages_below(given: Parameters, change: PathChange) -> bool:
    """`source` brings what is in it and leaves the rest alone; `purge` takes the rest away."""
    if change.kind == "removed":
        return is_yes(given.get("purge"))
    return given.get("source") is not None and (change.kind != "content" or not _is_no(given.get("replace")))


def _created(given: Parameters, disk: Disk) -> Iterator[Write]:
    """An exec that would have created a path has nothing to do when the upgrade has made it."""
    if not is_yes(given.get("refreshonly")):
        for path in _texts(given.get("creates")):
            for seen in disk.at(path):
                if seen.change.kind == "added":
                    yield Write(path=plain(path), trace=seen.change.path, at=seen.at)


def _package(name: str, ensure: str, disk: Disk) -> Iterator[Write]:
    for seen in disk.package(name):
        if _would_change(ensure, seen.change):
            yield Write(path="", trace=seen.trace, at=seen.at, package=name)


def _would_change(ensure: str, change: PackageChange) -> bool:
    """Whether Puppet would have done it: `present` takes any version that it finds."""
    if not change.after:
        return ensure in ABSENT
    if not change.before:
        return ensure not in ABSENT
    return ensure not in PRESENT | ABSENT


def _parts(kind: str, title: str, given: Parameters, disk: Disk) -> Iterator[Write]:
    option = option_of(kind, title, given)
    for path in dict.fromkeys(map(plain, _paths(kind, title, given, option, disk))):
        for seen in disk.at(path):
            if seen.differs and (option is None or touches(seen.change, option)):
                yield Write(path=path, trace=seen.change.path, at=seen.content_at)
    if kind == "Vcsrepo":
        for path in disk.below(text(given.get("path")) or title):
            yield from (Write(path=path, trace=path, at=seen.content_at) for seen in disk.at(path) if seen.differs)


def _paths(
    kind: str, title: str, given: Parameters, option: tuple[str, str] | None, disk: Disk
) -> tuple[str, ...] | list[str]:
    if kind == "Augeas":
        return _augeas(given, disk)
    for name in ("path", "target", "file"):
        if text(given.get(name)).startswith("/"):
            return (text(given.get(name)),)
    if title.startswith("/"):
        return (title,)
    return _option_files(kind, disk) if option is not None and kind not in INI_TYPES else ()


def option_of(kind: str, title: str, given: Parameters) -> tuple[str, str] | None:
    """Section and option, for types that manage one option of an ini file."""
    if kind in INI_TYPES:
        return text(given.get("section")), text(given.get("setting"))
    if title.startswith("/"):
        return None
    section, slash, option = title.partition("/")
    if slash and (OPTION_SUFFIX.search(kind) or "value" in given):
        # Keystone_domain_config is titled DOMAIN::SECTION/OPTION.
        return section.rpartition("::")[2] if kind == "Keystone_domain_config" else section, option
    return ("", title) if OPTION_SUFFIX.search(kind) else None


def _option_files(kind: str, disk: Disk) -> list[str]:
    """The changed files that a type like Nova_api_paste_ini may write to. There are hundreds of its resources."""
    if kind not in disk.option_files:
        disk.option_files[kind] = _searched(kind, disk)
    return disk.option_files[kind]


def _searched(kind: str, disk: Disk) -> list[str]:
    service, *others = OPTION_SUFFIX.sub("", kind.lower()).split("_")
    strong = [OTHER_WORDS.get(word, (word,)) for word in others if word not in WEAK_WORDS]
    found = [
        path
        for path in disk
        if _may_hold(path, service, disk) and all(any(name in path for name in names) for names in strong)
    ]
    # Nova_config is nova.conf, whatever other file of nova has the same option.
    exact = [] if strong else [path for path in found if PurePosixPath(path).stem == service]
    return exact or found


def _may_hold(path: str, service: str, disk: Disk) -> bool:
    if service not in path or "/etc/" not in path or PurePosixPath(path).suffix not in OPTION_FILES:
        return False
    if KEPT_COPY.search(path):
        return False
    directory = PurePosixPath(path).parent.name
    return service in directory or directory in service or any(_has_options(seen.change) for seen in disk.at(path))


def _has_options(change: PathChange) -> bool:
    return change.content is not None and change.content.form == "ini" and change.content.patch is not None


def touches(change: PathChange, option: tuple[str, str]) -> bool:
    """Whether an option is not as it was. True as well when the change of the content has no structure to tell."""
    content = change.content
    if content is None or content.form != "ini" or content.patch is None:
        return True
    section, name = (part.strip().casefold() for part in option)
    # Where there is no section, parsers call it differently.
    sections = (section,) if section else ("", "default")
    places = [(each, name) if name else (each,) for each in sections] + ([(name,)] if name and not section else [])
    return any(_reaches(operation, place) for operation in content.patch for place in places)


def _reaches(operation: Mapping[str, JsonValue], place: tuple[str, ...]) -> bool:
    for key in ("path", "from"):
        pointer = operation.get(key)
        if not isinstance(pointer, str):
            continue
        parts = tuple(part.replace("~1", "/").replace("~0", "~").casefold() for part in pointer.split("/")[1:])
        if parts[: len(place)] == place:
            return True
        if parts == place[: len(parts)] and (operation.get("op") != "add" or _has(operation, place[len(parts) :])):
            return True
    return False


def _has(operation: Mapping[str, JsonValue], place: tuple[str, ...]) -> bool:
    """Whether what is added brings the option; a section is added with all that is in it."""
    value = operation.get("value")
    for name in place:
        if not isinstance(value, dict):
            return True
        below = {key.casefold(): each for key, each in value.items()}
        if name not in below:
            return False
        value = below[name]
    return True


def _augeas(given: Parameters, disk: Disk) -> list[str]:
    """The changed files that an augeas resource may write to: `incl`, or what stands below /files in its paths."""
    if text(given.get("incl")):
        return [text(given.get("incl"))]
    said = " ".join((text(given.get("context")), *_texts(given.get("changes"))))
    trees = [tree.rstrip("/\"'") for tree in re.findall(r"(?<!\S)/files(/[^\s\[]+)", said)]
    return [path for path in disk for tree in trees if tree == path or tree.startswith(f"{path}/")]
