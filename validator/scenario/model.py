"""The shape of `scenario.yml`. Field descriptions become the JSON Schema that editors show."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
    TypeAdapter,
)

from validator.scenario.paths import ExistingFile, ExistingFileOrDirectory, ModuleDirectory

FORMAT = "https://json-schema.org/draft/2020-12/schema"

Unit = Annotated[str, StringConstraints(pattern=r"^[^\s/]+\.[a-z]+$")]
PackageName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9+.:~=-]*$")]
ModuleName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
Address = Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F.:]+/[0-9]{1,3}$")]
HostName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$")]
Item = TypeVar("Item")
# YAML has lists only; a strict tuple would refuse them.
Listed = Annotated[tuple[Item, ...], BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value)]
AbsolutePath = Annotated[str, StringConstraints(pattern=r"^/[^\s]+\.(json|yaml)$")]
Seconds = Annotated[float, Field(gt=0, le=86400)]


class Part(BaseModel):
    """Base of all parts: unknown keys are mistakes, nothing is guessed, nothing changes later."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Image(Part):
    """The root file system of the host, built from distribution packages, or brought along."""

    suite: str = Field("bookworm", description="Debian suite: bullseye, bookworm or trixie.")
    packages: Listed[PackageName] = Field(
        (), description="Debian packages to install, Puppet and its modules among them."
    )
    mirrors: Listed[str] = Field((), description="apt source lines or mirror URLs; the suite's usual ones when empty.")
    prepare: ExistingFile | None = Field(
        None, description="A shell script, run once as root in the image after the packages are installed."
    )
    path: ExistingFileOrDirectory | None = Field(
        None, description="A root file system of your own, a directory or a tarball, instead of all the others."
    )


class HostPart(Part):
    """The disposable host."""

    driver: Literal["systemd", "plain"] = Field(
        "systemd", description="`systemd`: a real service manager. `plain`: no services, starts in milliseconds."
    )
    hostname: HostName = Field("host.example.test", description="The host's name; facts and certificates see it.")
    addresses: Listed[Address] = Field(
        (), description="Addresses besides loopback, e.g. 192.0.2.10/24; the interface leads nowhere."
    )
    wait_for: Listed[Unit] = Field(
        (), description="Units that must be active before a tool runs on a host started from the old release."
    )
    boot_timeout: Seconds = Field(120.0, description="Seconds the host may take to get there.")
    settle: Annotated[float, Field(ge=0, le=3600)] = Field(
        5.0, description="Seconds a service must have survived since its last start when its state is read at the end."
    )


class Templated(Part):
    """What may be read from TripleO's service templates instead of files of the scenario's own."""

    tripleo: Listed[ExistingFile] = Field(
        (), description="Service templates of TripleO's (outputs.role_data); they stand for the files named otherwise."
    )
    parameters: dict[str, JsonValue] = Field({}, description="Values for the templates' parameters.")
    environments: Listed[ExistingFile] = Field(
        (), description="Environment files: parameter_defaults and resource_registry."
    )
    role: str = Field("Controller", description="The role that has the services.")


class Release(Templated):
    """How Puppet configures the host at one side of the upgrade."""

    manifest: ExistingFileOrDirectory | None = Field(
        None, description="The manifest (or directory of manifests) that `puppet apply` gets."
    )
    modules: Listed[ModuleName] | None = Field(
        None,
        description="Modules of the image to use, dependencies included. Without it all: facts of each cost time.",
    )
    modules_path: Listed[ModuleDirectory] = Field(
        (), description="Directories with modules of your own; they come first."
    )
    hiera: ExistingFile | None = Field(
        None, description="hiera.yaml (version 5); the files beside and below it come along."
    )
    hiera_data: dict[str, JsonValue] = Field({}, description="Hiera data that come before all levels of `hiera`.")
    facts: dict[str, str] = Field({}, description="External facts for every Puppet run of this release.")
    steps: Listed[int] = Field(
        (), description="Apply the release once for each step, in this order; a run applies the whole loop."
    )
    step_file: AbsolutePath | None = Field(
        None,
        description='Say the step in this file of the host, as `{"step": N}`, besides the fact `step`: a level of '
        "hiera.yaml reads it.",
    )
    timeout: Seconds = Field(1800.0, description="Seconds one Puppet run may take.")

    @property
    def site(self) -> Path:
        """The manifest; of a release that is made of templates there is one when they have been rendered."""
        if self.manifest is None:
            raise ValueError("the templates of the release have not been rendered")
        return self.manifest

    @property
    def source(self) -> str:
        """What the release is made of, in a word or two."""
        return self.manifest.name if self.manifest is not None else f"{len(self.tripleo)} TripleO template(s)"


