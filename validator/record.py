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

SCHEMA = "convergence-validator/record/2"

PhaseName = Literal["old", "upgrade", "upgrade-again", "fault", "converge", "again", "fresh"]
Kind = Literal["upgrade", "idempotence", "upgrade-idempotence", "lint"]
TaskStatus = Literal["ok", "failed", "ignored", "skipped", "unreachable"]
# Ansible's modules that run a command line as it is written.
COMMAND_MODULES = frozenset({"command", "shell", "raw", "script"})
EventStatus = Literal["success", "failure", "noop", "audit"]
Form = Literal["text", "ini", "yaml", "json", "binary"]
Patch = tuple[dict[str, JsonValue], ...]


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

    An event with a property is a cause; one named `refresh`, without, is a consequence. `as_expected` says whether the
    value is the one that the scenario expects for the property, compared before redaction; None where it expects none.
    """

    name: str
    status: EventStatus
    property: str | None
    previous: JsonValue
    desired: JsonValue
    message: str
    as_expected: bool | None = None


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
    skipped ones and without the schedules and the filebucket that every catalog gets. `executed` are the execs whose
    command ran, guards apart; None when Puppet was not asked to tell. (It notes a refresh of an exec whose guard then
    holds it back just the same.)
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
    executed: tuple[str, ...] | None = None


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

    def find(self, ref: str) -> CatalogResource | None:
        """The resource of that reference, if it is declared."""
        return next((each for each in self.resources if each.ref == ref), None)


@dataclass(frozen=True, kw_only=True)
class PuppetRun:
    """One `puppet apply`. `trouble` says why there is no report or catalog to judge; `output` is its last lines.

    `round` counts how often the whole loop of steps was applied in the phase. `started` is a Unix time; `disk` is what
    this one run changed, where a release is applied in several steps.
    """

    step: int | None
    round: int = 1
    exit_code: int
    seconds: float
    report: Report | None
    catalog: Catalog | None
    trouble: str = ""
    output: tuple[str, ...] = ()
    started: float = 0.0
    disk: DiskSeen | None = None


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
class UnitState:
    """What systemd said of a unit at one moment. `aliases` are its other names; times are Unix times, 0 for never.

    `restarts` counts what systemd restarted by itself (NRestarts); `started_at` is the start of the main process.
    """

    unit: str
    load: str
    active: str
    enabled: str
    pid: int
    invocation: str
    started_at: float
    sub: str = ""
    kind: str = ""
    result: str = ""
    restarts: int = 0
    aliases: tuple[str, ...] = ()

    @property
    def runs(self) -> bool:
        """Whether it is up, or on its way."""
        return self.active in {"active", "reloading", "activating"}


@dataclass(frozen=True, kw_only=True)
class TaskName:
    """A task as written."""

    name: str
    place: Place | None


@dataclass(frozen=True, kw_only=True)
class TaskSpan:
    """What the witnesses saw between the start of a task (all items of its loop) and the start of the next.

    `units` are the units whose state differs at the end, as they are then; `paths` what was written on disk.
    """

    name: str
    place: Place | None
    start: float
    end: float
    units: tuple[UnitState, ...] = ()
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class AnsibleRun:
    """One `ansible-playbook`. `finished`: the play recap was reached with our host in it.

    `left_out` are tasks that tags kept from running, `spans` what witnesses saw between the borders of tasks.
    `started` is a Unix time.
    """

    step: int | None
    exit_code: int
    seconds: float
    finished: bool
    tasks: tuple[Task, ...]
    left_out: tuple[TaskName, ...] = ()
    spans: tuple[TaskSpan, ...] = ()
    trouble: str = ""
    output: tuple[str, ...] = ()
    started: float = 0.0


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
    """What the service witness saw of one phase: every unit before and after it, and what happened between.

    `trouble` says why it could not see all of it.
    """

    events: tuple[UnitEvent, ...]
    states: tuple[UnitState, ...]
    before: tuple[UnitState, ...] = ()
    trouble: str = ""


@dataclass(frozen=True, kw_only=True)
class Side:
    """A path at one moment. `digest` is the SHA-256 of a file's content; `modified` when it was last written."""

    kind: Literal["file", "directory", "link", "device", "other"]
    mode: str
    owner: int
    group: int
    size: int
    modified: float
    link: str = ""
    digest: str = ""


