"""The settings that upgrade tasks give a host, as far as their arguments say.

What a task may change without saying to what has the value None, so that nothing is concluded from tasks before it.
"""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from pydantic import JsonValue

from validator.checks import commands, effects, settings, shell
from validator.checks.managed import is_yes, text
from validator.checks.programs import Words, basename
from validator.checks.settings import ABSENT, NO_OPTION, PRESENT, Setting
from validator.record import COMMAND_MODULES, WrittenTask

Args = Mapping[str, JsonValue]

BY_SHELL = frozenset({"shell", "raw"})
OPTION_PROGRAMS = frozenset({"crudini", "openstack-config"})
NO_PACKAGE = frozenset({"absent", "removed"})
PACKAGE_STATES = frozenset({"present", "installed", "latest", "build-dep", "fixed", ""})
OPTION_WORDS = 2  # section and option; the value is one more
_STEP_TAG = re.compile(r"\Astep_?(\d+)\Z")
_STEP_CONDITION = re.compile(r"\bstep\s*\|\s*int\s*==\s*(\d+)")
_NAME = re.compile(r"[A-Za-z0-9][\w.+-]*")
_PATH = re.compile(r"/[\w.+@/-]+")
_GRANT = re.compile(
    r"\bGRANT\s+(?P<what>[\w\s,]+?)\s+ON\s+(?P<table>[`\w.*\\%]+)\s+TO\s+(?P<name>'[^']*'|\w+)@(?P<host>'[^']*'|[\w.%]+)"
    r"(?P<rest>[^;]*)",
    re.IGNORECASE,
)
_DATABASE = re.compile(
    r"\bCREATE\s+DATABASE\s+(?:IF\s+NOT\s+EXISTS\s+)?(?P<name>`[^`]+`|\w+)(?P<rest>[^;]*)", re.IGNORECASE
)
_CHARSET = re.compile(r"(?:CHARACTER\s+SET|CHARSET)\s*=?\s*'?(?P<name>\w+)", re.IGNORECASE)
_COLLATE = re.compile(r"COLLATE\s*=?\s*'?(?P<name>\w+)", re.IGNORECASE)
UNIT_STATES = {"start": "running", "restart": "running", "stop": "stopped"}
UNIT_ENABLED = {"enable": "true", "disable": "false", "mask": "false"}


@dataclass(frozen=True, kw_only=True)
class Told:
    """A setting, and the task that gives it. `sure`: nothing that only a host can answer keeps the task from it."""

    setting: Setting
    task: WrittenTask
    sure: bool


def of(tasks: Sequence[WrittenTask]) -> tuple[Told, ...]:
    """All settings, in the order of the tasks."""
    return tuple(Told(setting=each, task=task, sure=is_sure(task)) for task in _ordered(tasks) for each in settle(task))


def _ordered(tasks: Sequence[WrittenTask]) -> list[WrittenTask]:
    """As they run: tasks of a step before those of later ones and of every step, handlers after all."""
    return sorted(tasks, key=lambda task: (task.handler, _step(task)))


def _step(task: WrittenTask) -> float:
    tags, when = task.keywords.get("tags"), task.keywords.get("when")
    for pattern, given in ((_STEP_TAG, tags), (_STEP_CONDITION, when)):
        for each in given if isinstance(given, list) else str(given).split(","):
            if found := pattern.search(str(each).strip()):
                return int(found[1])
    return math.inf


def is_sure(task: WrittenTask) -> bool:
    """Whether a task surely runs: no handler, and nothing to wait for."""
    when, tags = task.keywords.get("when"), task.keywords.get("tags")
    conditions = when if isinstance(when, list) else [] if when is None else [when]
    never = "never" in (tags if isinstance(tags, list) else str(tags).split(","))
    certain = all(str(each).strip().lower() == "true" for each in conditions)
    return certain and not never and not task.handler and "loop" not in task.unknown


def settle(task: WrittenTask) -> Iterator[Setting]:
    """The settings of one task."""
    module = task.module.rpartition(".")[2]
    if text(task.keywords.get("delegate_to")) in {"localhost", "127.0.0.1"}:
        return  # on the machine that Ansible runs on
    if module in COMMAND_MODULES:
        yield from _command(task.args.get("_raw_params"), by_shell=module in BY_SHELL)
    elif module in _READERS:
        yield from _READERS[module](task.args)


