"""Heat's functions over values that are known. Source: heat/engine/hot/functions.py (master).

Each takes its resolved argument and raises `UnfitError` for one that does not fit, as Heat would refuse it.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Callable, Mapping
from typing import TypeAlias
from urllib.parse import quote, urlencode, urlunsplit

from validator.tripleo.values import TouchedError, UnfitError, Value, known, mapping, sequence, string, unknown_in

Function: TypeAlias = Callable[[Value], Value]
PAIR = 2


def as_text(value: Value) -> str:
    """How a value appears in a string: Python's `str` for scalars, JSON for the rest, nothing for null."""
    for unresolved in unknown_in(value):
        raise TouchedError(unresolved)
    if value is None:
        return ""
    return json.dumps(known(value), sort_keys=True) if isinstance(value, dict | list) else str(value)


def str_replace(argument: Value, *, strict: bool = False, empty: bool = True) -> Value:
    """Replace each placeholder, the longer first; what was put in is not looked at again."""
    given = mapping(argument)
    if "template" not in given or "params" not in given:
        raise UnfitError("`template` and `params` are wanted")
    params = {key: as_text(value) for key, value in mapping(given["params"]).items()}
    template = string(given["template"])
    if not empty and (void := [key for key, text in params.items() if not text]):
        raise UnfitError(f"these have no value: {', '.join(void)}")
    order = sorted(sorted(key for key in params if key), key=len, reverse=True)
    if not order:
        return template
    found: set[str] = set()

    def put(match: re.Match[str]) -> str:
        found.add(match[0])
        return params[match[0]]

    # Heat replaces placeholder by placeholder in the pieces that are left; so a longer one wins wherever it stands.
    pieces: list[tuple[str, bool]] = [(template, False)]
    for key in order:
        pattern = re.compile(re.escape(key))
        pieces = [each for piece in pieces for each in ([piece] if piece[1] else _split(piece[0], pattern, put))]
    if strict and (unused := [key for key in params if key not in found]):
        raise UnfitError(f"these are not in the template: {', '.join(unused)}")
    return "".join(text for text, _ in pieces)


def _split(text: str, pattern: re.Pattern[str], put: Callable[[re.Match[str]], str]) -> list[tuple[str, bool]]:
    """The parts of a text, those that were replaced marked so."""
    parts: list[tuple[str, bool]] = []
    position = 0
    for match in pattern.finditer(text):
        parts += [(text[position : match.start()], False), (put(match), True)]
        position = match.end()
    return [*parts, (text[position:], False)]


def str_replace_strict(argument: Value) -> Value:
    """As `str_replace`, and each placeholder must be in the template."""
    return str_replace(argument, strict=True)


def str_replace_vstrict(argument: Value) -> Value:
    """As `str_replace_strict`, and each value must be something."""
    return str_replace(argument, strict=True, empty=False)


def list_join(argument: Value) -> Value:
    """A delimiter and lists: their items as one string."""
    given = sequence(argument)
    if len(given) < PAIR:
        raise UnfitError("a delimiter and a list are wanted")
    items = [item for each in given[1:] for item in sequence(each or None)]
    return string(given[0]).join(_joined(item) for item in items)


def _joined(item: Value) -> str:
    if isinstance(item, bool | int | float):
        raise UnfitError(f"the items to join must be strings, lists or maps, not {item!r}")
    return as_text(item)


def list_concat(argument: Value) -> Value:
    """Lists as one."""
    return [item for each in sequence(argument) for item in sequence(each)]


def list_concat_unique(argument: Value) -> Value:
    """Lists as one, each item once."""
    return unique(sequence(list_concat(argument)))


def unique(items: list[Value]) -> list[Value]:
    """Each item once, in the order of first appearance."""
    found: list[Value] = []
    for item in items:
        if item not in found:
            found.append(item)
    return found


def map_merge(argument: Value) -> Value:
    """Maps as one; of a key that is in several the last one counts."""
    merged: dict[str, Value] = {}
    for each in sequence(argument):
        merged.update(mapping(each))
    return merged


def map_replace(argument: Value) -> Value:
    """Other keys and other values for those that are named."""
    given = sequence(argument)
    if len(given) != PAIR:
        raise UnfitError("a map and the replacements are wanted")
    original, replacements = mapping(given[0]), mapping(given[1])
    if wrong := set(replacements) - {"keys", "values"}:
        raise UnfitError(f"`keys` and `values` are wanted, not {', '.join(sorted(wrong))}")
    keys, values = mapping(replacements.get("keys")), mapping(replacements.get("values"))
    result: dict[str, Value] = {}
    for key, value in original.items():
        new = keys.get(key)
        name = key if new is None else string(new)
        if (name != key and name in original) or name in result:
            raise UnfitError(f"the key {name} would be there twice")
        result[name] = _replaced(value, values)
    return result