@dataclass(frozen=True, kw_only=True)
class Content:
    """How a file's content differs, redacted: a unified diff of the text and an RFC 6902 patch over its tree.

    Where the text has a structure the tree is the parsed one: in that of an ini file the path is `/section/option` and
    a value that is given several times is a list. Else it is the list of lines. An empty patch says that the texts
    mean the same; None, that it would be too long, or that there is no text. `back` leads the other way; it is there
    where somebody has to go that way, from the upgraded host to the fresh one.
    """

    form: Form
    diff: str = ""
    patch: Patch | None = None
    back: Patch | None = None


@dataclass(frozen=True, kw_only=True)
class PathChange:
    """A path that a phase changed on disk. `aspects` are the properties that differ besides content.

    `changed_at` is when the path (content or metadata) was last changed, 0 when that is unknown.
    """

    path: str
    kind: str
    aspects: tuple[str, ...] = ()
    before: Side | None = None
    after: Side | None = None
    content: Content | None = None
    changed_at: float = 0.0


@dataclass(frozen=True, kw_only=True)
class PackageChange:
    """A package whose installed version changed; an empty version says that it is not installed."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, kw_only=True)
class DiskSeen:
    """What the disk witness saw of one phase.

    `looked_at` counts the paths that were compared; `noise` those that were left out, by rule, and `left_out`
    names the first of them.
    """

    changes: tuple[PathChange, ...]
    noise: dict[str, int]
    left_out: dict[str, tuple[str, ...]] = field(default_factory=dict)
    looked_at: int = 0
    packages: tuple[PackageChange, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ProbeSeen:
    """What a probe of the scenario said after a phase. `trouble` is empty when it passed."""

    name: str
    exit_code: int
    output: str
    trouble: str


@dataclass(frozen=True, kw_only=True)
class Phase:
    """Everything observed of one phase.

    `cpu_seconds` counts the host; `overhead_seconds` is the time that the validator added, `witness_cpu_seconds`
    the CPU time that its witnesses took, in the host and beside it.
    """

    name: PhaseName
    tool: Literal["puppet", "ansible"]
    started: float
    seconds: float
    cpu_seconds: float
    overhead_seconds: float
    witness_cpu_seconds: float = 0.0
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
class Waiver:
    """A finding that the author accepts. `rule`, `subject` and `path` are patterns (`*` matches anything).

    `expires` is a date, `YYYY-MM-DD`: the last day on which the waiver holds.
    """

    rule: str
    subject: str
    path: str
    reason: str
    owner: str
    expires: str
    place: Place | None = None


@dataclass(frozen=True, kw_only=True)
class RestartBudget:
    """How often a unit may be restarted during the upgrade: `default`, and exceptions by unit.

    `loop` is how often Puppet may in one loop of steps on a host that it deploys from nothing.
    """

    default: int = 1
    units: dict[str, int] = field(default_factory=dict)
    loop: int = 1


@dataclass(frozen=True, kw_only=True)
class Proof:
    """A probe that proves that resources were refreshed: patterns of references, `*` matches anything."""

    probe: str
    resources: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Expected:
    """A change that the author leaves to Puppet: the exact resource, property and value, and why.

    `property` is `refresh` for a resource that may be refreshed; its value is empty.
    """

    resource: str
    property: str
    value: JsonValue
    reason: str
    place: Place | None = None


def alike(wanted: object, found: object) -> bool:
    """Whether two values are the same as Puppet's reports have them: numbers are words, a list of one is its item."""
    return _plain(wanted) == _plain(found)


def _plain(value: object) -> object:
    if isinstance(value, list):
        return _plain(value[0]) if len(value) == 1 else [_plain(each) for each in value]
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else value


@dataclass(frozen=True, kw_only=True)
class WrittenTask:
    """A task as its author wrote it, once for each item of a loop that is known without a host.

    `module` and the keys of `keywords` (everything besides name, module and arguments: `register`, `when`,
    `changed_when`, `loop`, ...) are as written, with what blocks, plays and `block:` hand down merged in. `args` are a
    mapping; a free-form command line stands under `_raw_params`, `k=v` strings are split. Templates are rendered
    where their variables are known; `unknown` names what could not be.
    """

    name: str
    place: Place | None
    module: str
    args: dict[str, JsonValue]
    keywords: dict[str, JsonValue]
    handler: bool = False
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class StepCatalog:
    """What Puppet compiled for one step, on a host that has only the image."""

    step: int | None
    catalog: Catalog


