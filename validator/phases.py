"""One phase on a live host: run the tool, watch the host, make the record."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Literal

from validator import process
from validator.bench import Bench, Observed, watched
from validator.host import beside
from validator.host.layer import Stack
from validator.host.machine import ENDED, HOST_ENV
from validator.inputs import INSIDE, StagedRelease, StagedTasks
from validator.places import Places
from validator.record import (
    AnsibleRun,
    Catalog,
    DiskSeen,
    Phase,
    PhaseName,
    Place,
    ProbeSeen,
    PuppetRun,
    Report,
    StepCatalog,
)
from validator.scenario.model import Probe, Release, Upgrade
from validator.spans import Spans
from validator.tools import ansible, puppet
from validator.witness import disk, probes

KEPT_LINES = 40  # last lines of a tool's output that are kept for a person
OUTPUT = "/run/validate-output"
NOT_FOUND = 127
OF_FACTS = "Error: Facter"
GO_ON, STOP = b".", b"!"  # what the callback waits for at a border
STOPPED = 99  # the status with which it ends Ansible's controller when told to stop


def puppet_phase(
    bench: Bench, name: PhaseName, release: Release, staged: StagedRelease, *, rounds: int = 1, settle: float = 0.0
) -> Phase:
    """Apply a release, all its steps, `rounds` times; stops at the first run that leaves no evidence.

    Services are looked at when each has had `settle` seconds since its last start. Where there are several steps, the
    disk is looked at after each, for one can undo what another did.
    """
    runs: list[PuppetRun] = []
    stack = bench.stack
    with watched(bench, settle) as seen:
        for number in range(1, rounds + 1):
            for step in release.steps or (None,):
                bench.say(f"puppet apply{'' if step is None else f' step {step}'}{'' if number == 1 else ' once more'}")
                runs.append(apply(bench, release, staged, step=step, number=number))
                if len(release.steps) > 1 and not runs[-1].trouble:
                    before, stack = stack, bench.snapshot()
                    runs[-1] = replace(runs[-1], disk=_changed(bench, before, stack))
                if runs[-1].trouble:
                    break
            if runs[-1].trouble:
                break
    phase = _phase(bench, name, "puppet", seen, sum(run.seconds for run in runs))
    return replace(phase, puppet=tuple(runs))


def ansible_phase(
    bench: Bench,
    name: PhaseName,
    upgrade: Upgrade,
    staged: StagedTasks,
    *,
    settle: float = 0.0,
    until: Place | None = None,
) -> Phase:
    """Run a list of tasks, once for each step; stops at the first run that does not get to its end.

    With `until` it stops when the task at that place has run for the first time. Such a run is not finished, and no
    evidence of anything.
    """
    runs: list[AnsibleRun] = []
    with watched(bench, settle) as seen:
        for step in (() if name == "fault" else upgrade.steps) or (None,):
            tags = ((), ()) if name == "fault" else (upgrade.tags, upgrade.skip_tags)
            runs.append(_play(bench, staged, step=step, timeout=upgrade.timeout, tags=tags, until=until))
            if runs[-1].trouble or runs[-1].exit_code == STOPPED:
                break
    phase = _phase(bench, name, "ansible", seen, sum(run.seconds for run in runs))
    return replace(phase, ansible=tuple(runs))


def with_probes(bench: Bench, phase: Phase, wanted: Iterable[Probe]) -> Phase:
    """The phase's record, with the probes evaluated now."""
    seen: list[ProbeSeen] = []
    for probe in wanted:
        bench.say(f"probe: {probe.name}")
        seen.append(probes.observe(bench.host, probe, bench.redactor))
    return replace(phase, probes=tuple(seen))


def _phase(
    bench: Bench, name: PhaseName, tool: Literal["puppet", "ansible"], seen: Observed, tool_seconds: float
) -> Phase:
    """The record so far; takes a snapshot to see what the phase changed on disk."""
    clock = time.monotonic()
    with bench.witnessing():
        after = bench.snapshot()
        changed = _changed(bench, bench.stack, after)
    bench.stack = after
    seconds = seen.seconds + time.monotonic() - clock
    return Phase(
        name=name,
        tool=tool,
        started=seen.started,
        seconds=seconds,
        cpu_seconds=seen.cpu_seconds,
        overhead_seconds=seconds - tool_seconds,
        witness_cpu_seconds=bench.witness_cpu_seconds,
        services=seen.services,
        disk=changed,
    )


def _changed(bench: Bench, before: Stack, after: Stack) -> DiskSeen:
    return disk.observe(before, after, bench.redactor, noise=bench.noise, times=bench.times)


def apply(
    bench: Bench,
    release: Release,
    staged: StagedRelease,
    *,
    step: int | None,
    number: int,
    debug: bool = False,
    compile_only: bool = False,
) -> PuppetRun:
    """One `puppet apply`, unwatched. With `debug` its report says which execs ran their command; with `compile_only`
    there is a catalog and nothing was applied."""
    output = f"{OUTPUT}/{staged.place}-{number}-{step}-{time.monotonic_ns()}"
    if step is not None and release.step_file is not None:
        _say_step(bench, release.step_file, step)
    asked = replace(asked_of(bench, release, staged, step=step, output=output), debug=debug, compile_only=compile_only)
    started = time.time()
    done = process.run(
        bench.host.command(
            *puppet.command(asked),
            label="puppet apply",
            env=puppet.environment(asked, HOST_ENV),
            timeout=release.timeout,
            accept=None,
        )
    )
    places = Places(pairs=staged.names)
    report, catalog, trouble = _evidence(bench, asked, places)
    if done.timed_out:
        trouble = f"puppet apply did not end within {release.timeout:.0f} s (`timeout` of the release gives it more)"
    elif report is None and done.code == NOT_FOUND:
        trouble = "there is no `puppet` in the host: name its package (puppet-agent) in `image.packages`"
    lines = (done.text + done.errors).splitlines()[-KEPT_LINES:]
    # A fact that fails is an error too, and seldom the cause.
    errors = sorted((line for line in lines if line.startswith("Error:")), key=lambda line: line.startswith(OF_FACTS))
    if trouble and errors:
        trouble = f"{trouble}: {bench.redactor.text(places.text(errors[0]))}"
    return PuppetRun(
        step=step,
        round=number,
        started=started,
        exit_code=done.code,
        seconds=done.seconds,
        report=report,
        catalog=catalog,
        trouble=trouble,
        output=tuple(bench.redactor.text(places.text(line)) for line in lines) if trouble else (),
    )


