"""One phase on a live host: run the tool, watch the host, make the record."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from validator import process
from validator.host import beside
from validator.host.layer import Stack
from validator.host.machine import ENDED, HOST_ENV, Host
from validator.inputs import INSIDE, StagedRelease, StagedTasks
from validator.record import AnsibleRun, Catalog, Phase, PhaseName, ProbeSeen, PuppetRun, Report, ServicesSeen
from validator.redact import Redactor
from validator.scenario.model import Probe, Release, Scenario, Upgrade
from validator.tools import ansible, puppet
from validator.tools.places import Places
from validator.witness import disk, probes, services

KEPT_LINES = 40  # last lines of a tool's output that are kept for a person
OUTPUT = "/run/validate-output"
NOT_FOUND = 127


@dataclass(frozen=True, kw_only=True)
class Observed:
    """What the witnesses saw while a phase ran."""

    services: ServicesSeen | None = None
    started: float = 0.0
    seconds: float = 0.0
    cpu_seconds: float = 0.0


@dataclass(kw_only=True)
class Bench:
    """A host with what phases on it need: the scenario, the redactor, a listener, the last known disk state."""

    host: Host
    scenario: Scenario
    redactor: Redactor
    doing: Callable[[str], None]
    stack: Stack
    _snapshots: int = field(default=0)

    def say(self, text: str) -> None:
        """Tell the listener, without secrets."""
        self.doing(self.redactor.text(text))

    def snapshot(self) -> Stack:
        """Freeze the host for a moment and keep what it has written so far."""
        self._snapshots += 1
        target = self.host.directory / f"snapshot-{self._snapshots}"
        self.host.copy_upper(target)
        return Stack((target, *self.host.spec.layers))


def puppet_phase(bench: Bench, name: PhaseName, release: Release, staged: StagedRelease, *, rounds: int = 1) -> Phase:
    """Apply a release, all its steps, `rounds` times; stops at the first run that leaves no evidence."""
    runs: list[PuppetRun] = []
    with _watched(bench) as watching:
        for number in range(1, rounds + 1):
            for step in release.steps or (None,):
                bench.say(f"puppet apply{'' if step is None else f' step {step}'}{'' if number == 1 else ' once more'}")
                runs.append(_apply(bench, release, staged, step=step, number=number))
                if runs[-1].trouble:
                    break
            if runs[-1].trouble:
                break
    phase = _phase(bench, name, "puppet", watching.seen, sum(run.seconds for run in runs))
    return replace(phase, puppet=tuple(runs))


def ansible_phase(bench: Bench, name: PhaseName, upgrade: Upgrade, staged: StagedTasks) -> Phase:
    """Run a list of tasks, once for each step; stops at the first run that does not get to its end."""
    runs: list[AnsibleRun] = []
    with _watched(bench) as watching:
        for step in (upgrade.steps if name == "upgrade" else ()) or (None,):
            tags = (upgrade.tags, upgrade.skip_tags) if name == "upgrade" else ((), ())
            runs.append(_play(bench, staged, step=step, timeout=upgrade.timeout, tags=tags))
            if runs[-1].trouble:
                break
    phase = _phase(bench, name, "ansible", watching.seen, sum(run.seconds for run in runs))
    return replace(phase, ansible=tuple(runs))


def with_probes(bench: Bench, phase: Phase, wanted: Iterable[Probe]) -> Phase:
    """The phase's record, with the probes evaluated now."""
    seen: list[ProbeSeen] = []
    for probe in wanted:
        bench.say(f"probe: {probe.name}")
        seen.append(probes.observe(bench.host, probe, bench.redactor))
    return replace(phase, probes=tuple(seen))


@dataclass(kw_only=True)
class _Watching:
    seen: Observed = field(default_factory=Observed)


@contextmanager
def _watched(bench: Bench) -> Iterator[_Watching]:
    watching = _Watching()
    started, clock, cpu = time.time(), time.monotonic(), bench.host.cpu_seconds()
    watch = services.begin(bench.host) if bench.scenario.host.driver == "systemd" else None
    yield watching
    watching.seen = Observed(
        services=services.end(watch, bench.scenario.services) if watch else None,
        started=started,
        seconds=time.monotonic() - clock,
        cpu_seconds=bench.host.cpu_seconds() - cpu,
    )


def _phase(
    bench: Bench, name: PhaseName, tool: Literal["puppet", "ansible"], seen: Observed, tool_seconds: float
) -> Phase:
    """The record so far; takes a snapshot to see what the phase changed on disk."""
    clock = time.monotonic()
    after = bench.snapshot()
    noise = tuple(
        disk.NoiseRule(name="scenario", patterns=(rule.path,), reason=rule.reason) for rule in bench.scenario.noise
    )
    changed = disk.observe(bench.stack, after, noise)
    bench.stack = after
    seconds = seen.seconds + time.monotonic() - clock
    return Phase(
        name=name,
        tool=tool,
        started=seen.started,
        seconds=seconds,
        cpu_seconds=seen.cpu_seconds,
        overhead_seconds=seconds - tool_seconds,
        services=seen.services,
        disk=changed,
    )


