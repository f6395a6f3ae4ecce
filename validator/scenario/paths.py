"""Paths in a scenario: written relative to the file that holds them, checked when it is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, ValidationInfo, WithJsonSchema


def written(path: Path) -> str:
    """A path as people write it: relative to the working directory when it is below it."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _resolve(value: object, info: ValidationInfo) -> object:
    if not isinstance(value, str):
        raise ValueError("a path is wanted, as a string")  # noqa: TRY004 - pydantic collects ValueError only
    base = info.context or {}
    return Path(base.get("directory", ".")) / Path(value).expanduser()


def _file(path: Path) -> Path:
    if not path.is_file():
        raise ValueError(f"there is no file {path}" if not path.exists() else f"{path} is not a file")
    return path.resolve()


def _file_or_directory(path: Path) -> Path:
    if not path.exists():
        raise ValueError(f"there is no file or directory {path}")
    return path.resolve()


def _directory(path: Path) -> Path:
    if not path.is_dir():
        raise ValueError(f"there is no directory {path}" if not path.exists() else f"{path} is not a directory")
    return path.resolve()


_AS_TEXT = WithJsonSchema({"type": "string"})
_WRITTEN = PlainSerializer(str)

ExistingFile = Annotated[Path, BeforeValidator(_resolve), AfterValidator(_file), _AS_TEXT, _WRITTEN]
ExistingFileOrDirectory = Annotated[
    Path, BeforeValidator(_resolve), AfterValidator(_file_or_directory), _AS_TEXT, _WRITTEN
]
ModuleDirectory = Annotated[Path, BeforeValidator(_resolve), AfterValidator(_directory), _AS_TEXT, _WRITTEN]