def asked_of(bench: Bench, release: Release, staged: StagedRelease, *, step: int | None, output: str) -> puppet.Apply:
    """What is asked of Puppet on this host, with room in the host for its report at `output`."""
    bench.host.run("mkdir", "-p", "-m", "0700", output, label="making room for a report")
    settings = ("grep", "-qs", puppet.WHOLE_REPORT, *puppet.SETTINGS_FILES)
    knows = bench.host.run(*settings, label="asking what Puppet knows", accept=None)
    return puppet.Apply(
        manifest=staged.manifest,
        modulepath=staged.modulepath,
        hiera=staged.hiera,
        output=output,
        facts={**release.facts, **({} if step is None else {"step": str(step)})},
        may_exclude=knows.code == 0,
    )


def compiled(bench: Bench, release: Release, staged: StagedRelease) -> tuple[tuple[StepCatalog, ...], str]:
    """What Puppet compiles for each step of a release, and what kept it from that; nothing is applied."""
    found: list[StepCatalog] = []
    for step in release.steps or (None,):
        bench.say(f"puppet compiles{'' if step is None else f' step {step}'}")
        run = apply(bench, release, staged, step=step, number=0, compile_only=True)
        if run.catalog is None:
            return tuple(found), run.trouble
        found.append(StepCatalog(step=step, catalog=run.catalog))
    return tuple(found), ""


def _say_step(bench: Bench, file: str, step: int) -> None:
    """Write the step where the author's Hiera looks for it."""
    script = 'mkdir -p "$(dirname "$1")" && printf "%s\n" "$2" > "$1"'
    bench.host.run("sh", "-c", script, "sh", file, json.dumps({"step": step}), label="saying the step")


def _evidence(bench: Bench, apply: puppet.Apply, places: Places) -> tuple[Report | None, Catalog | None, str]:
    """This run's report and catalog: both lie in a directory that only this run knew."""
    node = bench.host.run("sh", "-c", f"cat {apply.catalogs}/catalog/*.json", label="reading the catalog", accept=None)
    text = bench.host.read(apply.report)
    catalog: Catalog | None = None
    try:
        if node.code == 0:
            catalog = puppet.parse_catalog(node.stdout, places=places, redactor=bench.redactor)
            if bench.in_clear is not None:
                bench.in_clear.update(puppet.in_clear(node.stdout))
        if text is None:
            return None, catalog, "Puppet left no report: the catalog did not compile or the run was cut off"
        report = puppet.parse_report(text, places=places, redactor=bench.redactor, expected=bench.expected)
        if bench.executed is not None:
            bench.executed.update(puppet.provider_commands(text))
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
    until: Place | None = None,
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
    places = staged.places
    lines: list[str] = []
    seen: list[Place | None] = []
    with bench.witnessing():
        spans = Spans(bench)

    def on_event(line: str) -> bytes:
        lines.append(line)
        border = ansible.border(line, places=places)
        if border is None:
            return b""
        with bench.witnessing():
            spans.border(border)
        if until is not None and seen[-1:] == [until]:
            return STOP
        if border.task is not None:
            seen.append(border.task.place)
            bench.say(border.task.name)
        return GO_ON

    started = time.time()
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
    events = ansible.parse(lines, host=run.host, places=places, redactor=bench.redactor)
    trouble = _ansible_trouble(done, events, timeout, stepped=step is not None) if bench.host.running() else ENDED
    if until is not None and done.code == STOPPED:
        trouble = ""
    output = (done.text + done.errors).splitlines()[-KEPT_LINES:]
    return AnsibleRun(
        step=step,
        started=started,
        exit_code=done.code,
        seconds=done.seconds,
        finished=events.finished,
        tasks=events.tasks,
        left_out=events.left_out,
        spans=tuple(replace(span, name=bench.redactor.text(span.name)) for span in spans.closed()),
        trouble=bench.redactor.text(places.text(trouble)),
        output=tuple(bench.redactor.text(places.text(line)) for line in output) if trouble else (),
    )


def _ansible_trouble(done: process.Completed, seen: ansible.Events, timeout: float, *, stepped: bool) -> str:
    if done.timed_out:
        where = f" in task '{seen.unfinished}'" if seen.unfinished else ""
        return f"ansible-playbook did not end within {timeout:.0f} s{where} (`upgrade.timeout` gives it more)"
    failed = next((task for task in seen.tasks if task.status in {"failed", "unreachable"}), None)
    if failed is not None and done.code != 0:
        return f"task '{failed.name}' {failed.status}: {failed.message or 'no message'}"
    if seen.no_hosts:
        return "no play addressed the host: use `hosts: all`"
    if done.code == 0 and not seen.tasks and not stepped:  # a step may well have no task; none in any is `vacuous.tags`
        return "no task ran: check `tags` and `skip_tags` against the tags of the tasks"
    if done.code != 0 or not seen.finished:
        return f"ansible-playbook ended with status {done.code} before its recap"
    return ""
