"""What a catalog takes away because it does not declare it: files in a directory, options in a file."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from validator.checks import settings, settings_puppet
from validator.checks.managed import is_yes, text
from validator.checks.relations import kind_of, title_of
from validator.checks.settings import What
from validator.record import Catalog, CatalogResource

Purging = Callable[[What], CatalogResource | None]


def of(catalog: Catalog) -> Purging:
    """Says for a path or an option which resource takes it away; None where nothing does, or it is declared."""
    active = [each for each in catalog.resources if is_yes(each.parameters.get("purge"))]
    active = [each for each in active if not is_yes(each.parameters.get("noop"))]
    options = {_options_file(each): each for each in active if kind_of(each.ref) == "Resources"}
    directories = {_path(each): each for each in active if _recurses(each)}
    declared = {_path(each) for each in catalog.resources if kind_of(each.ref) in {"File", "Concat_file"}}

    declared_options = {each.setting.what for each in settings_puppet.of(catalog) if each.setting.what[0] == "option"}

    def purging(what: What) -> CatalogResource | None:
        if what[0] == "option":
            return None if what in declared_options else options.get(what[1])
        if what[0] != "file" or what[-1] != "ensure":
            return None
        path = what[1]
        if any(each == path or each.startswith(f"{path}/") for each in declared):
            return None
        above = next((each for each in map(str, PurePosixPath(path).parents) if each in declared), "")
        owner = directories.get(above)
        return owner if owner is not None and not _ignores(owner, path, above) else None

    return purging


def _options_file(resource: CatalogResource) -> str:
    return settings_puppet.file_of(title_of(resource.ref).capitalize())


def _path(resource: CatalogResource) -> str:
    return settings.path(text(resource.parameters.get("path")) or title_of(resource.ref))


def _recurses(resource: CatalogResource) -> bool:
    given = resource.parameters
    return kind_of(resource.ref) == "File" and text(given.get("recurse")) == "true" and given.get("source") is None


def _ignores(directory: CatalogResource, path: str, above: str) -> bool:
    given = directory.parameters.get("ignore")
    patterns = [text(each) for each in (given if isinstance(given, list) else [given])]
    parts = PurePosixPath(path).relative_to(above).parts
    return any(fnmatchcase(part, pattern) for part in parts for pattern in patterns if pattern)
