"""What will be done, in order, and what of it is in the cache already. Printable without running anything."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from validator import templates
from validator.host import rootfs
from validator.host.cache import Below, Cache
from validator.host.image import ImageSpec
from validator.inputs import StagedRelease, StagedTasks, stage_fault, stage_release, stage_upgrade
from validator.record import Kind, PhaseName, Proof
from validator.redact import values_in
from validator.scenario.load import Loaded
from validator.scenario.model import Scenario
from validator.scenario.paths import written

RECIPE = 4  # raised when the way a phase is run changes, so that states made before are not used


ReleaseName = Literal["old", "new"]


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing the run will do. `state` is the cache's name of the result; `why` says what is cached or not."""

    name: str
    what: str
    state: str
    cached: bool


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A scenario with its inputs staged and every state's id known. `release` is what a double run deploys."""

    loaded: Loaded
    kind: Kind
    release: ReleaseName
    image: ImageSpec
    fresh_image: ImageSpec
    old: StagedRelease
    upgrade: StagedTasks
    fault: StagedTasks | None
    new: StagedRelease
    old_state: str
    upgraded_state: str
    fresh_state: str
    catalogs_state: str
    digest: str
    stand_ins: tuple[str, ...] = ()

    @property
    def copied_state(self) -> str:
        """The upgraded host as it was while it ran, to be looked at; what a verdict rests on starts elsewhere."""
        return self.upgraded_state.replace("upgraded", "copied", 1)

    @property
    def below_upgraded(self) -> Below:
        """What the upgraded host lies on."""
        return (("images", self.image.name), ("states", self.old_state))

    @property
    def agreement(self) -> bool:
        """Whether the end is compared with a fresh host."""
        return self.kind == "upgrade" and self.loaded.scenario.agreement

    @property
    def phases(self) -> tuple[PhaseName, ...]:
        """The phases whose evidence a verdict needs."""
        if self.kind == "lint":
            return ()
        if self.kind == "idempotence":
            return ("fresh", "again")
        if self.kind == "upgrade-idempotence":
            return ("old", "upgrade", "upgrade-again")
        fresh: tuple[PhaseName, ...] = ("fresh",) if self.agreement else ()
        fault: tuple[PhaseName, ...] = ("fault",) if self.fault is not None else ()
        return ("old", *fresh, "upgrade", *fault, "converge", "again")

    @property
    def proofs(self) -> tuple[Proof, ...]:
        """Which probes prove that which resources were refreshed."""
        probes = self.loaded.scenario.probes
        return tuple(Proof(probe=probe.name, resources=probe.proves) for probe in probes if probe.proves)

    @property
    def terms(self) -> str:
        """Identifies what the scenario says besides its releases and tasks: what it asks, expects, allows and accepts.

        The same content with other terms may be judged otherwise.
        """
        said = self.loaded.scenario.model_dump_json(exclude={"title", "image", "old", "upgrade", "new"})
        compared = self.fresh_image.name if self.loaded.scenario.agreement else ""
        return hashlib.sha256(f"{said}\0{compared}".encode()).hexdigest()[:16]

    @property
    def secrets(self) -> frozenset[str]:
        """Secret values in the author's files."""
        fault = self.fault.secrets if self.fault is not None else frozenset[str]()
        options = (
            (each.resource.removesuffix("]").rpartition("/")[2], each.value) for each in self.loaded.scenario.expect
        )
        expected = frozenset(value for name, option in options for value in values_in({name: option}))
        return self.old.secrets | self.upgrade.secrets | self.new.secrets | fault | expected

    def steps(self, cache: Cache) -> tuple[Step, ...]:
        """The steps, each with what the cache knows of it now."""
        static = ("catalog",) if self.kind in {"lint", "upgrade"} else ()
        wanted = ("image", *static, *self.phases)
        return tuple(step for step in self._steps(cache) if step.name in wanted)

    def _steps(self, cache: Cache) -> Iterator[Step]:
        scenario = self.loaded.scenario
        image = self.fresh_image if self.kind == "idempotence" and self.release == "new" else self.image
        yield Step(
            name="image",
            what=image.what,
            state=image.name,
            cached=cache.has("images", image.name),
        )
        yield Step(
            name="catalog",
            what=f"puppet compiles {scenario.new.source}",
            state=self.catalogs_state,
            cached=cache.has_state(self.catalogs_state),
        )
        yield Step(
            name="old",
            what=f"puppet: {scenario.old.source}, twice",
            state=self.old_state,
            cached=cache.has_state(self.old_state),
        )
        deployed = scenario.old if self.release == "old" else scenario.new
        yield Step(
            name="fresh",
            what=f"puppet: {deployed.source} on a fresh host" + (", twice" if self.agreement else ""),
            state=self.fresh_state if self.agreement else "",
            cached=self.agreement and cache.has_state(self.fresh_state),
        )
        source = scenario.upgrade.playbook or scenario.upgrade.tasks
        tasks = f"ansible: {source.name if source else ''}"
        yield Step(
            name="upgrade",
            what=tasks,
            state=self.upgraded_state if self.fault else "",
            cached=self.fault is not None and cache.has_state(self.upgraded_state),
        )
        yield Step(name="upgrade-again", what=f"{tasks}, once more", state="", cached=False)
        fault = written(self.loaded.fault) if self.loaded.fault else ""
        yield Step(name="fault", what=f"ansible: {fault}", state="", cached=False)
        yield Step(name="converge", what=f"puppet: {scenario.new.source}", state="", cached=False)
        again = deployed if self.kind == "idempotence" else scenario.new
        yield Step(name="again", what=f"puppet: {again.source}", state="", cached=False)


