"""A resource as Puppet wants it, and the tasks that bring a host there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from validator.checks.managed import text
from validator.clear import FileState

# A task as it will be written: its name, its module with arguments, its keywords, in this order.
Draft = dict[str, JsonValue]
Drafts = tuple[Draft, ...]

ABSENT = {"absent", "purged", "false"}


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """One resource that Puppet changed, or failed to.

    `parameters` are its catalog's, in clear, and empty where it is not declared (`purged`). `changed` holds each
    property with the value it should have, as the report says. `path` is the file that it lives in and `state` what
    is there once Puppet is done. `executed` are the commands its provider ran. `services`: a service manager runs.
    """

    kind: str
    title: str
    parameters: Mapping[str, JsonValue]
    changed: Mapping[str, JsonValue]
    path: str = ""
    state: FileState | None = None
    executed: tuple[str, ...] = ()
    purged: bool = False
    failed: bool = False
    services: bool = True

    def given(self, name: str) -> str:
        """A parameter as one word; empty when it is not given."""
        return text(self.parameters.get(name))

    @property
    def name(self) -> str:
        """What the resource is called on the host."""
        return self.given("name") or self.title

    @property
    def is_absent(self) -> bool:
        """Whether it is to be gone."""
        return self.purged or self.given("ensure") in ABSENT


def listed(value: JsonValue) -> list[JsonValue]:
    """A parameter that is one value or a list of them."""
    return value if isinstance(value, list) else [] if value is None else [value]
