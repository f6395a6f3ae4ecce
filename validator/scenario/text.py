"""YAML with positions: the values a file holds, where each stands, and what is wrong with its syntax."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

from validator.errors import Problem, ScenarioError
from validator.scenario.paths import written

Location = tuple[str | int, ...]


@dataclass(frozen=True, kw_only=True)
class Document:
    """A YAML file: its data and, for every key and item, its line and column (from 1)."""

    file: str
    data: object
    places: dict[Location, tuple[int, int]]

    def problem(self, location: Location, message: str) -> Problem:
        """A problem at a place, or at the nearest one above it that is in the file."""
        known = location
        while known and known not in self.places:
            known = known[:-1]
        line, column = self.places.get(known, (1, 1))
        return Problem(file=self.file, line=line, column=column, key=".".join(map(str, location)), message=message)


def read(path: Path) -> Document:
    """Read a YAML file. Raises `ScenarioError` for syntax errors, duplicate keys, and files that cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise _broken(path, 1, 1, f"this is not UTF-8 text (byte {error.start})") from error
    except OSError as error:
        raise _broken(path, 1, 1, f"the file cannot be read: {error.strerror}") from error
    try:
        root = yaml.compose(text, Loader=yaml.CSafeLoader)
        loader = yaml.CSafeLoader("")
        data = loader.construct_document(root) if root is not None else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _broken(
            path, mark.line + 1 if mark else 1, mark.column + 1 if mark else 1, error.problem or "invalid YAML"
        ) from error
    except yaml.YAMLError as error:
        raise _broken(path, 1, 1, f"invalid YAML: {error}") from error
    except (ValueError, RecursionError) as error:
        raise _broken(path, 1, 1, f"invalid value: {error}") from error
    document = Document(file=written(path), data=data, places={})
    problems = tuple(_walk(document, root, ())) if root is not None else ()
    if problems:
        raise ScenarioError(problems)
    return document


def _walk(document: Document, node: yaml.Node, location: Location) -> list[Problem]:
    document.places.setdefault(location, (node.start_mark.line + 1, node.start_mark.column + 1))
    found: list[Problem] = []
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            here = (*location, name)
            place = (key.start_mark.line + 1, key.start_mark.column + 1)
            if name in seen:
                found.append(
                    Problem(
                        file=document.file,
                        line=place[0],
                        column=place[1],
                        key=".".join(map(str, here)),
                        message="this key stands twice; YAML would silently keep the last one",
                    )
                )
            seen.add(name)
            document.places[here] = place
            found += _walk(document, value, here)
    elif isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            found += _walk(document, item, (*location, number))
    return found


def _broken(path: Path, line: int, column: int, message: str) -> ScenarioError:
    return ScenarioError((Problem(file=written(path), line=line, column=column, key="", message=message),))
