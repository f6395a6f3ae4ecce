"""Images and states that machines exchange: a place that all of them reach, addressed by fsspec.

    KIND/KEY.json             which layer, its file, the file's size and SHA-256; written last
    KIND/KEY-RANDOM.tar.gz    the layer as `tar` keeps it: owners, modes, attributes, devices, holes

A state belongs to the very image that it was made on: an image of the same name that was built on another day may have
other packages. So the key of a state holds the digest of that image's note. What is damaged, cut off or about something
else is never used.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from validator.errors import HostError, UsageError, ValidatorError
from validator.host import cage
from validator.host.cache import Cache, full_disk_explained

SCHEMA = "convergence-validator/layer/1"
INNER = "layer.json"  # in the archive: what it is
TIMEOUT = 3600.0
KEEPING = ("--numeric-owner", "--xattrs", "--xattrs-include=*", "--acls")
INSTALL = "Install the extra: `pip install 'convergence-validator[cluster]'`, and the driver that the URL needs."

Fetched = Literal["there", "fetched", "missing"]


class RefusedError(ValidatorError):
    """What the store has is not what it should be."""


@dataclass(frozen=True, kw_only=True)
class Layer:
    """An image, or a state with the name of the image that it lies on."""

    kind: Literal["images", "states"]
    name: str
    image: str = ""

    def key(self, cache: Cache) -> str | None:
        """What it is called in the store; None as long as its image is not in the cache."""
        if self.kind == "images":
            return self.name
        build = cache.build("images", self.image)
        return f"{self.name}-{build}" if build else None

    def is_in(self, cache: Cache) -> bool:
        """Whether a cache has it."""
        return cache.has(self.kind, self.name)


class Store:
    """The place. Whatever goes wrong with it raises: `RefusedError` for what it has, anything of its driver's."""

    def __init__(self, url: str) -> None:
        """Raises `UsageError` when there is no driver for the URL."""
        try:
            from fsspec.core import url_to_fs  # noqa: PLC0415 - only who asks for a store needs it

            self._files, self._root = url_to_fs(url, use_listings_cache=False)  # others write there too
        except (ImportError, ValueError) as error:
            raise UsageError(f"the store {url!r} cannot be used: {error}", hint=INSTALL) from error

    def fetch(self, layer: Layer, cache: Cache) -> Fetched:
        """Bring a layer into the cache when the store has it whole. Another process that makes it is waited for."""
        if layer.is_in(cache):
            return "there"
        key = layer.key(cache)
        if key is None or (note := self._note(layer, key)) is None:
            return "missing"
        with cache.making(layer.kind, layer.name) as unfinished:
            if unfinished is None:
                return "there"
            with _aside(cache) as aside:
                archive = aside / "layer.tar.gz"
                self._files.get_file(self._path(layer, str(note["file"])), str(archive))
                _require_whole(archive, note)
                argv = ("tar", "--extract", *KEEPING, "--preserve-permissions", "--same-owner", "--gzip")
                _tar((*argv, f"--directory={unfinished}", f"--file={archive}"), aside, f"unpacking {layer.name}")
                _require_named(unfinished, _about(layer, key))
        return "fetched"

    def push(self, layer: Layer, cache: Cache, *, replace: bool = False) -> bool:
        """Put a layer of the cache into the store; false when it has it already, and `replace` is off."""
        key = layer.key(cache)
        if key is None or (not replace and self._files.exists(self._path(layer, f"{key}.json"))):
            return False
        with cache.using(layer.kind, layer.name) as path, _aside(cache) as aside:
            archive = aside / "layer.tar.gz"
            (aside / INNER).write_text(json.dumps(_about(layer, key)), encoding="utf-8")
            argv = ("tar", "--create", *KEEPING, "--sparse", "--format=posix", "--use-compress-program=gzip -1")
            # Not the directory itself: its time says when the layer was used last, and may change meanwhile.
            members = (f"--directory={path}", *sorted(each.name for each in path.iterdir()))
            _tar((*argv, f"--file={archive}", *members, f"--directory={aside}", INNER), aside, f"packing {layer.name}")
            file = f"{key}-{uuid.uuid4().hex[:8]}.tar.gz"
            self._make_room(layer)
            self._files.put_file(str(archive), self._path(layer, file))
            size, digest = archive.stat().st_size, _digest(archive)
        note = {**_about(layer, key), "file": file, "size": size, "sha256": digest}
        # Whole under its own name, or not there.
        unfinished = self._path(layer, f"{file}.json")
        self._files.pipe_file(unfinished, json.dumps(note).encode())
        self._files.mv(unfinished, self._path(layer, f"{key}.json"))
        if replace:
            for path in self._files.glob(self._path(layer, f"{key}-*.tar.gz")):
                if not path.endswith(file):
                    self._files.rm_file(path)
        return True

    def _make_room(self, layer: Layer) -> None:
        """A layer holds what its host may have kept secret: a directory for it is its owner's alone."""
        place = self._path(layer)
        if not self._files.exists(place):
            self._files.makedirs(place, exist_ok=True)
            if Path(place).is_dir() and "file" in self._files.protocol:
                Path(place).chmod(0o700)

    def _note(self, layer: Layer, key: str) -> dict[str, Any] | None:
        try:
            text = self._files.cat_file(self._path(layer, f"{key}.json"))
        except FileNotFoundError:
            return None
        try:
            note = json.loads(text)
            about = {name: note[name] for name in ("schema", "kind", "key")}
            whole = Path(note["file"]).name == note["file"] and isinstance(note["size"], int) and note["sha256"]
        except (ValueError, KeyError, TypeError) as error:
            raise RefusedError(f"its note in the store is damaged ({error})") from error
        if about != _about(layer, key) or not whole:
            raise RefusedError("its note in the store is about something else")
        return dict(note)

    def _path(self, layer: Layer, *names: str) -> str:
        return "/".join((self._root.rstrip("/"), layer.kind, *names))


@contextlib.contextmanager
def _aside(cache: Cache) -> Iterator[Path]:
    """A directory for an archive; what a killed process leaves of it is swept."""
    with cache.host_directory(f"store-{uuid.uuid4().hex[:8]}") as (directory, _), full_disk_explained(cache.root):
        yield directory


def _require_whole(archive: Path, note: dict[str, Any]) -> None:
    size = archive.stat().st_size
    if size != note["size"]:
        raise RefusedError(f"it has {size} bytes in the store; {note['size']} were put there")
    if _digest(archive) != note["sha256"]:
        raise RefusedError("its content in the store is not what was put there (SHA-256)")


def _require_named(unpacked: Path, about: dict[str, str]) -> None:
    """The archive says itself what it is: another one under its name is noticed."""
    inner = unpacked / INNER
    try:
        said = json.loads(inner.read_text(encoding="utf-8"))
        inner.unlink()
    except (OSError, ValueError) as error:
        raise RefusedError(f"its archive in the store does not say what it is ({error})") from error
    if said != about or not (unpacked / "about.json").is_file():
        raise RefusedError("its archive in the store holds something else")


def _about(layer: Layer, key: str) -> dict[str, str]:
    return {"schema": SCHEMA, "kind": layer.kind, "key": key}


def _tar(argv: tuple[str, ...], aside: Path, label: str) -> None:
    done = cage.run(argv, aside, label=label, timeout=TIMEOUT)
    if done.code != 0:
        said = "; ".join(done.errors.strip().splitlines()[-3:])
        raise HostError(f"{label} ended with status {done.code}: {said}")


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