def make(loaded: Loaded, staging: Path, *, kind: Kind = "upgrade", release: ReleaseName = "new") -> Plan:
    """Stage a scenario's inputs below `staging` (a directory of this run) and name its states.

    Raises `ScenarioError` for templates that cannot be rendered.
    """
    made = templates.rendered(loaded, staging / "rendered")
    loaded, scenario = made.loaded, made.loaded.scenario
    image = _image(scenario)
    # An image of the user's own serves the fresh host too: its packages are not ours to choose.
    fresh = scenario.new.packages if image.source is None else ()
    fresh_image = replace(image, packages=fresh or image.packages)
    old = made.shown(stage_release(scenario.old, staging / "old", "old"))
    new = made.shown(stage_release(scenario.new, staging / "new", "new"))
    upgrade = made.shown(stage_upgrade(scenario.upgrade, staging / "upgrade", "upgrade"))
    upgrade = replace(upgrade, origins=made.origins)
    fault = stage_fault(loaded.fault, scenario.upgrade, staging / "fault", "fault") if loaded.fault else None
    host = [scenario.host.driver, scenario.host.addresses]
    old_state = _name("old", image.name, host, old.digest, _release(scenario.old))
    how = [scenario.upgrade.tags, scenario.upgrade.skip_tags, scenario.upgrade.steps, list(scenario.host.wait_for)]
    asked = _asked(scenario, "upgrade")
    upgraded_state = _name("upgraded", old_state, upgrade.digest, how, asked, version("ansible-core"))
    fresh_state = _name("fresh", fresh_image.name, host, new.digest, _release(scenario.new), _asked(scenario, "fresh"))
    everything = _name("run", upgraded_state, new.digest, _release(scenario.new), fault.digest if fault else "")
    return Plan(
        loaded=loaded,
        kind=kind,
        release=release,
        image=image,
        fresh_image=fresh_image,
        old=old,
        upgrade=upgrade,
        fault=fault,
        new=new,
        old_state=old_state,
        upgraded_state=upgraded_state,
        fresh_state=fresh_state,
        catalogs_state=_name("catalogs", image.name, scenario.host.addresses, new.digest, _release(scenario.new)),
        digest=everything.partition("-")[2],
        stand_ins=made.replaced,
    )


def _image(scenario: Scenario) -> ImageSpec:
    asked, hostname, services = scenario.image, scenario.host.hostname, scenario.host.driver == "systemd"
    if asked.path is not None:
        return ImageSpec(
            suite="",
            packages=(),
            hostname=hostname,
            services=services,
            source=asked.path,
            content=rootfs.digest(asked.path),
        )
    return ImageSpec(
        suite=asked.suite,
        packages=asked.packages,
        hostname=hostname,
        services=services,
        mirrors=asked.mirrors,
        prepare=asked.prepare.read_text(encoding="utf-8") if asked.prepare else "",
    )


def _asked(scenario: Scenario, after: str) -> list[object]:
    """What is asked of a host at the end of a phase, and answered in the record that is kept with its state."""
    probes = [probe.model_dump() for probe in scenario.probes if after in probe.after]
    return [probes, list(scenario.services), [rule.path for rule in scenario.noise], scenario.host.settle]


def _release(release: object) -> str:
    """What a release says besides its files."""
    fields = {name: getattr(release, name) for name in ("modules", "facts", "steps", "step_file")}
    return json.dumps(fields, sort_keys=True)


def _name(kind: str, *parts: object) -> str:
    text = json.dumps([RECIPE, kind, *parts], sort_keys=True)
    return f"{kind}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def preview(loaded: Loaded, cache: Cache) -> tuple[Step, ...]:
    """The steps a run would take now."""
    with cache.host_directory(f"plan-{uuid.uuid4().hex[:8]}") as (staging, _):
        return make(loaded, staging).steps(cache)
