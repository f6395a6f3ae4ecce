"""The story of one validation: from a scenario to the record of everything that was observed."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from validator import __version__, phases, record
from validator.errors import Problem, ScenarioError, ValidatorError
from validator.host import image, machine
from validator.host.cache import Cache
from validator.host.layer import Stack
from validator.inputs import PACKAGED_MODULES, StagedTasks
from validator.plan import Plan, make
from validator.progress import Progress
from validator.record import Phase, PhaseName, PuppetRun, Run, Subject, Trouble
from validator.redact import Redactor
from validator.scenario.load import Loaded
from validator.scenario.paths import written


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """A finished validation: its record, and where that was saved."""

    run: Run
    path: Path


def validate(loaded: Loaded, cache: Cache, progress: Progress, *, fail_fast: bool = False) -> Recorded:
    """Run a scenario to its end, or to where it cannot go on, and save the record.

    What goes wrong on the way is part of the record, so that it can be judged. Raised is only what the author must
    mend before anything can run (`ScenarioError`, `UsageError`). With `fail_fast` there is no second Puppet run
    once the first has shown a divergence.
    """
    started, clock = time.time(), time.monotonic()
    name = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(started))}-{uuid.uuid4().hex[:6]}"
    with cache.host_directory(f"run-{name}") as (staging, _):
        plan = make(loaded, staging)
        work = _Work(plan, cache, progress, fail_fast=fail_fast)
        work.run()
    run = Run(
        id=name,
        validator=__version__,
        started=started,
        seconds=time.monotonic() - clock,
        subject=Subject(
            name=loaded.name,
            title=loaded.title,
            file=written(loaded.file.resolve()),
            digest=plan.digest,
            image=plan.image.name,
            phases=plan.phases,
            probes=tuple(probe.name for probe in loaded.scenario.probes),
            services=loaded.scenario.host.driver == "systemd",
        ),
        phases=tuple(work.phases),
        troubles=tuple(work.troubles),
    )
    # Once more over everything: a phase may have shown a secret before a later one told that it is one.
    redacted = record.load_text(json.dumps(work.redactor.tree(json.loads(record.dump(run)))))
    return Recorded(run=redacted, path=_save(redacted, cache))


class _Stop(Exception):  # noqa: N818 - no error: the phases so far say why nothing follows
    """The run ends here."""


class _Work:
    """The run as it goes: what is done so far, and what kept it from going on."""

    def __init__(self, plan: Plan, cache: Cache, progress: Progress, *, fail_fast: bool) -> None:
        self.plan, self.cache, self.progress, self.fail_fast = plan, cache, progress, fail_fast
        self.scenario = plan.loaded.scenario
        self.redactor = Redactor(plan.secrets)
        self.phases: list[Phase] = []
        self.troubles: list[Trouble] = []
        self._now: PhaseName | None = None

    def run(self) -> None:
        """Image, old release, upgrade, new release, once more: each only if the one before left what it needs."""
        try:
            root = self.image()
            with ExitStack() as held:
                held.enter_context(self.cache.using("images", self.plan.image.name))
                self.old_release(root)
                layers = (held.enter_context(self.cache.using("states", self.plan.old_state)) / "up", root)
                if self.plan.fault is None:
                    with self.host(layers, "upgrade") as bench:
                        self.upgrade(bench)
                        self.converge(bench)
                else:
                    self.upgraded_state(layers)
                    self.faulty(layers, self.plan.fault)
        except _Stop:
            return
        except ScenarioError:
            raise
        except ValidatorError as error:
            self.troubles.append(
                Trouble(phase=self._now, message=self.redactor.text(error.message), hint=self.redactor.text(error.hint))
            )

    def image(self) -> Path:
        """The base image, built when it is not in the cache."""
        spec = self.plan.image
        ready = (self.cache.image(spec.name) / "about.json").exists()
        clock = time.monotonic()
        self.progress.phase_starts("image", f"{spec.suite}, {len(spec.wanted)} packages asked for")
        root = image.ensure(spec, self.cache, on_output=self.progress.doing)
        self.progress.phase_ends("image", spec.name, seconds=time.monotonic() - clock, cached=ready)
        _require_modules(self.plan, root)
        return root

    def old_release(self, root: Path) -> None:
        """The old release's state: from the cache, or made by Puppet now and proved to settle."""
        with self.cache.making("states", self.plan.old_state) as unfinished:
            if unfinished is not None:
                with self.host((root,), "old", wait=False) as bench:
                    phase = phases.puppet_phase(bench, "old", self.scenario.old, self.plan.old, rounds=2)
                    self.ended(phase, go_on=all(_is_settled(run) for run in phase.puppet))
                    bench.host.take_upper(unfinished / "up")
                self.keep(unfinished, phase, "old release")
        if unfinished is None:
            self.recalled(self.plan.old_state, "puppet")

    def upgraded_state(self, layers: tuple[Path, ...]) -> None:
        """The state after the upgrade tasks, for faults to start from: from the cache, or made now."""
        with self.cache.making("states", self.plan.upgraded_state) as unfinished:
            if unfinished is not None:
                with self.host(layers, "upgrade") as bench:
                    phase = self.upgrade(bench)
                    bench.host.take_upper(unfinished / "up")
                self.keep(unfinished, phase, "upgraded")
        if unfinished is None:
            self.recalled(self.plan.upgraded_state, "ansible")

    def faulty(self, layers: tuple[Path, ...], fault: StagedTasks) -> None:
        """A variant: the upgraded state, one fault, then Puppet."""
        with (
            self.cache.using("states", self.plan.upgraded_state) as upgraded,
            self.host((upgraded / "up", *layers), "fault") as bench,
        ):
            phase = phases.ansible_phase(bench, "fault", self.scenario.upgrade, fault)
            self.ended(phase, go_on=not any(run.trouble for run in phase.ansible))
            self.converge(bench)

    def upgrade(self, bench: phases.Bench) -> Phase:
        """The author's tasks, then the probes."""
        phase = phases.ansible_phase(bench, "upgrade", self.scenario.upgrade, self.plan.upgrade)
        if not any(run.trouble for run in phase.ansible):
            phase = phases.with_probes(
                bench, phase, (probe for probe in self.scenario.probes if "upgrade" in probe.after)
            )
        self.ended(phase, go_on=not any(run.trouble for run in phase.ansible))
        return phase

    def converge(self, bench: phases.Bench) -> None:
        """Puppet for the new release, the probes, and Puppet once more: in the boot in which the upgrade ran."""
        self.starts("converge")
        phase = phases.puppet_phase(bench, "converge", self.scenario.new, self.plan.new)
        if not any(run.trouble for run in phase.puppet):
            phase = phases.with_probes(
                bench, phase, (probe for probe in self.scenario.probes if "converge" in probe.after)
            )
        quiet = all(_is_quiet(run) for run in phase.puppet) and not any(probe.trouble for probe in phase.probes)
        self.ended(phase, go_on=not any(run.trouble for run in phase.puppet) and (quiet or not self.fail_fast))
        self.starts("again")
        self.ended(phases.puppet_phase(bench, "again", self.scenario.new, self.plan.new))

    @contextmanager
    def host(self, layers: tuple[Path, ...], name: PhaseName, *, wait: bool = True) -> Iterator[phases.Bench]:
        """A host started from a stack of layers, with the inputs of the phases that will run on it."""
        self.starts(name)
        self.progress.doing("starting the host")
        release = self.plan.old if name == "old" else self.plan.new
        spec = machine.HostSpec(
            driver=self.scenario.host.driver,
            hostname=self.scenario.host.hostname,
            layers=layers,
            binds=((release.directory, release.place),),
            addresses=self.scenario.host.addresses,
            wait_for=self.scenario.host.wait_for if wait else (),
            boot_timeout=self.scenario.host.boot_timeout,
        )
        with machine.started(spec, self.cache) as host:
            yield phases.Bench(
                host=host,
                scenario=self.scenario,
                redactor=self.redactor,
                doing=self.progress.doing,
                stack=Stack(layers),
            )

    def starts(self, name: PhaseName) -> None:
        """Say that a phase begins, once."""
        if self._now != name:
            self._now = name
            step = next(step for step in self.plan.steps(self.cache) if step.name == name)
            self.progress.phase_starts(name, step.what)

    def ended(self, phase: Phase, *, go_on: bool = True) -> None:
        """Note a phase; raises `_Stop` when nothing can follow it."""
        self.phases.append(phase)
        self.progress.phase_ends(phase.name, _sum(phase), seconds=phase.seconds, cached=phase.cached)
        if not go_on:
            raise _Stop

    def keep(self, directory: Path, phase: Phase, what: str) -> None:
        """Complete a state in the cache with the record of the phase that made it."""
        redacted = json.dumps(self.redactor.tree(json.loads(record.dump_phase(phase))))
        (directory / "phase.json").write_text(redacted, encoding="utf-8")
        self.cache.describe(directory, about=f"{what} of {self.plan.loaded.name.partition('/')[0]}")

    def recalled(self, state: str, tool: str) -> None:
        """Take a phase's record from the cache."""
        with self.cache.using("states", state) as directory:
            phase = record.load_phase((directory / "phase.json").read_text(encoding="utf-8"))
        self.starts(phase.name)
        self.progress.doing(f"{tool} ran before; nothing it depends on has changed")
        self.ended(replace(phase, cached=True))


