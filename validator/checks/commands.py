"""Whether one command line runs what another one asks for: an Ansible task and a Puppet exec.

A match lets a lost notification pass as delivered, so whatever cannot be told counts as different: a command in a
branch or a loop, one whose failure nobody would see, quoting that does not end.
"""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import PurePosixPath

from validator.checks import shell
from validator.checks.shell import Ran, Words
from validator.redact import MARK

# Options that change where a command reads and logs, not what it does.
HARMLESS_VALUED = frozenset({"--config-file", "--config-dir", "--log-dir", "--log-file"})
HARMLESS = frozenset({"--debug", "--verbose", "-v", "-q", "--quiet"})
# Options that make a command do less, or nothing.
PARTIAL = frozenset(
    {"-h", "--help", "--version", "--check", "--contract", "--dry-run", "--dry_run", "--expand", "--local_cell"}
    | {"--local-cell", "--migrate", "--noop", "--simulate"}
)
# What only sets the stage for the command after it, and its options that take a value.
WRAPPERS = {
    "env": frozenset({"-u", "--unset", "-C", "--chdir"}),
    "nice": frozenset({"-n", "--adjustment"}),
    "ionice": frozenset({"-c", "--class", "-n", "--classdata"}),
    "nohup": frozenset[str](),
    "sudo": frozenset({"-u", "--user", "-g", "--group", "-h", "--host", "-p", "--prompt", "-D", "--chdir"}),
    "timeout": frozenset({"-k", "--kill-after", "-s", "--signal"}),
}
SWITCHES = {"su", "runuser"}
RUNUSER_VALUED = frozenset({"-u", "--user", "-g", "--group", "-G", "--supp-group"})
SHELLS = {"sh", "bash", "dash", "ksh"}
RESTARTS = {"restart", "try-restart", "condrestart"}
RELOADS = {"reload", "force-reload", "reload-or-restart", "try-reload-or-restart"}

_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=.*", re.DOTALL)
_DEEPEST = 4  # commands inside commands (sudo su -c 'sh -c ...')


@dataclass(frozen=True, kw_only=True)
class Line:
    """A command line as written: a shell's text, or the words of one command."""

    text: str = ""
    words: Words = ()
    shell: bool = True


@dataclass(frozen=True, kw_only=True)
class Restart:
    """A command that restarts a unit, or (`reload`) makes it read its configuration again."""

    unit: str
    reload: bool


def runs(ran: Line, wanted: Line) -> bool:
    """Whether running `ran` to a good end includes all that `wanted` does."""
    if MARK in {wanted.text, *wanted.words[:1]}:
        return False  # hidden: two hidden commands are not the same because of that
    if wanted.text and not ran.words and _squeezed(ran.text) == _squeezed(wanted.text):
        return True
    does, should = parse(ran), parse(wanted)
    if not should.whole or not should.commands:
        return False
    waiting = iter(does.commands)
    return all(any(_is_same(command, other) for other in waiting) for command in should.commands)


def restart(line: Line) -> Restart | None:
    """What a line restarts, when that is all it does."""
    parsed = parse(line)
    if not parsed.whole or len(parsed.commands) != 1:
        return None
    program, *rest = parsed.commands[0]
    words = [word for word in rest if not word.startswith("-")]
    match _basename(program), words:
        case "systemctl", [verb, unit]:
            pass
        case (("service" | "invoke-rc.d" | "rc-service"), [unit, verb]):
            pass
        case unit, [verb] if PurePosixPath(program).parent.name == "init.d":
            pass
        case _:
            return None
    return Restart(unit=unit, reload=verb in RELOADS) if verb in RESTARTS | RELOADS else None


def parse(line: Line) -> Ran:
    """The commands of a line, without what only sets the stage for them (sudo, env, su -c, sh -c)."""
    return _parse(line, 0)


