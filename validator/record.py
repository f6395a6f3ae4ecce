"""What happened: the words that tools, witnesses and checks share. Data only.

A `Run` is everything one validation observed. It is redacted before it is made, holds no path of a host, and can
be written to a file and judged again later.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import JsonValue, TypeAdapter, ValidationError

from validator.errors import Problem, ScenarioError, UsageError

SCHEMA = "convergence-validator/record/1"

PhaseName = Literal["old", "upgrade", "fault", "converge", "again"]
TaskStatus = Literal["ok", "failed", "ignored", "skipped", "unreachable"]
EventStatus = Literal["success", "failure", "noop", "audit"]


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where something is declared: a file the author can open, or one of the image's. Line counts from 1."""

    file: str
    line: int | None = None

    def __str__(self) -> str:
        return self.file if self.line is None else f"{self.file}:{self.line}"


@dataclass(frozen=True, kw_only=True)
class Event:
    """One change Puppet made, tried or would have made (Puppet: lib/puppet/transaction/event.rb).

    An event with a property is a cause; one named `refresh`, without, is a consequence.
    """

    name: str
    status: EventStatus
    property: str | None
    previous: JsonValue
    desired: JsonValue
    message: str


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A resource of Puppet's report that was not simply found in order."""

    ref: str
    kind: str
    title: str
    declared_at: Place | None
    containment: tuple[str, ...]
    events: tuple[Event, ...]
    changed: bool = False
    failed: bool = False
    failed_to_restart: bool = False
    skipped: bool = False
    out_of_sync: bool = False


@dataclass(frozen=True, kw_only=True)
class LogLine:
    """A warning or error of Puppet's report."""

    level: str
    source: str
    message: str
    place: Place | None


@dataclass(frozen=True, kw_only=True)
class Report:
    """Puppet's report of one run.

    `resources` counts all resources in it, `evaluated` those of the catalog that Puppet really looked at: without
    skipped ones and without the schedules and the filebucket that every catalog gets.
    """

    format: int
    puppet_version: str
    status: str
    time: str
    completed: bool
    noop: bool
    transaction: str
    resources: int
    evaluated: int
    metrics: dict[str, dict[str, float]]
    notable: tuple[Resource, ...]
    logs: tuple[LogLine, ...]


@dataclass(frozen=True, kw_only=True)
class CatalogResource:
    """A resource as compiled: parameters redacted, values as Puppet had them."""

    ref: str
    declared_at: Place | None
    parameters: dict[str, JsonValue]


@dataclass(frozen=True, kw_only=True)
class Catalog:
    """The catalog one run applied. `edges` are containment: (container, contained)."""

    version: str
    resources: tuple[CatalogResource, ...]
    edges: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class PuppetRun:
    """One `puppet apply`. `trouble` says why there is no report or catalog to judge; `output` is its last lines.

    `round` counts how often the whole loop of steps was applied in the phase.
    """

    step: int | None
    round: int = 1
    exit_code: int
    seconds: float
    report: Report | None
    catalog: Catalog | None
    trouble: str = ""
    output: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Task:
    """One result of an Ansible task, or of one item of its loop. Times are Unix times."""

    name: str
    role: str
    place: Place | None
    module: str
    status: TaskStatus
    changed: bool
    item: JsonValue
    args: JsonValue
    diff: JsonValue
    message: str
    handler: bool
    notify: tuple[str, ...]
    start: float
    end: float


@dataclass(frozen=True, kw_only=True)
class AnsibleRun:
    """One `ansible-playbook`. `finished`: the play recap was reached with our host in it."""

    step: int | None
    exit_code: int
    seconds: float
    finished: bool
    tasks: tuple[Task, ...]
    trouble: str = ""
    output: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class UnitState:
    """What systemd said of a watched unit at the end of a phase."""

    unit: str
    load: str
    active: str
    enabled: str
    pid: int
    invocation: str
    started_at: float