class Upgrade(Templated):
    """The Ansible tasks that carry the host from the old release to the new one."""

    playbook: ExistingFile | None = Field(None, description="A playbook; its plays address `hosts: all`.")
    tasks: ExistingFile | None = Field(None, description="A bare list of tasks, instead of a playbook.")
    vars: dict[str, JsonValue] = Field({}, description="Extra variables.")
    tags: Listed[str] = Field((), description="Run only tasks with these tags; `{step}` in a tag stands for the step.")
    skip_tags: Listed[str] = Field((), description="Leave out tasks with these tags.")
    steps: Listed[int] = Field(
        (), description="Run the tasks once for each step, in this order, with the variable `step`."
    )
    modules: dict[str, str] = Field(
        {}, description="Modules that templates use and the controller lacks, each with the module that stands in."
    )
    collections: ModuleDirectory | None = Field(
        None, description="A directory with an `ansible_collections` of your own."
    )
    timeout: Seconds = Field(1800.0, description="Seconds one run of the tasks may take.")


class Sql(Part):
    """A query, and what its answer must contain."""

    engine: Literal["mysql", "postgresql", "sqlite"] = Field("mysql", description="The client that asks, as root.")
    database: str = Field("", description="The database; for sqlite the file.")
    query: str = Field(description="One statement. Columns come separated by tabs, rows by line ends.")


class Http(Part):
    """A request, made in the host."""

    url: str = Field(description="http:// or https:// (certificates are not checked).")
    status: int = Field(200, description="The status the answer must have; redirections are not followed.")
    headers: dict[str, str] = Field({}, description="Headers of the request.")


class PathProbe(Part):
    """What a path of the host must be like; only what is named is compared."""

    path: str = Field(description="An absolute path.")
    exists: bool = Field(default=True, description="Whether there must be something.")
    mode: Annotated[str, StringConstraints(pattern=r"^[0-7]{3,4}$")] | None = Field(None, description="E.g. 0640.")
    owner: str | None = Field(None, description="The owner's name.")
    group: str | None = Field(None, description="The group's name.")


class Probe(Part):
    """An assertion about the world that neither tool makes; evaluated in the host. One of command, sql, http, file."""

    name: str = Field(description="What holds when the probe passes.")
    command: str | None = Field(None, description="A shell command, run as root in the host.")
    sql: Sql | None = None
    http: Http | None = None
    file: PathProbe | None = None
    exit: int = Field(0, description="The exit status a command must have.")
    stdout: str | None = Field(
        None, description="A regular expression the output (rows of the query, body of the answer, file) must contain."
    )
    timeout: Seconds = Field(60.0, description="Seconds it may take.")
    after: Listed[Literal["upgrade", "converge", "fresh"]] = Field(
        ("upgrade", "converge", "fresh"),
        description="The phases it is evaluated after; `fresh`: the host that Puppet alone deployed, for comparison.",
    )
    proves: Listed[str] = Field(
        (),
        description="Resources that were refreshed if it passes after the upgrade: Exec[nova-db-sync]; `*` matches.",
    )


class Noise(Part):
    """Paths whose changes say nothing about the releases."""

    path: str = Field(description="A path pattern: `*` within a name, `**` across directories.")
    reason: str = Field(description="Why a change there means nothing.")


class Waiver(Part):
    """A finding that is accepted for a while."""

    rule: str = Field(description="The finding's rule, e.g. agreement.path; `*` matches anything.")
    resource: str = Field("*", description="A pattern of the finding's subject: a resource, a unit, a task, a probe.")
    path: str = Field("*", description="A pattern of the path the finding is about: `*` within a name, `**` across.")
    reason: str = Field(description="Why it is accepted.", min_length=1)
    owner: str = Field(description="Who answers for it.", min_length=1)
    expires: date = Field(description="The last day on which it holds, YYYY-MM-DD.")


class Expectation(Part):
    """A change that is left to Puppet on purpose."""

    resource: str = Field(description="The resource as Puppet's report names it: Nova_config[database/connection].")
    property: str = Field(
        description="The property it changes: value, ensure, mode, returns (of an exec). `refresh`: the resource may "
        "be refreshed."
    )
    value: JsonValue = Field(None, description="The value Puppet sets, exactly; none for `refresh`.")
    reason: str = Field(description="Why this is left to Puppet.", min_length=1)