def _file(args: Args) -> Iterator[Setting]:
    path = _path(args, "path", "dest", "name")
    if not path:
        return
    state = text(args.get("state")) or ("directory" if is_yes(args.get("recurse")) else "")
    kind = state if state in {"file", "directory", "link"} else ""
    values = {"absent": ABSENT, "directory": "directory", "link": "link", "touch": PRESENT, "hard": PRESENT}
    if state in values:
        yield Setting(what=("file", path, "ensure"), value=values[state], kind=kind)
    if state == "absent":
        yield Setting(what=("file", path), value=ABSENT, below=True)
        return
    if state == "link":
        target = settings.word(args.get("src"))
        is_plain = target is not None and target.startswith("/")
        yield Setting(what=("file", path, "target"), value=target if is_plain else None, kind=kind)
    yield from _attributes(path, args, kind)
    if is_yes(args.get("recurse")):
        yield Setting(what=("file", path), value=None, below=True)


def _attributes(path: str, args: Args, kind: str) -> Iterator[Setting]:
    if args.get("mode") is not None and kind != "link":
        yield Setting(what=("file", path, "mode"), value=settings.mode(args.get("mode")), kind=kind)
    for aspect in ("owner", "group"):
        if args.get(aspect) is not None:
            yield Setting(what=("file", path, aspect), value=settings.owner(args.get(aspect)), kind=kind)


def _copy(args: Args) -> Iterator[Setting]:
    """`copy`, `template` and whatever else brings a file."""
    named, source = text(args.get("dest")), text(args.get("src"))
    if named.endswith("/") and (source.endswith("/") or not PurePosixPath(source).name):
        yield Setting(what=("file", settings.path(named)), value=None, below=True)
        return
    path = settings.path(named + PurePosixPath(source).name if named.endswith("/") else named)
    if not path or not settings.known(path):
        return
    content = args.get("content")
    is_text = isinstance(content, str) and settings.known(content)
    yield Setting(what=("file", path, "ensure"), value=PRESENT, kind="file")
    if text(args.get("force")) != "false":
        yield Setting(what=("file", path, "content"), value=str(content) if is_text else None, kind="file")
        yield Setting(what=("option", path), value=None)
    yield from _attributes(path, args, "file")
    if "content" not in args and "." not in PurePosixPath(path).name:  # a source may be a directory
        yield Setting(what=("file", path), value=None, below=True)


def _edited(args: Args) -> Iterator[Setting]:
    """Something in a file; which is not told."""
    path = _path(args, "path", "dest", "destfile", "name")
    if path:
        yield Setting(what=("file", path, "content"), value=None)
        yield Setting(what=("option", path), value=None)
        yield from _attributes(path, args, "file")


def _unpacked(args: Args) -> Iterator[Setting]:
    path = _path(args, "dest", "path")
    if path:
        yield Setting(what=("file", path), value=None, below=True)


def _ini(args: Args) -> Iterator[Setting]:
    path = _path(args, "path", "dest")
    section, option = args.get("section"), args.get("option")
    if not path:
        return
    yield Setting(what=("file", path, "content"), value=None)
    yield from _attributes(path, args, "file")
    if option is None or not settings.known([section, option]):
        yield Setting(what=("option", path), value=None)
        return
    value: str | None = None
    if text(args.get("exclusive")) != "false":
        if text(args.get("state")) == "absent":
            value = NO_OPTION
        elif isinstance(given := args.get("values"), list) and settings.known(given):
            value = "\n".join(str(each).strip() for each in given)
        else:
            value = settings.word(args.get("value"))
    yield Setting(what=("option", path, settings.word(section) or "", str(option).strip()), value=value)


def _package(args: Args) -> Iterator[Setting]:
    state = text(args.get("state"))
    for name in _names(args, "name", "pkg", "package"):
        bare, version, _ = re.split(r"(=|$)", name, maxsplit=1) if "=" in name else (name, "", "")
        if not _NAME.fullmatch(bare):
            continue
        if state in NO_PACKAGE:
            yield Setting(what=("package", bare, "ensure"), value=ABSENT)
        elif state in PACKAGE_STATES or version:
            yield Setting(what=("package", bare, "ensure"), value=PRESENT)


