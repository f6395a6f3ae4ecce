"""The means of every story: images and states from the cache or made, hosts, and the phases so far."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from validator import phases, record, sensitive
from validator.bench import Bench
from validator.errors import Problem, ScenarioError, ValidatorError
from validator.host import image, machine
from validator.host.cache import Below, Cache
from validator.host.image import ImageSpec
from validator.host.layer import Stack
from validator.inputs import PACKAGED_MODULES, StagedRelease
from validator.plan import Plan
from validator.progress import Progress
from validator.record import Agreement, Phase, PhaseName, PuppetRun, Replay, Static, Trouble
from validator.redact import Redactor
from validator.scenario.model import Probe, Release
from validator.scenario.paths import written


class Stop(Exception):  # noqa: N818 - no error: the phases so far say why nothing follows
    """The run ends here."""


class _Unsettled(Exception):  # noqa: N818 - no error either: the record says what did not settle
    """The state is not worth keeping."""


class Work:
    """A run as it goes: what is done so far, and what kept it from going on.

    `in_clear`: benches shall know values that no record holds. `upgraded` is the host as the tasks left it.
    """

    def __init__(
        self, plan: Plan, cache: Cache, progress: Progress, *, fail_fast: bool, in_clear: bool = False
    ) -> None:
        self.plan, self.cache, self.progress, self.fail_fast = plan, cache, progress, fail_fast
        self._in_clear = in_clear
        self.upgraded: Stack | None = None
        self.scenario = plan.loaded.scenario
        self.redactor = Redactor(plan.secrets)
        self.phases: list[Phase] = []
        self.troubles: list[Trouble] = []
        self.agreement: Agreement | None = None
        self.replays: tuple[Replay, ...] = ()
        self.static: Static | None = None
        self._now: PhaseName | None = None
        self._aside: Path | None = None

    def do(self, story: Callable[[Work, ExitStack], None]) -> None:
        """Carry out a story to its end, or to where it cannot go on.

        Raised is only what the author must mend before anything can run (`ScenarioError`); whatever else goes wrong
        becomes part of the record.
        """
        try:
            with ExitStack() as held:
                story(self, held)
        except Stop:
            return
        except ScenarioError:
            raise
        except ValidatorError as error:
            self.troubles.append(
                Trouble(phase=self._now, message=self.redactor.text(error.message), hint=self.redactor.text(error.hint))
            )

    def image(self, spec: ImageSpec, held: ExitStack) -> Path:
        """A base image, built when it is not in the cache, and kept as long as `held` is open."""
        ready = self.cache.has("images", spec.name)
        clock = time.monotonic()
        self.progress.phase_starts("image", spec.what)
        root = image.ensure(spec, self.cache, on_output=self.progress.doing)
        self.progress.phase_ends("image", spec.name, seconds=time.monotonic() - clock, cached=ready)
        _require_modules(self.plan, root)
        held.enter_context(self.cache.using("images", spec.name))
        return root

    def old_state(self, root: Path, held: ExitStack) -> Path:
        """The layer of the old release: from the cache, or made by Puppet now and proved to settle."""
        with self.cache.making("states", self.plan.old_state) as unfinished:
            if unfinished is not None:
                with self.host((root,), "old", self.plan.old, wait=False) as bench:
                    phase = phases.puppet_phase(bench, "old", self.scenario.old, self.plan.old, rounds=2)
                    self.ended(phase, go_on=all(is_settled(run) for run in phase.puppet))
                    bench.host.take_upper(unfinished / "up")
                self.keep(unfinished, phase, "old release", below=(("images", self.plan.image.name),))
        if unfinished is None:
            self.recalled(self.plan.old_state, "puppet")
        return held.enter_context(self.cache.using("states", self.plan.old_state)) / "up"

    def upgraded_state(self, layers: tuple[Path, ...], held: ExitStack) -> Path:
        """The layer of the upgrade tasks, for faults to start from: from the cache, or made now."""
        with self.cache.making("states", self.plan.upgraded_state) as unfinished:
            if unfinished is not None:
                with self.host(layers, "upgrade") as bench:
                    phase = self.upgrade(bench)
                    bench.host.take_upper(unfinished / "up")
                self.keep(unfinished, phase, "upgraded", below=self.plan.below_upgraded)
        if unfinished is None:
            self.recalled(self.plan.upgraded_state, "ansible")
        return held.enter_context(self.cache.using("states", self.plan.upgraded_state)) / "up"

    def copied_state(self, held: ExitStack) -> Path:
        """The layer of the upgraded host as it was while it ran, of an earlier run."""
        self.recalled(self.plan.copied_state, "ansible")
        return held.enter_context(self.cache.using("states", self.plan.copied_state)) / "up"

    def set_aside(self, layer: Path) -> None:
        """Move a copy of what the upgrade tasks have left out of the host's directory, which goes with the host."""
        self._aside = layer.rename(self.plan.upgrade.directory.with_name("upgraded"))

    def keep_upgraded(self) -> None:
        """Keep what was set aside, so that somebody can look at it. It was copied while the host ran, and no variant
        starts from it.

        Where the state is there already, or another run is making it, this one's is not needed. Nothing depends on it:
        a disk that is full keeps it from being kept, no more.
        """
        phase = next((each for each in self.phases if each.name == "upgrade"), None)
        if self._aside is None or phase is None or phase.cached:
            return
        with contextlib.suppress(OSError, ValidatorError):
            with self.cache.making("states", self.plan.copied_state, wait=False) as unfinished:
                if unfinished is not None:
                    self._aside.rename(unfinished / "up")
                    self.keep(unfinished, phase, "upgraded", below=self.plan.below_upgraded, copy=True)
            self.cache.thin_out_copies()

    def fresh_state(self, held: ExitStack) -> Stack | None:
        """A host that Puppet alone deployed with the new release, as it was while it ran; None when it did not settle.

        Only a comparison rests on it, so that the run goes on without.
        """
        root = self.image(self.plan.fresh_image, held)
        try:
            with self.cache.making("states", self.plan.fresh_state) as unfinished:
                if unfinished is not None:
                    phase = self._deployed(root, unfinished / "up")
                    below: Below = (("images", self.plan.fresh_image.name),)
                    self.keep(unfinished, phase, "new release, deployed fresh", below=below)
        except _Unsettled:
            return None
        if unfinished is None:
            self.recalled(self.plan.fresh_state, "puppet")
        return Stack((held.enter_context(self.cache.using("states", self.plan.fresh_state)) / "up", root))

    def _deployed(self, root: Path, layer: Path) -> Phase:
        """The new release on a host that has only the image, as it is while it runs. Raises `_Unsettled`."""
        new, staged, settle = self.scenario.new, self.plan.new, self.scenario.host.settle
        with self.host((root,), "fresh", wait=False) as bench:
            phase = phases.puppet_phase(bench, "fresh", new, staged, rounds=2, settle=settle)
            if not any(run.trouble for run in phase.puppet):
                phase = phases.with_probes(bench, phase, self.probes("fresh"))
            self.ended(phase)
            if not all(is_settled(run) for run in phase.puppet):
                raise _Unsettled
            bench.stack.layers[0].rename(layer)
        return phase

    def upgrade(self, bench: Bench) -> Phase:
        """The author's tasks, then the probes."""
        phase = phases.ansible_phase(bench, "upgrade", self.scenario.upgrade, self.plan.upgrade)
        if not any(run.trouble for run in phase.ansible):
            phase = phases.with_probes(bench, phase, self.probes("upgrade"))
        self.ended(phase, go_on=not any(run.trouble for run in phase.ansible))
        return phase

    def converge(self, bench: Bench) -> None:
        """Puppet for the new release, the probes, and Puppet once more: in the boot in which the upgrade ran."""
        self.starts("converge")
        self.upgraded = bench.stack
        phase = phases.puppet_phase(bench, "converge", self.scenario.new, self.plan.new)
        if not any(run.trouble for run in phase.puppet):
            phase = phases.with_probes(bench, phase, self.probes("converge"))
        quiet = all(is_quiet(run) for run in phase.puppet) and not any(probe.trouble for probe in phase.probes)
        # What the scenario expects to change is no reason to stop: the next run has to be silent.
        go_on = quiet or not self.fail_fast or bool(self.scenario.expect)
        self.ended(phase, go_on=go_on and not any(run.trouble for run in phase.puppet))
        self.again(bench, self.scenario.new, self.plan.new)

    def again(self, bench: Bench, release: Release, staged: StagedRelease) -> None:
        """Puppet once more."""
        self.starts("again")
        settle = self.scenario.host.settle
        phase = phases.puppet_phase(bench, "again", release, staged, settle=settle)
        self.ended(phase, go_on=not any(run.trouble for run in phase.puppet))

    def probes(self, after: str) -> Iterator[Probe]:
        """The scenario's probes for a phase."""
        return (probe for probe in self.scenario.probes if after in probe.after)

    @contextmanager
    def host(
        self, layers: tuple[Path, ...], name: PhaseName, release: StagedRelease | None = None, *, wait: bool = True
    ) -> Iterator[Bench]:
        """A host started from a stack of layers, with the release that Puppet will apply on it (the new one)."""
        self.starts(name)
        self.progress.doing("starting the host")
        with machine.started(self.spec(layers, release or self.plan.new, wait=wait), self.cache) as host:
            yield self.bench(host, layers)

    def spec(self, layers: tuple[Path, ...], *releases: StagedRelease, wait: bool = True) -> machine.HostSpec:
        """How to start a host in which Puppet can apply some releases."""
        return machine.HostSpec(
            driver=self.scenario.host.driver,
            hostname=self.scenario.host.hostname,
            layers=layers,
            binds=tuple((staged.directory, staged.place) for staged in releases),
            addresses=self.scenario.host.addresses,
            wait_for=self.scenario.host.wait_for if wait else (),
            boot_timeout=self.scenario.host.boot_timeout,
        )

    def bench(self, host: machine.Host, layers: tuple[Path, ...]) -> Bench:
        """A live host with what phases on it need."""
        return Bench(
            host=host,
            scenario=self.scenario,
            redactor=self.redactor,
            doing=self.progress.doing,
            stack=Stack(layers),
            in_clear={} if self._in_clear else None,
        )

    def starts(self, name: PhaseName) -> None:
        """Say that a phase begins, once."""
        if self._now != name:
            self._now = name
            step = next((step for step in self.plan.steps(self.cache) if step.name == name), None)
            self.progress.phase_starts(name, step.what if step else "")

    def ended(self, phase: Phase, *, go_on: bool = True) -> None:
        """Note a phase; raises `Stop` when nothing can follow it."""
        self.phases.append(phase)
        self.progress.phase_ends(phase.name, _sum(phase), seconds=phase.seconds, cached=phase.cached)
        if not go_on:
            raise Stop

    def keep(self, directory: Path, phase: Phase, what: str, *, below: Below, copy: bool = False) -> None:
        """Complete a state in the cache with the record of the phase that made it. `copy`: of a host that ran on."""
        shown = sensitive.hidden_in(phase, self.phases)
        redacted = json.dumps(self.redactor.tree(json.loads(record.dump_phase(shown))))
        (directory / "phase.json").write_text(redacted, encoding="utf-8")
        about = f"{what} of {self.plan.loaded.name.partition('/')[0]}"
        self.cache.describe(directory, below=below, about=about, copy=copy)

    def recalled(self, state: str, tool: str) -> Phase:
        """Take a phase's record from the cache."""
        with self.cache.using("states", state) as directory:
            phase = record.load_phase((directory / "phase.json").read_text(encoding="utf-8"))
        self.starts(phase.name)
        self.progress.doing(f"{tool} ran before; nothing it depends on has changed")
        self.ended(replace(phase, cached=True))
        return phase


def is_settled(run: PuppetRun) -> bool:
    """A first run of a release may change things; it may not fail, and the second may not change any."""
    if run.trouble or run.report is None or not run.report.completed:
        return False
    failed = any(each.failed or each.failed_to_restart for each in run.report.notable)
    return not failed and (run.round == 1 or is_quiet(run))


def is_quiet(run: PuppetRun) -> bool:
    """Nothing to report but, at most, skipped resources. Only decides what is worth running next; checks judge."""
    acts = {"success", "failure"}
    return run.report is not None and not any(
        each.failed or any(event.status in acts for event in each.events) for each in run.report.notable
    )


def _sum(phase: Phase) -> str:
    """A phase in a few words."""
    if phase.ansible:
        results = [task for run in phase.ansible for task in run.tasks]
        return f"{len(results)} task results, {sum(task.changed for task in results)} changed"
    reports = [run.report for run in phase.puppet if run.report is not None]
    if not reports:
        return "no report"
    changes = [int(report.metrics.get("resources", {}).get("changed", 0)) for report in reports]
    failed = sum(each.failed for report in reports for each in report.notable)
    words = " then ".join(str(number) for number in changes)
    return f"{reports[-1].resources} resources, {words} changed" + (f", {failed} failed" if failed else "")


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
