"""What will be done, in order, and what of it is in the cache already. Printable without running anything."""

from __future__ import annotations

import hashlib
import json
import uuid
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from validator.host.cache import Cache
from validator.host.image import ImageSpec
from validator.inputs import StagedRelease, StagedTasks, stage_fault, stage_release, stage_upgrade
from validator.record import PhaseName
from validator.scenario.load import Loaded
from validator.scenario.paths import written

RECIPE = 2  # raised when the way a phase is run changes, so that states made before are not used


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing the run will do. `state` is the cache's name of the result; `why` says what is cached or not."""

    name: str
    what: str
    state: str
    cached: bool


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A scenario with its inputs staged and every state's id known."""

    loaded: Loaded
    image: ImageSpec
    old: StagedRelease
    upgrade: StagedTasks
    fault: StagedTasks | None
    new: StagedRelease
    old_state: str
    upgraded_state: str
    digest: str

    @property
    def phases(self) -> tuple[PhaseName, ...]:
        """The phases whose evidence a verdict needs."""
        return (
            ("old", "upgrade", "fault", "converge", "again")
            if self.fault is not None
            else ("old", "upgrade", "converge", "again")
        )

    @property
    def secrets(self) -> frozenset[str]:
        """Secret values in the author's files."""
        fault = self.fault.secrets if self.fault is not None else frozenset[str]()
        return self.old.secrets | self.upgrade.secrets | self.new.secrets | fault

    def steps(self, cache: Cache) -> tuple[Step, ...]:
        """The steps, each with what the cache knows of it now."""
        upgrade = self.loaded.scenario.upgrade
        source = upgrade.playbook or upgrade.tasks
        image_ready = (cache.image(self.image.name) / "about.json").exists()
        fault_step = (
            ()
            if self.fault is None
            else (
                Step(
                    name="fault",
                    what=f"ansible: {written(self.loaded.fault) if self.loaded.fault else ''}",
                    state="",
                    cached=False,
                ),
            )
        )
        upgraded = self.fault is not None and cache.has_state(self.upgraded_state)
        return (
            Step(
                name="image",
                what=f"{self.image.suite}, {len(self.image.wanted)} packages asked for",
                state=self.image.name,
                cached=image_ready,
            ),
            Step(
                name="old",
                what=f"puppet: {self.loaded.scenario.old.manifest.name}, twice",
                state=self.old_state,
                cached=cache.has_state(self.old_state),
            ),
            Step(
                name="upgrade",
                what=f"ansible: {source.name if source else ''}",
                state=self.upgraded_state if self.fault else "",
                cached=upgraded,
            ),
            *fault_step,
            Step(name="converge", what=f"puppet: {self.loaded.scenario.new.manifest.name}", state="", cached=False),
            Step(name="again", what=f"puppet: {self.loaded.scenario.new.manifest.name}", state="", cached=False),
        )


def make(loaded: Loaded, staging: Path) -> Plan:
    """Stage a scenario's inputs below `staging` (a directory of this run) and name its states."""
    scenario = loaded.scenario
    image = ImageSpec(
        suite=scenario.image.suite,
        packages=scenario.image.packages,
        hostname=scenario.host.hostname,
        services=scenario.host.driver == "systemd",
        mirrors=scenario.image.mirrors,
        prepare=scenario.image.prepare.read_text(encoding="utf-8") if scenario.image.prepare else "",
    )
    old = stage_release(scenario.old, staging / "old", "old")
    new = stage_release(scenario.new, staging / "new", "new")
    upgrade = stage_upgrade(scenario.upgrade, staging / "upgrade", "upgrade")
    fault = stage_fault(loaded.fault, scenario.upgrade, staging / "fault", "fault") if loaded.fault else None
    host = [scenario.host.driver, scenario.host.addresses]
    old_state = _name("old", image.name, host, old.digest, _release(scenario.old))
    how = [scenario.upgrade.tags, scenario.upgrade.skip_tags, scenario.upgrade.steps, list(scenario.host.wait_for)]
    upgraded_state = _name("upgraded", old_state, upgrade.digest, how, version("ansible-core"))
    everything = _name("run", upgraded_state, new.digest, _release(scenario.new), fault.digest if fault else "")
    return Plan(
        loaded=loaded,
        image=image,
        old=old,
        upgrade=upgrade,
        fault=fault,
        new=new,
        old_state=old_state,
        upgraded_state=upgraded_state,
        digest=everything.partition("-")[2],
    )


def _release(release: object) -> str:
    """What a release says besides its files."""
    fields = {name: getattr(release, name) for name in ("modules", "facts", "steps")}
    return json.dumps(fields, sort_keys=True)


def _name(kind: str, *parts: object) -> str:
    text = json.dumps([RECIPE, kind, *parts], sort_keys=True)
    return f"{kind}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def preview(loaded: Loaded, cache: Cache) -> tuple[Step, ...]:
    """The steps a run would take now."""
    with cache.host_directory(f"plan-{uuid.uuid4().hex[:8]}") as (staging, _):
        return make(loaded, staging).steps(cache)