def _service(args: Args) -> Iterator[Setting]:
    if text(args.get("scope")) not in {"", "system"}:
        return
    states = {"started": "running", "restarted": "running", "stopped": "stopped"}
    for name in _names(args, "name", "service", "unit"):
        unit, state, enabled = settings.unit(name), text(args.get("state")), args.get("enabled")
        if state:
            yield Setting(what=("service", unit, "state"), value=states.get(state))
        if enabled is not None:
            yield Setting(what=("service", unit, "enabled"), value=_boolean(enabled))
        if is_yes(args.get("masked")):
            yield Setting(what=("service", unit, "enabled"), value="false")


def _boolean(value: JsonValue) -> str | None:
    word = text(value).lower()
    return "true" if word in {"true", "yes", "1", "on"} else "false" if word in {"false", "no", "0", "off"} else None


def _account(kind: str) -> Callable[[Args], Iterator[Setting]]:
    aspects = {"uid": "uid", "group": "gid", "shell": "shell", "home": "home"} if kind == "user" else {"gid": "gid"}

    def read(args: Args) -> Iterator[Setting]:
        for name in _names(args, "name", "user"):
            gone = text(args.get("state")) == "absent"
            yield Setting(what=(kind, name, "ensure"), value=ABSENT if gone else PRESENT)
            for argument, aspect in aspects.items():
                if not gone and args.get(argument) is not None:
                    yield Setting(what=(kind, name, aspect), value=settings.word(args.get(argument)))

    return read


def _database(args: Args) -> Iterator[Setting]:
    state = text(args.get("state")) or "present"
    for name in _names(args, "name", "db"):
        if state not in {"present", "absent"}:
            yield Setting(what=("database", name), value=None)
            continue
        yield Setting(what=("database", name, "ensure"), value=ABSENT if state == "absent" else PRESENT)
        for argument, aspect in (("encoding", "charset"), ("collation", "collate")):
            if state == "present" and text(args.get(argument)):
                yield Setting(what=("database", name, aspect), value=settings.charset(args.get(argument)))


def _grants(args: Args) -> Iterator[Setting]:
    name, host = settings.word(args.get("name") or args.get("user")), settings.word(args.get("host")) or "localhost"
    if name is None or is_yes(args.get("host_all")) or not settings.known([args.get("host")]):
        return
    account, given = settings.account(name, host), args.get("priv")
    adds = is_yes(args.get("append_privs")) or is_yes(args.get("subtract_privs"))
    parts: dict[str, JsonValue] = dict(given) if isinstance(given, dict) else {}
    if isinstance(given, str) and settings.known(given):
        for part in given.split("/"):
            tables, colon, listed = part.rpartition(":")
            if colon:
                parts[tables] = listed
    for table, what in parts.items():
        value = None if is_yes(args.get("subtract_privs")) else settings.privileges(what)
        yield Setting(what=("grant", account, settings.table(table)), value=value, adds=adds)


def _query(args: Args) -> Iterator[Setting]:
    given = args.get("query")
    for statement in given if isinstance(given, list) else [given]:
        if isinstance(statement, str) and settings.known(statement):
            yield from _sql(statement)


def _sql(statement: str) -> Iterator[Setting]:
    for found in _GRANT.finditer(statement):
        option = ",GRANT" if re.search(r"WITH\s+GRANT\s+OPTION", found["rest"], re.IGNORECASE) else ""
        account = settings.account(found["name"], found["host"])
        value = settings.privileges(found["what"] + option)
        yield Setting(what=("grant", account, settings.table(found["table"])), value=value, adds=True)
    for found in _DATABASE.finditer(statement):
        name = found["name"].strip("`")
        for aspect, pattern in (("charset", _CHARSET), ("collate", _COLLATE)):
            if given := pattern.search(found["rest"]):
                yield Setting(what=("database", name, aspect), value=settings.charset(given["name"]))


def _command(given: JsonValue, *, by_shell: bool) -> Iterator[Setting]:
    """What a command line says in words that are known; of the paths that it names otherwise nothing is known."""
    line = text(given)
    try:
        written = shell.everything(line) if by_shell else None
        found = _all_commands(written) if written else [tuple(shlex.split(line))]
    except ValueError:
        written, found = None, []
    yield from _named(" ".join(written.targets if written else ()))
    sure = commands.parse(commands.Line(text=line, shell=by_shell)).commands
    for words in found:
        bare = commands.bare(words)
        if isinstance(bare, str):
            yield from _command(bare, by_shell=True)
        elif bare:
            yield from _of_words(bare, sure=bare in sure)
    if not found:
        yield from _named(line)