def _replaced(value: Value, values: Mapping[str, Value]) -> Value:
    """What stands for a value: another one, or the value itself."""
    return values.get(value, value) if isinstance(value, str) else value


def repeat(argument: Value) -> Value:
    """The template, once for each combination of the items."""
    given = mapping(argument)
    if "template" not in given or "for_each" not in given:
        raise UnfitError("`template` and `for_each` are wanted")
    each = mapping(given["for_each"])
    lists = [_items(value) for value in each.values()]
    if given.get("permutations", True) is False:
        if len({len(items) for items in lists}) > 1:
            raise UnfitError("without permutations the lists must be equally long")
        combinations = list(zip(*lists, strict=True))
    else:
        combinations = list(itertools.product(*lists))
    return [_filled(given["template"], dict(zip(each, items, strict=True))) for items in combinations]


def _items(value: Value) -> list[Value]:
    return list(value) if isinstance(value, dict) else sequence(value)


def _filled(template: Value, items: Mapping[str, Value]) -> Value:
    if isinstance(template, str):
        for key, value in items.items():
            if key in template:
                template = template.replace(key, string(value))
        return template
    if isinstance(template, list):
        return [_filled(each, items) for each in template]
    if isinstance(template, dict):
        return {str(_filled(key, items)): _filled(value, items) for key, value in template.items()}
    return template


def digest(argument: Value) -> Value:
    """The digest of a string."""
    given = sequence(argument)
    if len(given) != PAIR:
        raise UnfitError("an algorithm and a string are wanted")
    algorithm, text = string(given[0]).lower(), string(given[1])
    if algorithm not in hashlib.algorithms_available:
        raise UnfitError(f"there is no algorithm {algorithm!r}")
    return hashlib.new(algorithm, text.encode("latin-1"), usedforsecurity=False).hexdigest()


def str_split(argument: Value) -> Value:
    """A string in parts, or one of them."""
    given = sequence(argument)
    if len(given) not in (PAIR, PAIR + 1):
        raise UnfitError("a delimiter, a string and perhaps an index are wanted")
    if given[1] is None:
        return None
    parts: list[Value] = list(string(given[1]).split(string(given[0])))
    if len(given) == PAIR:
        return parts
    index = int(as_text(given[PAIR]))
    if not -len(parts) <= index < len(parts):
        raise UnfitError(f"there are {len(parts)} parts, not one with the index {index}")
    return parts[index]


def filter_(argument: Value) -> Value:
    """A list without some values."""
    given = sequence(argument)
    if len(given) != PAIR:
        raise UnfitError("the values to leave out and a list are wanted")
    values = sequence(given[0])
    return [item for item in sequence(given[1]) if item not in values]


def make_url(argument: Value) -> Value:
    """An URL of its parts."""
    parts = mapping(argument)
    if wrong := set(parts) - {"scheme", "username", "password", "host", "port", "path", "query", "fragment"}:
        raise UnfitError(f"an URL has no {', '.join(sorted(wrong))}")
    username, password = (quote(as_text(parts.get(name)), safe="") for name in ("username", "password"))
    host = as_text(parts.get("host"))
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    host = quote(host, safe=":")
    location = f"[{host}]" if ":" in host else host
    if username or password:
        location = f"{username}{':' + password if password else ''}@{location}"
    if port := as_text(parts.get("port")):
        location = f"{location}:{int(port)}"
    query = urlencode({key: as_text(value) for key, value in mapping(parts.get("query")).items()}).replace("%2F", "/")
    path, fragment = quote(as_text(parts.get("path"))), quote(as_text(parts.get("fragment")))
    return urlunsplit((as_text(parts.get("scheme")), location, path, query, fragment))


def contains(argument: Value) -> Value:
    """Whether a value is in a list, or a string in a string."""
    given = sequence(argument)
    if len(given) != PAIR:
        raise UnfitError("a value and a list are wanted")
    item, among = given
    if isinstance(among, str):
        return as_text(item) in among
    return item in sequence(among)


# The version of the template language that brought each: heat/engine/hot/template.py.
FUNCTIONS: Mapping[str, tuple[int, Function]] = {
    "str_replace": (2013_05_23, str_replace),
    "list_join": (2013_05_23, list_join),
    "digest": (2015_04_30, digest),
    "repeat": (2015_04_30, repeat),
    "str_split": (2015_10_15, str_split),
    "map_merge": (2016_04_08, map_merge),
    "map_replace": (2016_10_14, map_replace),
    "str_replace_strict": (2017_02_24, str_replace_strict),
    "filter": (2017_02_24, filter_),
    "str_replace_vstrict": (2017_09_01, str_replace_vstrict),
    "list_concat": (2017_09_01, list_concat),
    "list_concat_unique": (2017_09_01, list_concat_unique),
    "make_url": (2017_09_01, make_url),
    "contains": (2017_09_01, contains),
}
