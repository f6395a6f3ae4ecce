"""YAQL, with the library that Heat itself uses."""

from __future__ import annotations

import re
from functools import cache
from typing import cast

import yaql
from yaql.language.contexts import Context

from validator.tripleo.values import TouchedError, UnfitError, Value, mapping, string, together, unknown_in

# TripleO raises Heat's limits to these (heat::yaql_limit_iterators and _memory_quota in its heat-base.yaml).
_OPTIONS = {"yaql.limitIterators": 1000, "yaql.memoryQuota": 100000, "yaql.convertSetsToLists": True}
# isString(), isDict(), ...: the type of a value that is not known is not known either. str() writes what is inside.
_ASKS_FOR_TYPE = re.compile(r"\b(is[A-Z]\w*|str|toString)\(")


@cache
def _engine() -> yaql.YaqlFactory:
    return yaql.YaqlFactory().create(options=_OPTIONS)


@cache
def _context() -> Context:
    return yaql.create_context()


def evaluate(argument: Value) -> Value:
    """`{expression, data}`. Raises `UnfitError` for an expression that fails, `TouchedError` when it needs an unknown.

    A value that is not known passes through when the expression does not look at it.
    """
    given = mapping(argument)
    if wrong := set(given) - {"expression", "data"}:
        raise UnfitError(f"`expression` and `data` are wanted, not {', '.join(sorted(wrong))}")
    data = given.get("data", {})
    expression = string(given.get("expression"))
    unknown = together(unknown_in(data))
    if unknown.causes and _ASKS_FOR_TYPE.search(expression):
        raise TouchedError(unknown)
    try:
        result = _engine()(expression).evaluate({"data": data}, _context().create_child_context())
    except TouchedError:
        raise
    except Exception as error:  # the functions of the library raise whatever Python raises
        if unknown.causes:
            raise TouchedError(unknown) from error
        raise UnfitError(f"the expression {' '.join(expression.split())!r} fails: {error}") from error
    return cast(Value, result)