class Restarts(Part):
    """How often the upgrade may restart a unit. Puppet may not at all."""

    default: Annotated[int, Field(ge=0)] = Field(1, description="Restarts of one unit that the upgrade may cause.")
    units: dict[Unit, Annotated[int, Field(ge=0)]] = Field({}, description="Other numbers for some units.")
    loop: Annotated[int, Field(ge=0)] = Field(
        1,
        description="Restarts of a unit that Puppet may cause in one loop of steps on a host it deploys from nothing.",
    )


class Checks(Part):
    """Checks that cost more than reading the record."""

    agreement: bool | None = Field(
        None,
        description="Compare the end state with a host that Puppet alone deploys; on when `new.packages` is given.",
    )
    confirm: Literal["none", "replay"] = Field(
        "none",
        description="`replay`: when a refresh seems lost, put its source back on a fork of the host, apply Puppet and "
        "see what it triggers.",
    )


AnyRelease = TypeVar("AnyRelease", bound=Release)


def _one_source(upgrade: Upgrade) -> Upgrade:
    if sum((upgrade.playbook is not None, upgrade.tasks is not None, bool(upgrade.tripleo))) != 1:
        raise ValueError("name one of `playbook`, `tasks` or `tripleo`")
    return upgrade


def _one_manifest(release: AnyRelease) -> AnyRelease:
    if (release.manifest is None) != bool(release.tripleo):
        raise ValueError("name either `manifest` or `tripleo`")
    if release.tripleo and release.hiera is not None:
        raise ValueError("with `tripleo` the templates bring the Hiera data: leave `hiera` out")
    return release


def _one_origin(image: Image) -> Image:
    others = sorted(image.model_fields_set - {"path"})
    if image.path is not None and others:
        raise ValueError(
            f"with `path` the image is taken as it is: leave out {', '.join(f'`{one}`' for one in others)}"
        )
    return image


def one_assertion(probe: Probe) -> Probe:
    """Refuse a probe that asks for nothing, or for several things."""
    given = [name for name in ("command", "sql", "http", "file") if getattr(probe, name) is not None]
    if len(given) != 1:
        raise ValueError(f"name one of `command`, `sql`, `http` or `file` ({len(given)} are there)")
    return probe


class NewRelease(Release):
    """The release the host is brought to."""

    packages: Listed[PackageName] = Field(
        (),
        description="The packages of a host that is deployed with this release from nothing; turns `checks.agreement` "
        "on. The upgraded host has those of `image.packages`.",
    )


class Scenario(Part):
    """One upgrade to be judged."""

    title: str = Field(description="What is upgraded, in one line.")
    image: Annotated[Image, AfterValidator(_one_origin)]
    host: HostPart = Field(default_factory=HostPart)
    services: Listed[Unit] = Field(
        (), description="Units whose state and restarts are reported one by one. Restarts of all others count too."
    )
    old: Annotated[Release, AfterValidator(_one_manifest)]
    upgrade: Annotated[Upgrade, AfterValidator(_one_source)]
    new: Annotated[NewRelease, AfterValidator(_one_manifest)]
    probes: Listed[Annotated[Probe, AfterValidator(one_assertion)]] = ()
    noise: Listed[Noise] = ()
    waivers: Listed[Waiver] = ()
    expect: Listed[Expectation] = Field((), description="Changes that the converging Puppet run must make.")
    restarts: Restarts = Field(default_factory=Restarts)
    checks: Checks = Field(default_factory=Checks)

    @property
    def agreement(self) -> bool:
        """Whether the end state is compared with a fresh host."""
        asked = self.checks.agreement
        return bool(self.new.packages) if asked is None else asked


class Variant(Part):
    """A scenario made from another one by one deliberate fault."""

    extends: str = Field(description="The directory of the other scenario.")
    title: str
    fault: ExistingFile = Field(description="A list of Ansible tasks, applied after the upgrade tasks.")


def schema() -> dict[str, object]:
    """The JSON Schema of a scenario file: a scenario, or a variant of one."""
    inner = TypeAdapter(Scenario | Variant).json_schema()
    return {"$schema": FORMAT, "$id": "https://convergence-validator.invalid/schema/scenario-1.json", **inner}


SCENARIO_FILE = "scenario.yml"


def directory_of(path: Path) -> Path:
    """The directory a scenario is in, for a path that names it or its file."""
    return path.parent if path.name == SCENARIO_FILE else path
