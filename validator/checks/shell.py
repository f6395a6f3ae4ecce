"""The commands in a shell's text: those that surely ran when it ended well, and all that it may run.

Only as much of the language as that takes. What stands in a branch, a loop, a function, a subshell or the background,
and a command whose failure nobody would have seen (`a || true`, `a | b`), did not surely run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

Words = tuple[str, ...]

OPENING = {"if", "for", "while", "until", "select", "case", "{", "function"}
CLOSING = {"fi", "done", "esac", "}"}
# What people ask with before `&&`. Of other commands there (`cd x && y`) one may think that they succeed.
QUESTIONS = {"[", "[[", "test", "grep", "egrep", "pgrep", "diff", "cmp", "which", "command", "type", "false", "!"}

_FAILS = re.compile(r"false|(?:exit|return) [1-9]\d*")
# A substitution between double quotes; one that holds another is cut short.
_QUOTED = re.compile(r"\\.|\$\((?!\()([^()]*(?:\([^()]*\)[^()]*)*)\)|`([^`]*)`", re.DOTALL)
_TOKEN = re.compile(
    r"""
    (?P<blank>[ \t\r]+|\\\n)
    |(?P<comment>(?<![^\s;&|()])\#[^\n]*)
    |(?P<newline>\n)
    |(?P<redirect>(?:\d*(?:<<<|<<-|<<|>>|<>|>\||<&|>&|<|>)|&>>?))
    |(?P<operator>&&|\|\||;;|\|&|[;&|()])
    |(?P<single>'[^']*')
    |(?P<double>"(?:[^"\\]|\\.)*")
    |(?P<substitution>\$\(|`)
    |(?P<escaped>\\.)
    |(?P<plain>[^\s'"\\`;&|()<>$\#]+|[$\#])
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, kw_only=True)
class Ran:
    """The commands, in order. `whole`: these are all there are in the text."""

    commands: tuple[Words, ...]
    whole: bool


@dataclass(frozen=True, kw_only=True)
class Pipe:
    """Commands joined by `|`. `before` is what stands between it and the pipe before: `&&`, `||`, `;`, a line's end."""

    commands: tuple[Words, ...]
    before: str


@dataclass(frozen=True, kw_only=True)
class Written:
    """All that a text may run. `targets` are the files that it redirects output to, `inner` its substitutions."""

    pipes: tuple[Pipe, ...]
    targets: tuple[str, ...]
    inner: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class _Token:
    text: str
    operator: bool = False


@dataclass(kw_only=True)
class _Chain:
    """Pipelines that are joined by `&&` and `||`, up to what ends them."""

    pipes: list[list[list[str]]] = field(default_factory=lambda: [[[]]])
    joins: list[str] = field(default_factory=list)
    ending: str = ""

    @property
    def first_words(self) -> list[str]:
        return [command[0] for pipe in self.pipes for command in pipe if command]


def surely_ran(text: str) -> Ran:
    """The commands of a text that ended with status 0. Raises `ValueError` for quoting that does not end."""
    chains = [chain for chain in _chains(_tokens(_Reader(text))) if chain.first_words or chain.ending in {"(", ")"}]
    found: list[Words] = []
    whole, braces, parentheses = True, 0, 0
    for number, chain in enumerate(chains):
        words = chain.first_words
        nested = braces + parentheses > 0 or any(word in OPENING for word in words)
        braces = max(0, braces + sum(word in OPENING for word in words) - sum(word in CLOSING for word in words))
        parentheses = max(0, parentheses + (chain.ending == "(") - (chain.ending == ")"))
        if nested or chain.ending == "(" or CLOSING.intersection(words):
            whole = False
            continue
        if words[:1] in (["exit"], ["return"]):
            return Ran(commands=tuple(found), whole=False)
        sure = _sure(chain, last=number == len(chains) - 1, pipefail="pipefail" in text)
        found.extend(sure)
        whole = whole and len(sure) == len(words)
    return Ran(commands=tuple(found), whole=whole)


def everything(text: str) -> Written:
    """All commands of a text, whether or not they run. Raises `ValueError` for quoting that does not end."""
    reader = _Reader(text)
    pipes: list[Pipe] = []
    ending = ""
    for chain in _chains(_tokens(reader)):
        for before, pipe in zip((ending, *chain.joins), chain.pipes, strict=True):
            commands = tuple(tuple(command) for command in pipe if command)
            if commands:
                pipes.append(Pipe(commands=commands, before=before))
        ending = chain.ending
    return Written(pipes=tuple(pipes), targets=tuple(reader.targets), inner=tuple(reader.inner))


def _sure(chain: _Chain, *, last: bool, pipefail: bool) -> list[Words]:
    pipes, joins = chain.pipes, chain.joins
    if joins and joins[-1] == "||" and _FAILS.fullmatch(" ".join(pipes[-1][0])):
        pipes, joins = pipes[:-1], joins[:-1]
    if "||" in joins or chain.ending == "&":
        return []
    found: list[Words] = []
    for number, pipe in enumerate(pipes):
        asked = any(command[0] in QUESTIONS for before in pipes[:number] for command in before if command)
        if last or not asked:
            found.extend(tuple(command) for command in (pipe if pipefail else pipe[-1:]) if command)
    return found


def _chains(tokens: Iterator[_Token]) -> Iterator[_Chain]:
    chain = _Chain()
    for token in tokens:
        if not token.operator:
            chain.pipes[-1][-1].append(token.text)
        elif token.text in {"&&", "||"}:
            chain.joins.append(token.text)
            chain.pipes.append([[]])
        elif token.text in {"|", "|&"}:
            chain.pipes[-1].append([])
        elif token.text == "\n" and not chain.pipes[-1][-1] and chain.first_words:
            continue  # a line that ends with an operator goes on in the next
        else:
            chain.ending = token.text
            yield chain
            chain = _Chain()
    yield chain


def _tokens(reader: _Reader) -> Iterator[_Token]:
    while not reader.at_end:
        yield from reader.read()
    yield from reader.end_word()


class _Reader:
    """Goes through a text, one token at a time."""

    def __init__(self, text: str) -> None:
        self.position = 0
        self._text = text
        self._word: str | None = None
        self._expects = ""  # what the word after a redirection is: its target, or the end of a here-document
        self._here_ends: list[str] = []
        self.targets: list[str] = []  # files that are written by redirection
        self.inner: list[str] = []  # the texts in `$(...)`

    @property
    def at_end(self) -> bool:
        return self.position >= len(self._text)

    def read(self) -> Iterator[_Token]:
        """What the next piece of the text completes, if anything. Raises `ValueError` when it has no end."""
        match = _TOKEN.match(self._text, self.position)
        if match is None:
            raise ValueError(f"quoting that does not end at character {self.position}")
        kind, piece, self.position = match.lastgroup, match[0], match.end()
        if kind == "substitution":
            start = match.start()
            self.position = self._end_of_substitution(piece)
            self._add(self._text[start : self.position])
            self.inner.append(self._text[match.end() : self.position - 1])
        elif kind in {"single", "double", "escaped", "plain"}:
            self._add(_value(kind, piece))
            if kind == "double":
                self.inner.extend(inner for each in _QUOTED.finditer(piece) if (inner := each[1] or each[2]))
        else:
            yield from self.end_word()
            yield from self._between(kind or "", piece)

    def end_word(self) -> Iterator[_Token]:
        """The word that has been read so far, unless it belongs to a redirection."""
        if self._word is not None:
            if self._expects == "here":
                self._here_ends.append(self._word)
            elif self._expects == "written":
                self.targets.append(self._word)
            elif not self._expects:
                yield _Token(text=self._word)
            self._word, self._expects = None, ""

    def _between(self, kind: str, piece: str) -> Iterator[_Token]:
        if kind == "redirect":
            operator = piece.lstrip("0123456789")
            self._expects = "here" if operator in {"<<", "<<-"} else "written" if ">" in operator else "read"
        elif kind == "operator":
            yield _Token(text=piece, operator=True)
        elif kind == "newline":
            yield _Token(text="\n", operator=True)
            for end in self._here_ends:
                found = re.compile(rf"^\t*{re.escape(end)}$", re.MULTILINE).search(self._text, self.position)
                self.position = found.end() if found else len(self._text)
            self._here_ends = []

    def _add(self, text: str) -> None:
        self._word = (self._word or "") + text

    def _end_of_substitution(self, opening: str) -> int:
        if opening == "`":
            end = self._text.find("`", self.position)
            if end >= 0:
                return end + 1
        depth = 1
        for place in range(self.position, len(self._text) if opening != "`" else 0):
            depth += {"(": 1, ")": -1}.get(self._text[place], 0)
            if depth == 0:
                return place + 1
        raise ValueError(f"a substitution that does not end at character {self.position}")


def _value(kind: str, piece: str) -> str:
    if kind == "single":
        return piece[1:-1]
    if kind == "double":
        return re.sub(r"\\([$`\"\\\n])", lambda found: found[1].strip("\n"), piece[1:-1])
    return piece[1:] if kind == "escaped" else piece
