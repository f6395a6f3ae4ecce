"""Upgrade tasks beside the catalog that Puppet will apply after them: before either has done anything.

`cross.value`: both give the same thing different values, so that Puppet will undo what the task did. `cross.missing`:
a task writes what would have made Puppet run a command, and no task runs it. Only values that both sides tell are
compared, and of several tasks the last one counts.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from pydantic import JsonValue

from validator.checks import commands, delivered, purges, relations, settings, settings_ansible, settings_puppet
from validator.checks.commands import Line
from validator.checks.managed import is_yes, text
from validator.checks.relations import kind_of
from validator.checks.settings import ABSENT, NO_OPTION, PRESENT, Setting, What
from validator.checks.settings_ansible import BY_SHELL, Told
from validator.checks.settings_puppet import Given
from validator.checks.words import count
from validator.findings import Finding, Left
from validator.record import COMMAND_MODULES, Catalog, CatalogResource, Run, WrittenTask
from validator.redact import MARK

SHOWN = 20
LONGEST = 80
OPTION_PARTS = len(("option", "file", "section", "name"))
# What a task cannot have written without changing something that Puppet would have told others of.
TELLING = frozenset({"content", "target", "charset", "collate"})
TELLING_KINDS = frozenset({"option", "package", "grant", "database"})
# What holds tasks or commands that are not read.
UNREAD = frozenset({"script", "import_tasks", "include_tasks", "import_role", "include_role", "include"})


def check(run: Run) -> Iterator[Finding]:
    """First what contradicts, then what is left out."""
    if run.static is None or not run.static.catalogs:
        return
    told = _Told(settings_ansible.of(run.static.tasks))
    # A later step's catalog says how the host is to be in the end.
    last = run.static.catalogs[-1].catalog
    expected = {each.resource for each in run.subject.expect}
    given = settings_puppet.of(last)
    for each in (*_contradictions(told, given), *_undeclared(told, last), *_defaults(told, last, given)):
        if each.subject not in expected:
            yield each
    yield from _missing(run, told)


class _Told:
    """What the tasks set, by what it is about."""

    def __init__(self, all_told: Sequence[Told]) -> None:
        self.all = all_told
        self._exact: dict[What, list[tuple[int, Told]]] = defaultdict(list)
        self._below: list[tuple[int, Told]] = []
        for number, each in enumerate(all_told):
            if each.setting.below:
                self._below.append((number, each))
            else:
                self._exact[each.setting.what].append((number, each))

    def about(self, what: What) -> list[Told]:
        """All that tasks say of a property, in order; what is said of the whole thing is said of it too."""
        found = [each for end in range(2, len(what) + 1) for each in self._exact.get(what[:end], ())]
        if what[0] == "file":
            path = PurePosixPath(what[1])
            found += [each for each in self._below if PurePosixPath(each[1].setting.what[1]) in path.parents]
        return [told for _, told in sorted(found, key=lambda each: each[0])]

    def last(self, what: What) -> list[Told]:
        """What may be true of a property in the end: the last that surely says, and what may say otherwise after it."""
        found = self.about(what)
        sure = [number for number, each in enumerate(found) if each.sure]
        return found[sure[-1] :] if sure else found


# --- cross.value ---


def _contradictions(told: _Told, given: Sequence[Given]) -> Iterator[Finding]:
    for each in given:
        last = told.last(each.setting.what)
        gone = each.setting.what[0] == "file" and each.setting.what[-1] != "ensure"
        if not last or (gone and any(_is_gone(before) for before in last)):
            continue
        if each.setting.value is not None and all(settings.differs(one.setting, each.setting) for one in last):
            yield _contradiction(each, last[-1])


def _is_gone(told: Told) -> bool:
    return told.setting.value == ABSENT


def _contradiction(given: Given, told: Told) -> Finding:
    setting = given.setting
    is_text = setting.what[0] == "file" and setting.what[-1] == "content"
    mine, theirs = _compared(told.setting, setting) if is_text else (_shown(told.setting), _shown(setting))
    return _value_finding(
        given.resource,
        told,
        f"{setting.title}: the task gives {mine}, Puppet {theirs}",
        "Give both the same value; what Puppet is to change on purpose belongs under `expect`.",
        {"compared": setting.title, "task_value": mine, "puppet_value": theirs},
    )


def _value_finding(
    resource: CatalogResource, told: Told, message: str, hint: str, evidence: dict[str, JsonValue]
) -> Finding:
    place = str(told.task.place) if told.task.place is not None else None
    return Finding(
        rule="cross.value",
        means="note",
        phase=None,
        subject=resource.ref,
        message=message,
        declared_at=resource.declared_at,
        left_by=Left(task=told.task.name, place=told.task.place),
        hint=hint,
        evidence={**evidence, "task": told.task.name, "task_place": place},
        warns=True,
    )


def _shown(setting: Setting) -> str:
    value = setting.value or ""
    if value == NO_OPTION:
        return "no such option"
    if setting.what[0] == "option":
        value = repr(value)
    return value if len(value) <= LONGEST else f"{value[:LONGEST]}..."


def _compared(told: Setting, given: Setting) -> tuple[str, str]:
    """The first line in which two texts differ."""
    mine, theirs = (each.value or "" for each in (told, given))
    lines = zip(mine.splitlines(keepends=True), theirs.splitlines(keepends=True), strict=False)
    for number, (one, other) in enumerate(lines, 1):
        if one != other:
            return f"line {number}: {one[:LONGEST]!r}", f"{other[:LONGEST]!r}"
    return count(mine.splitlines(), "line", "lines"), count(theirs.splitlines(), "line", "lines")


def _undeclared(told: _Told, catalog: Catalog) -> Iterator[Finding]:
    """What a task makes where Puppet takes away all that is not declared."""
    purging = purges.of(catalog)
    for what in dict.fromkeys(each.setting.what for each in told.all):
        is_whole = len(what) == OPTION_PARTS if what[0] == "option" else what[0] == "file" and what[-1] == "ensure"
        owner = purging(what) if is_whole else None
        last = told.last(what)
        if owner is None or not last:
            continue
        if all(one.sure and one.setting.value not in {None, ABSENT, NO_OPTION, "directory"} for one in last):
            yield _value_finding(
                owner,
                last[-1],
                f"{_thing(what)}: the task makes it, and Puppet takes away what it does not declare",
                "Declare it in the release, or do not make it.",
                {"compared": _thing(what)},
            )


def _thing(what: What) -> str:
    return settings.titled(what) if what[0] == "option" else what[1]


def _defaults(told: _Told, catalog: Catalog, given: Sequence[Given]) -> Iterator[Finding]:
    """A database that a task makes with whatever character set the server has, where Puppet wants one."""
    for each in given:
        what, value = each.setting.what, each.setting.value
        if what[0] != "database" or what[-1] != "charset" or value is None or told.about(what):
            continue
        last = told.last((*what[:2], "ensure"))
        if last and last[-1].sure and last[-1].setting.value == PRESENT and not _serves(catalog, value):
            yield _value_finding(
                each.resource,
                last[-1],
                f"{each.setting.title}: the task leaves it to the server, Puppet wants {value}",
                "Give `encoding` and `collation` as Puppet does.",
                {"compared": each.setting.title, "task_value": "", "puppet_value": value},
            )


def _serves(catalog: Catalog, charset: str) -> bool:
    """Whether the catalog's own configuration makes it the server's default."""
    option = re.compile(
        rf"^\s*character[-_]set[-_]server\s*=\s*{charset.replace('utf8mb3', 'utf8(?:mb3)?')}\s*$", re.MULTILINE
    )
    contents = (resource.parameters.get("content") for resource in catalog.resources)
    return any(isinstance(content, str) and option.search(content) for content in contents)


# --- cross.missing ---


@dataclass(frozen=True, kw_only=True)
class _Source:
    resource: CatalogResource
    told: Told


def _missing(run: Run, told: _Told) -> Iterator[Finding]:
    tasks = run.static.tasks if run.static else ()
    if any(task.module.rpartition(".")[2] in UNREAD for task in tasks):
        return  # what they run is not known
    settled = {each.resource for each in run.subject.expect}
    sources: dict[str, list[_Source]] = defaultdict(list)
    targets: dict[str, CatalogResource] = {}
    for each in run.static.catalogs if run.static else ():
        graph = relations.refreshes(each.catalog)
        waiting = {one.ref: one for one in each.catalog.resources if _is_waiting(one)}
        targets.update(waiting)
        reached: dict[str, frozenset[str]] = {}
        for source in _sources(told, settings_puppet.of(each.catalog)):
            ref = source.resource.ref
            if ref not in reached:
                reached[ref] = relations.reached(graph, ref) & waiting.keys()
            for target in reached[ref]:
                sources[target].append(source)
    for ref, found in sources.items():
        wanted = delivered.command_of(targets[ref])
        if ref not in settled and not _is_proved(run, ref) and not any(_does(task, wanted) for task in tasks):
            yield _missing_finding(targets[ref], found, wanted)


def _is_waiting(resource: CatalogResource) -> bool:
    return kind_of(resource.ref) == "Exec" and delivered.is_target(resource)


def _sources(told: _Told, given: Sequence[Given]) -> Iterator[_Source]:
    """The resources of what tasks write, each with the first task that does."""
    seen: set[str] = set()
    for each in given:
        what = each.setting.what
        if each.resource.ref in seen or not (what[0] in TELLING_KINDS or what[-1] in TELLING):
            continue
        writing = [one for one in told.about(what) if _writes(one)]
        if writing:
            seen.add(each.resource.ref)
            yield _Source(resource=each.resource, told=writing[0])


def _writes(told: Told) -> bool:
    """Whether a task surely is about it: no handler, no command that only names its path."""
    module = told.task.module.rpartition(".")[2]
    if told.task.handler or told.setting.below or (module in COMMAND_MODULES and told.setting.value is None):
        return False
    what = told.setting.what
    return what[0] == "option" or what[-1] != what[1]


def _is_proved(run: Run, ref: str) -> bool:
    """Whether a probe of the scenario will say that it was done."""
    patterns = [pattern for proof in run.subject.proofs for pattern in proof.resources]
    return any(re.fullmatch(".*".join(map(re.escape, each.split("*"))), ref, re.DOTALL) for each in patterns)


def _does(task: WrittenTask, wanted: Line) -> bool:
    """Whether a task runs a command, or may: a template in it, a branch around it."""
    module = task.module.rpartition(".")[2]
    if module in COMMAND_MODULES:
        return _may_run(task, wanted, by_shell=module in BY_SHELL) or _restarts(task, wanted)
    if module in {"systemd", "systemd_service"} and is_yes(task.args.get("daemon_reload")):
        return commands.runs(Line(text="systemctl daemon-reload"), wanted) or _restarts(task, wanted)
    if module == "apt" and is_yes(task.args.get("update_cache")):
        return commands.runs(Line(text="apt-get update"), wanted)
    return _restarts(task, wanted)


def _may_run(task: WrittenTask, wanted: Line, *, by_shell: bool) -> bool:
    given = text(task.args.get("_raw_params"))
    if not given or MARK in given:
        return True  # hidden: it may be this one
    line = Line(text=given, shell=by_shell)
    if commands.runs(line, wanted):
        return True
    return (bool(task.unknown) or not commands.parse(line).whole) and _names(given, wanted)


def _restarts(task: WrittenTask, wanted: Line) -> bool:
    """Whether a command only restarts a unit, and a task does that."""
    asked = commands.restart(wanted)
    unit = ("service", settings.unit(asked.unit), "state") if asked is not None else ()
    return any(each.what == unit for each in settings_ansible.settle(task))


def _names(given: str, wanted: Line) -> bool:
    """Whether a text has all the words of a command, options apart."""
    words = (wanted.words or tuple(wanted.text.split())) or ("",)
    needed = {PurePosixPath(words[0]).name, *(word for word in words[1:] if not word.startswith("-"))}
    have = {part for word in re.split(r"[\s;&|()\"']+", given) for part in (word, PurePosixPath(word).name)}
    return needed <= have


def _missing_finding(target: CatalogResource, found: Sequence[_Source], wanted: Line) -> Finding:
    first = found[0]
    command = wanted.text or " ".join(wanted.words)
    rest = len({each.resource.ref for each in found}) - 1
    more = f" (and {rest} more)" if rest else ""
    return Finding(
        rule="cross.missing",
        means="note",
        phase=None,
        subject=target.ref,
        message=(
            f"no task runs `{' '.join(command.split())}`: Puppet would, after a change of {first.resource.ref}{more}, "
            f"but task '{first.told.task.name}' writes that first, so that Puppet finds it in order"
        ),
        declared_at=target.declared_at,
        left_by=Left(task=first.told.task.name, place=first.told.task.place),
        hint=(
            "Run the command as a task after the last write, or prove that it is not needed: a probe with "
            f"`proves: ['{target.ref}']`."
        ),
        evidence={
            "command": command,
            "sources": [
                {
                    "resource": each.resource.ref,
                    "task": each.told.task.name,
                    "task_place": str(each.told.task.place) if each.told.task.place is not None else None,
                }
                for each in found[:SHOWN]
            ],
        },
        warns=True,
    )
