"""Execs of the compiled catalogs that run every time, guards that do not guard, and resources that cannot rest.

Nothing is applied: this is what the parameters say. Each exec is looked at once, though several steps may have it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pydantic import JsonValue

from validator.checks import effects, shell, unsettled
from validator.checks.managed import is_yes, text
from validator.checks.programs import basename
from validator.checks.relations import kind_of
from validator.findings import Finding
from validator.record import CatalogResource, Run

GUARDS = ("unless", "onlyif")
EXIT_CODES = 256
RUNS_ANYWAY = {"unless": "its guard never holds it back", "onlyif": "its guard always lets it run"}
NEVER_RUNS = {"unless": "its guard always holds it back", "onlyif": "its guard never lets it run"}
# What has one line at most, so that `grep -v` asks about this very line.
ONE_LINE = frozenset(
    {"awk", "cut", "echo", "facter", "getenforce", "head", "hiera", "hostname", "id", "printf", "readlink", "rpm"}
    | {"stat", "sysctl", "systemctl", "tail", "uname", "wc", "whoami"}
)
ONE_LINE_FILES = re.compile(r"/(?:proc|sys)/.*|/etc/hostname|/etc/machine-id|/etc/timezone")
# `grep -v` of these asks whether there is anything besides blank lines and comments.
ANYTHING_BUT = re.compile(r"\^(?:\\s|\[\[:space:\]\]|\s|\[ \\t\])?\*?(?:\$|#.*|\(.*)")


def check(run: Run) -> Iterator[Finding]:
    """One finding for each resource and rule."""
    yield from _of_execs(run)
    yield from unsettled.check(run)


def _of_execs(run: Run) -> Iterator[Finding]:
    expected = {each.resource for each in run.subject.expect}
    seen: set[tuple[str, str]] = set()
    for each in run.static.catalogs if run.static else ():
        for resource in each.catalog.resources:
            if kind_of(resource.ref) != "Exec" or is_yes(resource.parameters.get("noop")) or resource.ref in expected:
                continue
            for finding in _of_exec(resource):
                if (finding.rule, finding.subject) not in seen:
                    seen.add((finding.rule, finding.subject))
                    yield finding


def _of_exec(resource: CatalogResource) -> Iterator[Finding]:
    given = resource.parameters
    guarded = any(_is_given(given.get(name)) for name in (*GUARDS, "creates"))
    if not guarded and not is_yes(given.get("refreshonly")):
        yield _finding(
            "exec.unguarded",
            resource,
            "has no unless, onlyif, creates or refreshonly: it runs, and counts as a change, every time",
            "Give it a guard that asks whether its work is done, or `refreshonly` and what it waits for.",
        )
    faults = list(_faults(resource))
    if faults:
        message, hint, shown = faults[0]
        more = [message for message, _, _ in faults[1:]]
        yield _finding("exec.guard", resource, "; ".join((message, *more)), hint, shown)


def _is_given(value: JsonValue) -> bool:
    """An empty list of guards guards nothing."""
    return value is not None and value != []


def _finding(rule: str, resource: CatalogResource, message: str, hint: str, guard: str = "") -> Finding:
    command = resource.parameters.get("command")
    evidence: dict[str, JsonValue] = {"command": command} if command is not None else {}
    if guard:
        evidence["guard"] = guard
    return Finding(
        rule=rule,
        means="note",
        phase=None,
        subject=resource.ref,
        message=message,
        declared_at=resource.declared_at,
        hint=hint,
        evidence=evidence,
        warns=True,
    )


def _faults(resource: CatalogResource) -> Iterator[tuple[str, str, str]]:
    """What is wrong with the guards: a message, what to do, and the guard."""
    given = resource.parameters
    for name in GUARDS:
        guards = _commands(given.get(name))
        for guard in guards:
            effect = _effect(guard)
            if effect.writes:
                said = f"`{name}` changes something itself (`{effect.why}`): it is run every time, unseen"
                yield said, "A guard may only look; let the command do what it does.", _shown(guard)
            answer = _constant(guard)
            if answer is not None and (len(guards) == 1 or answer == (name == "unless")):
                outcome = NEVER_RUNS if answer == (name == "unless") else RUNS_ANYWAY
                said = f"`{name}` always gives the same answer, {outcome[name]}"
                yield said, "Ask whether the work is done.", _shown(guard)
            elif (pattern := _inverted(guard)) is not None:
                said = f"`{name}` asks with `grep -v`, which succeeds as soon as any line is not {pattern!r}"
                hint = f"`! grep -q {pattern}`, or the other of `unless` and `onlyif` with `grep -q {pattern}`."
                yield said, hint, _shown(guard)
    codes = given.get("returns")
    if isinstance(codes, list) and len({text(code) for code in codes}) >= EXIT_CODES - 1:
        yield "`returns` takes every exit status: it cannot fail", "Name the few that mean success.", ""


def _commands(value: JsonValue) -> tuple[str | tuple[str, ...], ...]:
    """The commands of a guard: a string is one, and so is a list inside the list of them."""
    values = value if isinstance(value, list) else [] if value is None else [value]
    return tuple(tuple(map(text, each)) if isinstance(each, list) else text(each) for each in values)


def _shown(guard: str | tuple[str, ...]) -> str:
    return guard if isinstance(guard, str) else " ".join(guard)


def _effect(guard: str | tuple[str, ...]) -> effects.Effect:
    return effects.of(guard) if isinstance(guard, str) else effects.of_words(guard)


def _pipes(guard: str | tuple[str, ...]) -> tuple[shell.Pipe, ...]:
    if not isinstance(guard, str):
        return (shell.Pipe(commands=(guard,), before=""),)
    try:
        return shell.everything(guard).pipes
    except ValueError:
        return ()


def _constant(guard: str | tuple[str, ...]) -> bool | None:
    """The answer that a guard always gives: its only command is one that does, or `|| true` ends it."""
    pipes = _pipes(guard)
    if not pipes:
        return None
    answer = effects.is_constant(pipes[-1].commands[-1])
    if len(pipes) == 1:
        return answer
    settles = {True: {"||", ";", "\n"}, False: {"&&", ";", "\n"}}
    return answer if answer is not None and pipes[-1].before in settles[answer] else None


def _inverted(guard: str | tuple[str, ...]) -> str | None:
    """The pattern of a `grep -v` that gives the guard its answer, and that looks at several lines."""
    pipes = _pipes(guard)
    if not pipes or pipes[-1].before in {"||", "&&"}:
        return None
    *before, last = pipes[-1].commands
    program, options, words = basename(last[0]), _options(last[1:]), _words(last[1:])
    if program not in {"grep", "egrep", "fgrep"} or not words:
        return None
    if not any(option == "--invert-match" or re.fullmatch(r"-[a-zA-Z]*v[a-zA-Z]*", option) for option in options):
        return None
    pattern, files = words[0], words[1:]
    one_line = all(ONE_LINE_FILES.fullmatch(name) for name in files) if files else _has_one_line(before)
    return None if one_line or ANYTHING_BUT.match(pattern) or pattern == "" else pattern


def _has_one_line(before: list[tuple[str, ...]]) -> bool:
    if not before:
        return True  # of its standard input nothing is known
    program, words = basename(before[-1][0]), _words(before[-1][1:])
    return program in ONE_LINE or (program == "cat" and all(ONE_LINE_FILES.fullmatch(name) for name in words))


def _options(words: tuple[str, ...]) -> list[str]:
    return [word for word in words if word.startswith("-")]


def _words(words: tuple[str, ...]) -> list[str]:
    return [word for word in words if not word.startswith("-")]
