"""What a template's value can be: JSON, and in places something that could not be found out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import NoReturn, TypeAlias

from pydantic import JsonValue

from validator.errors import Problem, ScenarioError
from validator.scenario.paths import written

Value: TypeAlias = "bool | int | float | str | list[Value] | dict[str, Value] | Unresolved | None"


class Reason(StrEnum):
    """Why a value could not be found out."""

    NO_VALUE = "a parameter has neither a value nor a default"
    NO_KEY = "a key of a parameter has no value"
    NO_PARAMETER = "there is no such parameter"
    NO_TYPE = "the type of a resource is in no registry"
    HEAT_ONLY = "only Heat knows it when it deploys"
    NO_TEMPLATE = "a template or file is not there or cannot be read"
    ARGUMENTS = "the arguments of a function do not fit"
    QUERY = "a yaql expression fails"
    CYCLE = "it is defined by itself"


@dataclass(frozen=True, kw_only=True)
class Spot:
    """Where something stands in a template. Line and column count from 1."""

    file: str
    line: int
    column: int

    def problem(self, key: str, message: str) -> Problem:
        """A problem here."""
        return Problem(file=self.file, line=self.line, column=self.column, key=key, message=message)


@dataclass(frozen=True, kw_only=True)
class Cause:
    """What keeps a value from being known, where it stands, and what kind of thing that is."""

    problem: Problem
    reason: Reason


class UnfitError(ValueError):
    """A function got something that it cannot work on."""


class TouchedError(Exception):
    """A computation looked into a value that is not known."""

    def __init__(self, unresolved: Unresolved) -> None:
        super().__init__("a value that is not known")
        self.unresolved = unresolved


@dataclass(frozen=True, eq=False)
class Unresolved:
    """Stands for a value that is not known.

    It may be carried along. Comparing it, testing its truth, hashing or writing it would be guessing: those raise.
    """

    causes: tuple[Cause, ...]

    def _touched(self, *_others: object) -> NoReturn:
        raise TouchedError(self)

    __bool__ = _touched
    __str__ = _touched
    __eq__ = _touched
    __ne__ = _touched
    __hash__ = _touched
    __lt__ = _touched
    __le__ = _touched
    __gt__ = _touched
    __ge__ = _touched


def because(spot: Spot, key: str, message: str, reason: Reason) -> Unresolved:
    """A value that is not known, for one reason."""
    return Unresolved((Cause(problem=spot.problem(key, message), reason=reason),))


def together(unresolved: Iterable[Unresolved]) -> Unresolved:
    """One unknown value for all the reasons of several, each reason once."""
    return Unresolved(tuple(dict.fromkeys(cause for each in unresolved for cause in each.causes)))


def unknown_in(value: Value) -> Iterator[Unresolved]:
    """The unknown values in a value, at any depth."""
    if isinstance(value, Unresolved):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from unknown_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from unknown_in(each)


def known(value: Value) -> JsonValue:
    """A value that must be known wholly. Raises `ScenarioError` with the causes of what is not."""
    result = _plain(value)
    causes = together(unknown_in(value)).causes
    if causes:
        raise ScenarioError(condensed(cause.problem for cause in causes))
    return result


def _plain(value: Value) -> JsonValue:
    if isinstance(value, Unresolved):
        return None
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value


def carried(value: JsonValue) -> Value:
    """A JSON value as a value of a template's."""
    if isinstance(value, dict):
        return {key: carried(each) for key, each in value.items()}
    if isinstance(value, list):
        return [carried(each) for each in value]
    return value


def condensed(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """A value that is missed at many places is one to give: the first place, and how many more there are."""
    groups: dict[tuple[str, str], list[Problem]] = {}
    for problem in sorted(set(problems)):
        groups.setdefault((problem.key, problem.message), []).append(problem)
    return tuple(_counted(same) for same in groups.values())


def _counted(same: list[Problem]) -> Problem:
    more = f" (and at {len(same) - 1} more places)" if len(same) > 1 else ""
    return replace(same[0], message=same[0].message + more)


class Gathered:
    """Problems as they are met: what is independent of a problem goes on, so that all are told at once."""

    def __init__(self) -> None:
        self._problems: list[Problem] = []
        self._unknown: list[Problem] = []

    def add(self, problem: Problem) -> None:
        """One more problem."""
        self._problems.append(problem)

    def known(self, value: Value) -> JsonValue:
        """The value; what of it is not known is noted, and null in the result."""
        self._unknown += [cause.problem for each in unknown_in(value) for cause in each.causes]
        return _plain(value)

    def attempt(self, read: Callable[[], None]) -> None:
        """Do something that may raise `ScenarioError`, and note its problems."""
        try:
            read()
        except ScenarioError as error:
            self._problems += error.problems

    def settle(self, *, hint: str = "") -> None:
        """Raise `ScenarioError` if there were problems."""
        problems = (*dict.fromkeys(self._problems), *condensed(self._unknown))
        if problems:
            raise ScenarioError(problems, hint=hint)


def whole(path: Path) -> Spot:
    """A file as such."""
    return Spot(file=written(path), line=1, column=1)


def mapping(value: Value) -> Mapping[str, Value]:
    """A mapping for what is meant to be one: null and nothing are an empty one. Raises `UnfitError` for the rest."""
    if value is None:
        return {}
    if isinstance(value, dict):
        return value
    if isinstance(value, Unresolved):
        raise TouchedError(value)
    raise UnfitError(f"a map is wanted, not {value!r}"[:200])


def sequence(value: Value) -> list[Value]:
    """A list for what is meant to be one: null is an empty one. Raises `UnfitError` for the rest."""
    if value is None:
        return []
    if isinstance(value, list):
        return value
    if isinstance(value, Unresolved):
        raise TouchedError(value)
    raise UnfitError(f"a list is wanted, not {value!r}"[:200])


def string(value: Value) -> str:
    """A string for what must be one. Raises `UnfitError` for the rest."""
    if isinstance(value, str):
        return value
    if isinstance(value, Unresolved):
        raise TouchedError(value)
    raise UnfitError(f"a string is wanted, not {value!r}"[:200])
