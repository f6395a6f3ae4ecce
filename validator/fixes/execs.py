"""Commands of the catalog as tasks, with the guard that Puppet has."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pydantic import JsonValue

from validator.checks.managed import text
from validator.fixes.wanted import Draft, Drafts, Wanted, listed

# What a shell would act upon: without one the command would get these as they are.
SHELLISH = re.compile(r"[|&;<>()$`*?\[\]#~\n]|\\|^\w+=")
NOT_WORD = re.compile(r"\W+")


def of(wanted: Wanted) -> Iterator[Drafts]:
    """The tasks that run an exec's command when its guard says so."""
    yield run(wanted)


def run(wanted: Wanted, *, refresh: bool = False) -> Drafts:
    """An exec's command as tasks: the question of its guard first, where it has one that is a command.

    With `refresh` the command is what a refresh of it runs, which no guard but its own can hold back.
    """
    command = wanted.parameters.get("refresh") if refresh else None
    main = _task(f"Run {_short(wanted.title)}", command or wanted.parameters.get("command") or wanted.title, wanted)
    if codes := [text(code) for code in listed(wanted.parameters.get("returns")) if text(code) not in {"", "0"}]:
        name = _register(wanted.title)
        main |= {"register": name, "failed_when": f"{name}.rc | string not in {['0', *codes]}"}
    if creates := [text(path) for path in listed(wanted.parameters.get("creates"))][:1]:
        _arguments(main)["creates"] = creates[0]
    questions: list[Draft] = []
    conditions: list[JsonValue] = []
    for guard, holds in (("unless", "!= 0"), ("onlyif", "== 0")):
        for number, asked in enumerate(listed(wanted.parameters.get(guard)), 1):
            name = f"{_register(wanted.title)}_{guard}" + (f"_{number}" if number > 1 else "")
            question = _task(f"Ask whether {_short(wanted.title)} is needed", asked, wanted)
            questions.append({**question, "register": name, "changed_when": False, "failed_when": False})
            conditions.append(f"{name}.rc {holds}")
    if conditions:
        main["when"] = conditions if len(conditions) > 1 else conditions[0]
    return (*questions, main)


def _task(name: str, command: JsonValue, wanted: Wanted) -> Draft:
    arguments: dict[str, JsonValue] = {}
    module = "ansible.builtin.command"
    if isinstance(command, list):
        arguments["argv"] = [text(word) for word in command]
    else:
        arguments["cmd"] = text(command)
        if wanted.given("provider") == "shell" or SHELLISH.search(text(command)):
            module = "ansible.builtin.shell"
    if wanted.given("cwd"):
        arguments["chdir"] = wanted.given("cwd")
    draft: Draft = {"name": name, module: arguments}
    if environment := _environment(wanted):
        draft["environment"] = environment
    if user := wanted.given("user"):
        draft |= {"become": True, "become_user": user}
    return draft


def _environment(wanted: Wanted) -> dict[str, JsonValue]:
    found: dict[str, JsonValue] = {}
    path = [text(each) for each in listed(wanted.parameters.get("path"))]
    if path:
        found["PATH"] = ":".join(path)
    for each in listed(wanted.parameters.get("environment")):
        name, _, value = text(each).partition("=")
        found[name] = value
    return found


def _arguments(draft: Draft) -> dict[str, JsonValue]:
    return next(value for key, value in draft.items() if "." in key and isinstance(value, dict))


def _register(title: str) -> str:
    """A variable's name from a title."""
    return NOT_WORD.sub("_", title.lower()).strip("_")[:40] or "command"


def _short(title: str) -> str:
    return title.split("\n", maxsplit=1)[0][:60]