def _is_settled(run: PuppetRun) -> bool:
    """A first run of the old release may change things; it may not fail, and the second may not change any."""
    if run.trouble or run.report is None or not run.report.completed:
        return False
    failed = any(each.failed or each.failed_to_restart for each in run.report.notable)
    return not failed and (run.round == 1 or _is_quiet(run))


def _is_quiet(run: PuppetRun) -> bool:
    """Nothing to report but, at most, skipped resources. Only decides what is worth running next; checks judge."""
    return run.report is not None and not any(each.events or each.failed for each in run.report.notable)


def _sum(phase: Phase) -> str:
    """A phase in a few words."""
    if phase.ansible:
        results = [task for run in phase.ansible for task in run.tasks]
        return f"{len(results)} task results, {sum(task.changed for task in results)} changed"
    reports = [run.report for run in phase.puppet if run.report is not None]
    if not reports:
        return "no report"
    changes = [int(report.metrics.get("changes", {}).get("total", 0)) for report in reports]
    failed = sum(each.failed for report in reports for each in report.notable)
    words = " then ".join(str(number) for number in changes)
    return f"{reports[-1].resources} resources, {words} change(s)" + (f", {failed} failed" if failed else "")


def _require_modules(plan: Plan, root: Path) -> None:
    """Raise `ScenarioError` for modules that the image does not have."""
    problems = []
    for key in ("old", "new"):
        release = plan.loaded.scenario.old if key == "old" else plan.loaded.scenario.new
        for name in release.modules or ():
            place = root / PACKAGED_MODULES.lstrip("/") / name
            if not place.is_symlink() and not place.exists():
                message = f"the image has no Puppet module {name!r}"
                problems.append(
                    Problem(
                        file=written(plan.loaded.file.resolve()),
                        line=1,
                        column=1,
                        key=f"{key}.modules",
                        message=message,
                    )
                )
    if problems:
        raise ScenarioError(
            tuple(problems), hint="Name the packages that ship them (puppet-module-...) in `image.packages`."
        )


def _save(run: Run, cache: Cache) -> Path:
    with cache.making("runs", run.id) as unfinished:
        if unfinished is not None:
            (unfinished / "record.json").write_text(record.dump(run), encoding="utf-8")
            cache.describe(unfinished, about=run.subject.name)
    return cache.root / "runs" / run.id / "record.json"
