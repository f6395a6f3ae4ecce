"""Commands of the upgrade tasks that say what is not true: changed every time, unchanged, well done.

Only `command`, `shell`, `raw` and `script`: other modules find out by themselves. Nothing is run: this is what stands
in the files. A task that a loop repeats is one finding.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from pydantic import JsonValue

from validator.checks import effects, shell
from validator.checks.programs import Kind, basename
from validator.findings import Finding
from validator.record import COMMAND_MODULES, Run, WrittenTask
from validator.redact import MARK

BY_SHELL = frozenset({"shell", "raw"})
NO = frozenset({"false", "no", "off", "0"})
YES = frozenset({"true", "yes", "on", "1"})
# At the end of a pipe these succeed whatever comes in, so that a failure before them is not seen. A `grep` without `-v`
# fails when nothing comes in.
HIDING = frozenset(
    {"awk", "base64", "column", "cut", "gawk", "head", "jq", "logger", "mawk", "nl", "paste", "rev", "sed", "sort"}
    | {"tac", "tail", "tee", "tr", "uniq", "wc", "xargs"}
)
# At the beginning of a pipe these do not fail, or their empty answer says it all.
SAFE = frozenset(
    {
        "cat",
        "date",
        "df",
        "dmesg",
        "dpkg",
        "dpkg-query",
        "echo",
        "env",
        "find",
        "free",
        "getent",
        "hostname",
        "id",
        "ip",
    }
    | {"ls", "lsblk", "lsmod", "lsof", "mount", "netstat", "printenv", "printf", "ps", "rpm", "seq", "ss", "stat"}
    | {"systemctl", "test", "uname", "uptime", "which", "who", "yes", "yum"}
)
# What always has an answer.
ANSWERS = frozenset(
    {"arch", "basename", "date", "dirname", "echo", "expr", "hostname", "id", "mktemp", "nproc", "printf", "pwd"}
    | {"realpath", "seq", "tty", "uname", "wc", "whoami"}
)
_WORD = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """A task with what earlier ones found out: names registered or set as facts, and the tasks after it."""

    task: WrittenTask
    known: frozenset[str]
    later: Sequence[WrittenTask] = field(default=())

    @property
    def text(self) -> str:
        given = self.task.args.get("_raw_params")
        return given if isinstance(given, str) else ""

    @property
    def is_told(self) -> bool:
        """Whether it is known what runs: not hidden (no_log), and its program no template."""
        return bool(self.text) and MARK not in self.task.unknown and not self.text.startswith(("{{", "{%"))

    @property
    def by_shell(self) -> bool:
        return self.task.module.rpartition(".")[2] in BY_SHELL

    @property
    def effect(self) -> effects.Effect:
        if self.task.module.rpartition(".")[2] == "script":
            return effects.Effect(kind=Kind.UNKNOWN)
        return effects.of_line(self.text, by_shell=self.by_shell)

    def keyword(self, name: str) -> JsonValue:
        return self.task.keywords.get(name)

    def says(self, name: str, words: frozenset[str]) -> bool:
        """Whether a keyword is the plain word."""
        return str(self.keyword(name)).strip().lower() in words


def check(run: Run) -> Iterator[Finding]:
    """One finding for each task and rule."""
    if run.static is None:
        return
    tasks, known = run.static.tasks, set[str]()
    seen: set[tuple[str, str, str]] = set()
    for number, task in enumerate(tasks):
        each = _Seen(task=task, known=frozenset(known), later=tasks[number + 1 :])
        if task.module.rpartition(".")[2] in COMMAND_MODULES and each.is_told:
            for rule in RULES:
                finding = rule(each)
                if finding is not None:
                    key = (finding.rule, finding.subject, str(task.place))
                    if key not in seen:
                        seen.add(key)
                        yield finding
        known.update(_found_out(task))


def _found_out(task: WrittenTask) -> set[str]:
    """The names whose values a task brings from the host."""
    module, register = task.module.rpartition(".")[2], task.keywords.get("register")
    names = {register} if isinstance(register, str) else set[str]()
    if module == "set_fact":
        names |= {name for name in task.args if name != "cacheable"}
    if module.endswith("_facts") or module == "setup":
        names.add("ansible_facts")
    return names


def _finding(rule: str, seen: _Seen, message: str, hint: str) -> Finding:
    return Finding(
        rule=rule,
        means="note",
        phase=None,
        subject=seen.task.name,
        message=message,
        declared_at=seen.task.place,
        hint=hint,
        evidence={"module": seen.task.module, "command": seen.text},
        warns=True,
    )


def _unguarded(seen: _Seen) -> Finding | None:
    task = seen.task
    if task.handler or seen.keyword("changed_when") is not None or seen.effect.reads:
        return None
    if any(task.args.get(name) for name in ("creates", "removes")) or _asks(seen):
        return None
    return _finding(
        "task.unguarded",
        seen,
        "runs, and says that it changed something, every time: no creates, removes, changed_when, nor a condition on "
        "what an earlier task found out",
        "Ask first (`register`) and run it `when` it is needed, or say `changed_when` from its output.",
    )


def _asks(seen: _Seen) -> bool:
    """Whether the task depends on what an earlier one found out."""
    loops = [value for name, value in seen.task.keywords.items() if name == "loop" or name.startswith("with_")]
    words = set(_WORD.findall(f"{seen.keyword('when')} {loops}"))
    return bool(words & seen.known)


def _says_unchanged(seen: _Seen) -> Finding | None:
    if not seen.says("changed_when", NO) or not seen.effect.writes:
        return None
    return _finding(
        "task.says-unchanged",
        seen,
        f"says that it never changes anything, and does (`{seen.effect.why}`): nothing that it should notify is told",
        "Say `changed_when` from its output, or ask first and run it `when` it is needed.",
    )


def _hides_failure(seen: _Seen) -> Finding | None:
    why = _hidden_by_keyword(seen) or (_hidden_by_shell(seen) if seen.by_shell else "")
    if not why:
        return None
    return _finding(
        "task.hides-failure",
        seen,
        why,
        "`set -o pipefail` with `executable: /bin/bash`, or no pipe; a `failed_when` that names the one failure that "
        "is none.",
    )


def _hidden_by_keyword(seen: _Seen) -> str:
    if not seen.effect.writes or _is_looked_at(seen):
        return ""
    if seen.says("failed_when", NO):
        return f"`failed_when: false` hides that `{seen.effect.why}` failed"
    return f"`ignore_errors` hides that `{seen.effect.why}` failed" if seen.says("ignore_errors", YES) else ""


def _is_looked_at(seen: _Seen) -> bool:
    """Whether a later task asks how it ended."""
    register = seen.keyword("register")
    if not isinstance(register, str):
        return False
    name = re.compile(rf"\b{re.escape(register)}\b")
    return any(name.search(f"{task.args} {task.keywords}") for task in seen.later if task.place != seen.task.place)


def _hidden_by_shell(seen: _Seen) -> str:
    try:
        written = shell.everything(seen.text)
    except ValueError:
        return ""
    for number, pipe in enumerate(written.pipes[1:], 1):
        is_last = number == len(written.pipes) - 1
        ends_well = pipe.before in {"||", ";", "\n"} and effects.is_constant(pipe.commands[-1]) is True
        before = effects.of_words(effects.plain(written.pipes[number - 1].commands[-1]))
        if ends_well and before.writes and (pipe.before == "||" or is_last):
            return f"`{' '.join(pipe.commands[-1])}` at the end hides that `{before.why}` failed"
    if "pipefail" in seen.text:
        return ""
    return next((why for pipe in written.pipes if (why := _hidden_by_pipe(seen, pipe))), "")


def _hidden_by_pipe(seen: _Seen, pipe: shell.Pipe) -> str:
    *before, last = (effects.plain(command) for command in pipe.commands)
    if not last:
        return ""
    inverted = any(re.fullmatch(r"-[a-zA-Z]*v[a-zA-Z]*", word) for word in last[1:])
    hides = basename(last[0]) in HIDING and "exit" not in " ".join(last)  # awk '{exit(...)}' tells
    for command in before:
        effect = effects.of_words(command)
        if effect.writes and (hides or basename(last[0]) in {"grep", "egrep"}):
            return f"the pipe hides that `{effect.why}` failed: only the end of `| {last[0]}` counts"
        if not command or basename(command[0]) in SAFE | HIDING:
            continue
        is_filter = basename(command[0]) in {"grep", "egrep", "fgrep"}
        if not is_filter and (hides or inverted) and seen.keyword("register") and not _is_checked(seen):
            return f"the pipe hides that `{' '.join(command[:3])}` failed: its answer is then empty, and registered"
    return ""


def _is_checked(seen: _Seen) -> bool:
    """Whether the task says itself what output is a failure."""
    register = str(seen.keyword("register"))
    return re.search(rf"\b{re.escape(register)}\b", str(seen.keyword("failed_when"))) is not None


def _empty_argument(seen: _Seen) -> Finding | None:
    if not seen.by_shell:
        return None
    try:
        written = shell.everything(seen.text)
    except ValueError:
        return None
    risky = [inner for inner in written.inner if not _always_answers(inner)]
    for pipe in written.pipes:
        for command in map(effects.plain, pipe.commands):
            if not command or effects.of_words(command[:1]).reads or effects.of_words(command).reads:
                continue
            for inner in risky:
                if any(f"$({inner})" in word or f"`{inner}`" in word for word in command[1:]):
                    return _finding(
                        "task.empty-argument",
                        seen,
                        f"`$({inner})` is an argument of `{basename(command[0])}`: when it fails, or finds "
                        "nothing, the argument is empty (`hiera` says nil) and the command runs all the same",
                        "Find out the value in a task of its own (`register`), and fail there when it is empty.",
                    )
    return None


def _always_answers(inner: str) -> bool:
    try:
        pipes = shell.everything(inner).pipes
    except ValueError:
        return True
    return all(basename(pipe.commands[0][0]) in ANSWERS for pipe in pipes)


RULES: tuple[Callable[[_Seen], Finding | None], ...] = (_unguarded, _says_unchanged, _hides_failure, _empty_argument)
