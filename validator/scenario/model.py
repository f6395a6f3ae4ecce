"""The shape of `scenario.yml`. Field descriptions become the JSON Schema that editors show."""

from __future__ import annotations

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
Seconds = Annotated[float, Field(gt=0, le=86400)]


class Part(BaseModel):
    """Base of all parts: unknown keys are mistakes, nothing is guessed, nothing changes later."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Image(Part):
    """The root file system of the host, built from distribution packages."""

    suite: str = Field("bookworm", description="Debian suite: bullseye, bookworm or trixie.")
    packages: Listed[PackageName] = Field(
        (), description="Debian packages to install, Puppet and its modules among them."
    )
    mirrors: Listed[str] = Field((), description="apt source lines or mirror URLs; the suite's usual ones when empty.")
    prepare: ExistingFile | None = Field(
        None, description="A shell script, run once as root in the image after the packages are installed."
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


class Release(Part):
    """How Puppet configures the host at one side of the upgrade."""

    manifest: ExistingFileOrDirectory = Field(
        description="The manifest (or directory of manifests) that `puppet apply` gets."
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
    facts: dict[str, str] = Field({}, description="External facts for every Puppet run of this release.")
    steps: Listed[int] = Field(
        (), description="Apply the release once for each step, in this order, with the fact `step`."
    )
    timeout: Seconds = Field(1800.0, description="Seconds one Puppet run may take.")


class Upgrade(Part):
    """The Ansible tasks that carry the host from the old release to the new one."""

    playbook: ExistingFile | None = Field(None, description="A playbook; its plays address `hosts: all`.")
    tasks: ExistingFile | None = Field(None, description="A bare list of tasks, instead of a playbook.")
    vars: dict[str, JsonValue] = Field({}, description="Extra variables.")
    tags: Listed[str] = Field((), description="Run only tasks with these tags; `{step}` in a tag stands for the step.")
    skip_tags: Listed[str] = Field((), description="Leave out tasks with these tags.")
    steps: Listed[int] = Field(
        (), description="Run the tasks once for each step, in this order, with the variable `step`."
    )
    collections: ModuleDirectory | None = Field(
        None, description="A directory with an `ansible_collections` of your own."
    )
    timeout: Seconds = Field(1800.0, description="Seconds one run of the tasks may take.")


class Probe(Part):
    """An assertion about the world that neither tool makes; evaluated in the host."""

    name: str = Field(description="What holds when the probe passes.")
    command: str = Field(description="A shell command, run as root in the host.")
    exit: int = Field(0, description="The exit status it must have.")
    stdout: str | None = Field(None, description="A regular expression its output must contain.")
    timeout: Seconds = Field(60.0, description="Seconds it may take.")
    after: Listed[Literal["upgrade", "converge"]] = Field(
        ("upgrade", "converge"), description="The phases it is evaluated after."
    )


class Noise(Part):
    """Paths whose changes say nothing about the releases."""

    path: str = Field(description="A path pattern: `*` within a name, `**` across directories.")
    reason: str = Field(description="Why a change there means nothing.")


def _one_source(upgrade: Upgrade) -> Upgrade:
    if (upgrade.playbook is None) == (upgrade.tasks is None):
        raise ValueError("name either `playbook` or `tasks`")
    return upgrade


class Scenario(Part):
    """One upgrade to be judged."""

    title: str = Field(description="What is upgraded, in one line.")
    image: Image
    host: HostPart = Field(default_factory=HostPart)
    services: Listed[Unit] = Field(
        (), description="Units whose state and restarts are reported one by one. Restarts of all others count too."
    )
    old: Release
    upgrade: Annotated[Upgrade, AfterValidator(_one_source)]
    new: Release
    probes: Listed[Probe] = ()
    noise: Listed[Noise] = ()


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