def _apply(bench: Bench, release: Release, staged: StagedRelease, *, step: int | None, number: int) -> PuppetRun:
    output = f"{OUTPUT}/{staged.place}-{number}-{step}-{time.monotonic_ns()}"
    bench.host.run("mkdir", "-p", "-m", "0700", output, label="making room for a report")
    facts = {**release.facts, **({} if step is None else {"step": str(step)})}
    settings = ("grep", "-qs", puppet.WHOLE_REPORT, *puppet.SETTINGS_FILES)
    knows = bench.host.run(*settings, label="asking what Puppet knows", accept=None)
    apply = puppet.Apply(
        manifest=staged.manifest,
        modulepath=staged.modulepath,
        hiera=staged.hiera,
        output=output,
        facts=facts,
        may_exclude=knows.code == 0,
    )
    done = process.run(
        bench.host.command(
            *puppet.command(apply),
            label="puppet apply",
            env=puppet.environment(apply, HOST_ENV),
            timeout=release.timeout,
            accept=None,
        )
    )
    places = Places(pairs=staged.names)
    report, catalog, trouble = _evidence(bench, apply, places)
    if done.timed_out:
        trouble = f"puppet apply did not end within {release.timeout:.0f} s (`timeout` of the release gives it more)"
    elif report is None and done.code == NOT_FOUND:
        trouble = "there is no `puppet` in the host: name its package (puppet-agent) in `image.packages`"
    lines = (done.text + done.errors).splitlines()[-KEPT_LINES:]
    if trouble and (said := next((line for line in lines if line.startswith("Error:")), "")):
        trouble = f"{trouble}: {bench.redactor.text(places.text(said))}"
    return PuppetRun(
        step=step,
        round=number,
        exit_code=done.code,
        seconds=done.seconds,
        report=report,
        catalog=catalog,
        trouble=trouble,
        output=tuple(bench.redactor.text(places.text(line)) for line in lines) if trouble else (),
    )


def _evidence(bench: Bench, apply: puppet.Apply, places: Places) -> tuple[Report | None, Catalog | None, str]:
    """This run's report and catalog: both lie in a directory that only this run knew."""
    node = bench.host.run("sh", "-c", f"cat {apply.catalogs}/catalog/*.json", label="reading the catalog", accept=None)
    text = bench.host.read(apply.report)
    catalog: Catalog | None = None
    try:
        if node.code == 0:
            catalog = puppet.parse_catalog(node.stdout, places=places, redactor=bench.redactor)
        if text is None:
            return None, catalog, "Puppet left no report: the catalog did not compile or the run was cut off"
        report = puppet.parse_report(text, places=places, redactor=bench.redactor)
    except puppet.UnreadableError as error:
        return None, catalog, f"Puppet's evidence cannot be read: {error}"
    finally:
        bench.host.run("rm", "-rf", "--", apply.output, label="removing the raw report")
    return report, catalog, "" if catalog is not None else "Puppet left no catalog"


def _play(
    bench: Bench,
    staged: StagedTasks,
    *,
    step: int | None,
    timeout: float,
    tags: tuple[tuple[str, ...], tuple[str, ...]],
) -> AnsibleRun:
    programs = Path(sys.executable).parent
    run = ansible.Playbook(
        program=str(programs / "ansible-playbook"),
        playbook=staged.playbook,
        host=bench.scenario.host.hostname,
        init_pid=bench.host.init_in_reaper,
        variables=staged.variables,
        step=step,
        tags=tags[0],
        skip_tags=tags[1],
    )
    lines: list[str] = []

    def on_event(line: str) -> None:
        lines.append(line)
        if name := ansible.started(line):
            bench.say(name)

    done = process.run(
        beside.command(
            bench.host,
            ansible.command(run),
            env=ansible.environment(path=f"{programs}:{process.SYSTEM_PATH}", collections=staged.collections),
            cwd=f"{INSIDE}/{staged.place}/tasks",
            binds=((staged.directory, f"{INSIDE}/{staged.place}"),),
            label="ansible-playbook",
            timeout=timeout,
            channel=ansible.CHANNEL,
        ),
        on_channel=on_event,
    )
    places = Places(pairs=staged.names)
    seen = ansible.parse(lines, host=run.host, places=places, redactor=bench.redactor)
    trouble = _ansible_trouble(done, seen, timeout) if bench.host.running() else ENDED
    output = (done.text + done.errors).splitlines()[-KEPT_LINES:]
    return AnsibleRun(
        step=step,
        exit_code=done.code,
        seconds=done.seconds,
        finished=seen.finished,
        tasks=seen.tasks,
        trouble=bench.redactor.text(places.text(trouble)),
        output=tuple(bench.redactor.text(places.text(line)) for line in output) if trouble else (),
    )


def _ansible_trouble(done: process.Completed, seen: ansible.Events, timeout: float) -> str:
    if done.timed_out:
        where = f" in task '{seen.unfinished}'" if seen.unfinished else ""
        return f"ansible-playbook did not end within {timeout:.0f} s{where} (`upgrade.timeout` gives it more)"
    failed = next((task for task in seen.tasks if task.status in {"failed", "unreachable"}), None)
    if failed is not None and done.code != 0:
        return f"task '{failed.name}' {failed.status}: {failed.message or 'no message'}"
    if seen.no_hosts:
        return "no play addressed the host: use `hosts: all`"
    if done.code == 0 and not seen.tasks:
        return "no task ran: check `tags` and `skip_tags` against the tags of the tasks"
    if done.code != 0 or not seen.finished:
        return f"ansible-playbook ended with status {done.code} before its recap"
    return ""