def _all_commands(written: shell.Written) -> list[Words]:
    return [effects.plain(command) for pipe in written.pipes for command in pipe.commands]


def _of_words(words: Words, *, sure: bool) -> Iterator[Setting]:
    """One command; when it does not surely run its values are not known."""
    program, rest = basename(words[0]), words[1:]
    made = list(_COMMANDS[program](rest)) if program in _COMMANDS else []
    for each in made:
        yield each if sure else Setting(what=each.what, value=None)
    if not made and not effects.of_words(words).reads:
        yield from _named(" ".join(words[1:]))


def _named(line: str) -> Iterator[Setting]:
    for path in {settings.path(each) for each in _PATH.findall(line)}:
        yield Setting(what=("file", path), value=None)
        yield Setting(what=("file", path), value=None, below=True)
        yield Setting(what=("option", path), value=None)


def _crudini(rest: Words) -> Iterator[Setting]:
    words = [word for word in rest if not word.startswith("--") or word in {"--set", "--del"}]
    if words[:1] not in (["--set"], ["--del"]) or not words[1:]:
        return
    path, tail = settings.path(words[1]), words[2:]
    if not path or len(tail) < OPTION_WORDS or any("$" in word or "`" in word for word in words):
        return
    section, option, *values = tail
    value = NO_OPTION if words[0] == "--del" else values[0] if values else ""
    yield Setting(what=("file", path, "content"), value=None)
    known = value if settings.known(value) else None
    yield Setting(what=("option", path, section, option), value=known)


def _systemctl(rest: Words) -> Iterator[Setting]:
    verb, *units = [word for word in rest if not word.startswith("-")] or [""]
    for unit in units:
        yield from _unit(unit, verb, now="--now" in rest)


def _service_program(rest: Words) -> Iterator[Setting]:
    match [word for word in rest if not word.startswith("-")]:
        case [unit, verb]:
            yield from _unit(unit, verb, now=False)


def _unit(unit: str, verb: str, *, now: bool) -> Iterator[Setting]:
    name = settings.unit(unit)
    if verb in UNIT_STATES:
        yield Setting(what=("service", name, "state"), value=UNIT_STATES[verb])
    if verb in UNIT_ENABLED:
        yield Setting(what=("service", name, "enabled"), value=UNIT_ENABLED[verb])
        if now:
            yield Setting(what=("service", name, "state"), value="running" if verb == "enable" else "stopped")


def _mysql(rest: Words) -> Iterator[Setting]:
    for word in rest:
        if settings.known(word) and "$" not in word:
            yield from _sql(word)


_COMMANDS: dict[str, Callable[[Words], Iterator[Setting]]] = {
    "crudini": _crudini,
    "openstack-config": _crudini,
    "systemctl": _systemctl,
    "service": _service_program,
    "mysql": _mysql,
    "mariadb": _mysql,
}
_BY_MODULE: tuple[tuple[Callable[[Args], Iterator[Setting]], str], ...] = (
    (_copy, "copy template get_url"),
    (_edited, "lineinfile blockinfile replace assemble xml htpasswd authorized_key"),
    (_unpacked, "unarchive synchronize git"),
    (_file, "file"),
    (_ini, "ini_file"),
    (_package, "apt dnf dnf5 package yum zypper"),
    (_service, "service systemd systemd_service sysvinit"),
    (_account("user"), "user"),
    (_account("group"), "group"),
    (_database, "mysql_db"),
    (_grants, "mysql_user"),
    (_query, "mysql_query"),
)
_READERS = {name: read for read, names in _BY_MODULE for name in names.split()}


def _path(args: Args, *names: str) -> str:
    given = next((text(args.get(name)) for name in names if text(args.get(name))), "")
    return settings.path(given) if settings.known(given) else ""


def _names(args: Args, *arguments: str) -> list[str]:
    """One name, a list, or a text with commas; those that are known."""
    given = next((args.get(name) for name in arguments if args.get(name) is not None), None)
    values = given if isinstance(given, list) else text(given).split(",")
    return [name for each in values if settings.known(each) and (name := text(each).strip())]