@dataclass(frozen=True, kw_only=True)
class Static:
    """What can be known before anything is applied. `trouble` says why a catalog is missing."""

    tasks: tuple[WrittenTask, ...]
    catalogs: tuple[StepCatalog, ...]
    trouble: str = ""


@dataclass(frozen=True, kw_only=True)
class SelfTest:
    """How many faults that were seeded into this very scenario were caught. `when` is a Unix time."""

    when: float
    caught: int
    missed: int
    equivalent: int


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """The end of the upgrade compared with a host that Puppet alone deployed with the new release.

    `disk.changes` lead from the fresh host to the upgraded one.
    """

    disk: DiskSeen
    fresh_units: tuple[UnitState, ...]
    upgraded_units: tuple[UnitState, ...]


@dataclass(frozen=True, kw_only=True)
class Replay:
    """On a fork of the upgraded host `paths` were put back as they were before the upgrade, and Puppet applied."""

    paths: tuple[str, ...]
    puppet: PuppetRun | None
    trouble: str = ""


FixStatus = Literal["verified", "reduces", "unverified"]


@dataclass(frozen=True, kw_only=True)
class Fix:
    """A change to the author's tasks that mends what a finding is about, and what it came to when it was tried.

    `rule` and `subject` are the finding's. `tasks` is YAML to paste, `diff` the same as a unified diff of the author's
    files, `place` where it goes. `before` and `after` count what was left to do without and with it: resources that
    Puppet changed or failed, and findings of other witnesses. `variables` are the names that the tasks take secrets
    from; `note` says what a person has to know before pasting.
    """

    rule: str
    subject: str
    tasks: str
    diff: str
    place: Place | None
    status: FixStatus
    before: int
    after: int
    variables: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Ablation:
    """What was measured of the finding `rule`, `subject` by runs without some tasks: a smallest set of tasks without
    which it is gone, empty when it is there without all of them. `trials` is how many runs it took."""

    rule: str
    subject: str
    tasks: tuple[TaskName, ...]
    trials: int


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What was validated: the scenario's name, file and digest, the image, and what was expected to be seen.

    `terms` identifies by what the scenario is judged besides its content, as `digest` does the content.
    """

    name: str
    title: str
    file: str
    digest: str
    image: str
    phases: tuple[PhaseName, ...]
    kind: Kind = "upgrade"
    probes: tuple[str, ...] = ()
    probe_places: tuple[Place, ...] = ()
    services: bool = True
    watched: tuple[str, ...] = ()
    agreement: bool = False
    restarts: RestartBudget = RestartBudget()
    proofs: tuple[Proof, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    expect: tuple[Expected, ...] = ()
    stand_ins: tuple[str, ...] = ()
    selftest: SelfTest | None = None
    terms: str = ""


@dataclass(frozen=True, kw_only=True)
class Run:
    """One validation. `searched`: fixes were looked for, and `fixes` are those that helped."""

    id: str
    validator: str
    started: float
    seconds: float
    subject: Subject
    phases: tuple[Phase, ...]
    troubles: tuple[Trouble, ...] = ()
    agreement: Agreement | None = None
    replays: tuple[Replay, ...] = ()
    static: Static | None = None
    searched: bool = False
    fixes: tuple[Fix, ...] = ()
    ablations: tuple[Ablation, ...] = ()
    schema: str = field(default=SCHEMA)

    def phase(self, name: PhaseName) -> Phase | None:
        """The phase of that name, if it was reached."""
        return next((phase for phase in self.phases if phase.name == name), None)


_RUN = TypeAdapter(Run)
_PHASE = TypeAdapter(Phase)
_STATIC = TypeAdapter(Static)


def dump(run: Run) -> str:
    """A run as JSON text."""
    return json.dumps(asdict(run), ensure_ascii=False)


def dump_phase(phase: Phase) -> str:
    """A phase as JSON text, for the cache."""
    return json.dumps(asdict(phase), ensure_ascii=False)


def load_phase(text: str) -> Phase:
    """The inverse of `dump_phase`. Raises `ValueError` when the text is not one."""
    return _PHASE.validate_json(text)


def dump_static(static: Static) -> str:
    """Catalogs as JSON text, for the cache."""
    return json.dumps(asdict(static), ensure_ascii=False)


def load_static(text: str) -> Static:
    """The inverse of `dump_static`. Raises `ValueError` when the text is not one."""
    return _STATIC.validate_json(text)


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