def _parse(line: Line, depth: int) -> Ran:
    try:
        if line.words:
            plain = Ran(commands=(line.words,), whole=True)
        elif line.shell:
            plain = shell.surely_ran(line.text)
        else:
            plain = Ran(commands=(tuple(shlex.split(line.text)),), whole=True)
    except ValueError:  # quoting that does not end
        return Ran(commands=(), whole=False)
    inner = [_unwrapped(words, depth) for words in plain.commands]
    return Ran(
        commands=tuple(words for each in inner for words in each.commands if words),
        whole=plain.whole and all(each.whole for each in inner),
    )


def _unwrapped(words: Words, depth: int) -> Ran:
    inner = bare(words)
    if isinstance(inner, tuple):
        return Ran(commands=(inner,), whole=True)
    return _parse(Line(text=inner), depth + 1) if depth < _DEEPEST else Ran(commands=(words,), whole=True)


def bare(words: Words) -> Words | str:
    """A command without what only sets the stage for it; the script, where a shell is told to run one."""
    while words:
        program = _basename(words[0])
        if _ASSIGNMENT.fullmatch(words[0]):
            words = words[1:]
        elif program in WRAPPERS:
            words = _after_options(words[1:], WRAPPERS[program])
            words = words[1:] if program == "timeout" else words
        elif (script := _script(program, words)) is not None:
            return script
        elif program == "runuser":
            words = _after_options(words[1:], RUNUSER_VALUED)
        else:
            break
    return words


def _script(program: str, words: Words) -> str | None:
    """What a shell, or su, is told to run with -c."""
    if program in SWITCHES | SHELLS:
        for word, after in pairwise(words[1:]):
            if word in {"--command", "--session-command"} or re.fullmatch(r"-[a-z]*c", word):
                return after
        long = (word.partition("=")[2] for word in words if word.startswith(("--command=", "--session-command=")))
        return next(long, None)
    return None


def _after_options(words: Words, valued: frozenset[str]) -> Words:
    while words and words[0].startswith("-"):
        if words[0] == "--":
            return words[1:]
        words = words[2:] if words[0] in valued else words[1:]
    return words


def _is_same(wanted: Words, ran: Words) -> bool:
    """Whether `ran` is `wanted`, perhaps with more options."""
    if not wanted or not ran or _basename(wanted[0]) != _basename(ran[0]):
        return False
    should = _without_harmless(_split(wanted[1:]))
    does = _split(ran[1:])
    options = Counter(word for word in should if _is_option(word))
    places = iter(word for word in should if not _is_option(word))
    needed = next(places, None)
    rest: list[tuple[int, str]] = []
    for number, word in enumerate(does):
        if options[word] > 0:
            options[word] -= 1
        elif word == needed:
            needed = next(places, None)
        else:
            rest.append((number, word))
    return needed is None and not +options and _only_options(rest)


def _only_options(rest: Sequence[tuple[int, str]]) -> bool:
    """Whether the words left over are options that leave the command what it is, and their values."""
    valued = {number + 1 for number, word in rest if _is_option(word) and word not in HARMLESS and word != "--"}
    return all(word not in PARTIAL and (_is_option(word) or number in valued) for number, word in rest)


def _without_harmless(words: Words) -> Words:
    kept: list[str] = []
    is_value = False
    for word in words:
        if not is_value and word not in HARMLESS and word not in HARMLESS_VALUED:
            kept.append(word)
        is_value = not is_value and word in HARMLESS_VALUED
    return tuple(kept)


def _split(words: Iterable[str]) -> Words:
    """`--option=value` as two words."""
    found: list[str] = []
    for word in words:
        name, sign, value = word.partition("=")
        found.extend((name, value) if sign and re.fullmatch(r"--[\w-]+", name) else (word,))
    return tuple(found)


def _is_option(word: str) -> bool:
    return word.startswith("-") and word != "-"


def _basename(program: str) -> str:
    return PurePosixPath(program).name


def _squeezed(text: str) -> str:
    return " ".join(text.split())