@dataclass(frozen=True, kw_only=True)
class UnitEvent:
    """A start, stop or reload of a unit, from the journal. `job` is what asked for it: start, stop, restart, ''."""

    unit: str
    kind: Literal["started", "stopped", "reloaded", "failed", "restarts-itself"]
    job: str
    invocation: str
    time: float


@dataclass(frozen=True, kw_only=True)
class ServicesSeen:
    """What the service witness saw of one phase. `trouble` says why it could not see all of it."""

    events: tuple[UnitEvent, ...]
    states: tuple[UnitState, ...]
    trouble: str = ""


@dataclass(frozen=True, kw_only=True)
class PathChange:
    """A path that a phase changed on disk. `aspects` are the properties that differ besides content."""

    path: str
    kind: str
    aspects: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class DiskSeen:
    """What the disk witness saw of one phase; `noise` counts the written paths that were left out unread, by rule."""

    changes: tuple[PathChange, ...]
    noise: dict[str, int]


@dataclass(frozen=True, kw_only=True)
class ProbeSeen:
    """What a probe of the scenario said after a phase. `trouble` is empty when it passed."""

    name: str
    exit_code: int
    output: str
    trouble: str


@dataclass(frozen=True, kw_only=True)
class Phase:
    """Everything observed of one phase. `cpu_seconds` counts the host; `overhead` is what the validator added."""

    name: PhaseName
    tool: Literal["puppet", "ansible"]
    started: float
    seconds: float
    cpu_seconds: float
    overhead_seconds: float
    cached: bool = False
    puppet: tuple[PuppetRun, ...] = ()
    ansible: tuple[AnsibleRun, ...] = ()
    services: ServicesSeen | None = None
    disk: DiskSeen | None = None
    probes: tuple[ProbeSeen, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """Something that kept the run from getting to its end: where, what, and what to do."""

    phase: PhaseName | None
    message: str
    hint: str


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What was validated: the scenario's name, file and digest, the image, and what was expected to be seen."""

    name: str
    title: str
    file: str
    digest: str
    image: str
    phases: tuple[PhaseName, ...]
    probes: tuple[str, ...] = ()
    services: bool = True


@dataclass(frozen=True, kw_only=True)
class Run:
    """One validation."""

    id: str
    validator: str
    started: float
    seconds: float
    subject: Subject
    phases: tuple[Phase, ...]
    troubles: tuple[Trouble, ...] = ()
    schema: str = field(default=SCHEMA)

    def phase(self, name: PhaseName) -> Phase | None:
        """The phase of that name, if it was reached."""
        return next((phase for phase in self.phases if phase.name == name), None)


_RUN = TypeAdapter(Run)
_PHASE = TypeAdapter(Phase)


def dump(run: Run) -> str:
    """A run as JSON text."""
    return json.dumps(asdict(run), ensure_ascii=False)


def dump_phase(phase: Phase) -> str:
    """A phase as JSON text, for the cache."""
    return json.dumps(asdict(phase), ensure_ascii=False)


def load_phase(text: str) -> Phase:
    """The inverse of `dump_phase`. Raises `ValueError` when the text is not one."""
    return _PHASE.validate_json(text)


def load_text(text: str) -> Run:
    """The inverse of `dump`. Raises `ValueError` when the text is not one."""
    return _RUN.validate_json(text)


def load(path: Path) -> Run:
    """Read a saved run. Raises `UsageError` or `ScenarioError` when it is not one of this version."""
    try:
        text = path.read_text(encoding="utf-8")
        data = json.loads(text)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(
            f"{path} is not a record: {error}", hint="Records are the paths under `records` of a result."
        ) from error
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        found = data.get("schema") if isinstance(data, dict) else type(data).__name__
        raise UsageError(f"{path} is not a record of this version (schema {found!r}, wanted {SCHEMA!r})")
    try:
        return _RUN.validate_json(text)
    except ValidationError as error:
        raise ScenarioError(
            tuple(
                Problem(file=str(path), line=1, column=1, key=".".join(map(str, each["loc"])), message=each["msg"])
                for each in error.errors()
            )
        ) from error
