"""Whether a command line only looks, or changes something: as far as its words say.

What is not known here is neither: a check that needs one of the two says nothing of it.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass

from validator.checks import commands, shell
from validator.checks.programs import HARMLESS_TARGETS, Kind, Words, basename, kind


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What a line does, and for one that writes the words that show it."""

    kind: Kind
    why: str = ""

    @property
    def writes(self) -> bool:
        """Whether it surely changes something."""
        return self.kind is Kind.WRITES

    @property
    def reads(self) -> bool:
        """Whether it only looks."""
        return self.kind is Kind.READS


_RESERVED = frozenset({"if", "then", "elif", "else", "while", "until", "do", "!", "{", "time", "exec", "eval"})
_STRUCTURE = frozenset({"fi", "done", "esac", "}", "for", "case", "in", "select", "function", "break", "continue"})
TESTS = frozenset({"test", "[", "[["})
_DEEPEST = 4


def of(text: str) -> Effect:
    """What a shell's text does."""
    return _of_text(text, 0)


def of_words(words: Words) -> Effect:
    """What one command does."""
    return _of_words(words, 0)


def of_line(text: str, *, by_shell: bool) -> Effect:
    """What a line does, run by a shell or as one command."""
    if by_shell:
        return of(text)
    try:
        return of_words(tuple(shlex.split(text)))
    except ValueError:
        return Effect(kind=Kind.UNKNOWN)


def plain(words: Words) -> Words:
    """A command without the reserved words of the shell before it; nothing for what is only structure."""
    while words and words[0] in _RESERVED:
        words = words[1:]
    return () if words and words[0] in _STRUCTURE else words


def _of_text(text: str, depth: int) -> Effect:
    try:
        written = shell.everything(text)
    except ValueError:
        return Effect(kind=Kind.UNKNOWN)
    target = next((each for each in written.targets if not HARMLESS_TARGETS.fullmatch(each)), None)
    if target is not None:
        return Effect(kind=Kind.WRITES, why=f"> {target}")
    if depth >= _DEEPEST:
        return Effect(kind=Kind.UNKNOWN)
    found = [_of_words(plain(command), depth) for pipe in written.pipes for command in pipe.commands]
    return _highest((*found, *(_of_text(inner, depth + 1) for inner in written.inner)))


def _highest(effects: Iterable[Effect]) -> Effect:
    return max(effects, key=lambda effect: effect.kind, default=Effect(kind=Kind.READS))


def _of_words(words: Words, depth: int) -> Effect:
    inner = commands.bare(words)
    if isinstance(inner, str):
        return _of_text(inner, depth + 1)
    if not inner:
        return Effect(kind=Kind.READS)
    does = kind(basename(inner[0]), inner[1:])
    return Effect(kind=does, why=" ".join(inner[:3]) if does is Kind.WRITES else "")


def is_constant(words: Words) -> bool | None:
    """The answer of a command that always gives the same: True for success, False for failure, None for others."""
    program, rest = (basename(words[0]), words[1:]) if words else ("", ())
    if program in {"true", ":", "false"}:
        return program != "false"
    if program in {"exit", "return"} and rest and rest[0].isdigit():
        return rest[0] == "0"
    return _compares(tuple(word for word in rest if word not in {"]", "]]"})) if program in TESTS else None


def _compares(words: Words) -> bool | None:
    if any({"$", "`", "*", "{"} & set(word) for word in words):
        return None
    match words:
        case [left, "=" | "==" | "-eq", right]:
            return left == right
        case [left, "!=" | "-ne", right]:
            return left != right
        case _:
            return None
