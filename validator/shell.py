"""The story of a look at a host: started from a saved state, or brought there now; thrown away afterwards."""

from __future__ import annotations

import shlex
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from validator import moments, phases, static
from validator.bench import Bench
from validator.errors import HostError
from validator.host import console, machine
from validator.host.cache import Cache
from validator.inputs import StagedRelease
from validator.moments import Moment
from validator.plan import make
from validator.progress import Progress
from validator.record import Phase
from validator.scenario.load import Loaded
from validator.scenario.model import Release
from validator.tools import puppet
from validator.work import Stop, Work

BY_HAND = f"{phases.OUTPUT}/by-hand"


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A host that is ready to be looked at.

    `saved`: it was booted from a saved state of the upgraded host, so that its services are not as the tasks left
    them. `ended` says what ended the tools before the moment that was asked for. `lines` apply a release by hand, each
    with the release's name; in those that are `incomplete` a secret was left out.
    """

    scenario: str
    moment: Moment
    saved: bool
    ended: str
    lines: tuple[tuple[str, str], ...]
    incomplete: bool
    host: machine.Host

    def run(self) -> int:
        """A shell in it until it ends; its exit status."""
        prompt = rf"[{'task' if self.moment.task else self.moment.after}] \u@\h:\w\$ "
        # Set late, and once: Debian's bashrc has a prompt of its own, and the author may want another.
        late = f"PS1={shlex.quote(prompt)}; unset PROMPT_COMMAND"
        path = puppet.PATH_SUFFIX
        return console.run(self.host, {"PROMPT_COMMAND": late, "PATH": machine.HOST_ENV["PATH"] + path})


@contextmanager
def opened(loaded: Loaded, cache: Cache, progress: Progress, *, at: str = "", live: bool = False) -> Iterator[Opened]:
    """A host at a moment of a scenario's run (see `moments.find`); nothing of it is left after the block.

    It starts from the saved state of the upgraded host where there is one; with `live` the tasks run now, and the
    host is the one in which they ran. Raises `UsageError` and `ScenarioError` for what the author must mend, and
    `HostError` where no host comes so far.
    """
    name = f"shell-{uuid.uuid4().hex[:8]}"
    with cache.host_directory(name) as (staging, _), ExitStack() as held:
        plan = make(loaded, staging)
        moment = moments.find(at, static.tasks_of(plan), variant=plan.fault is not None)
        work = Work(plan, cache, progress, fail_fast=False)
        layers, saved = _layers(work, held, moment, live=live)
        work.progress.phase_starts("host", "starting it")
        # What the tasks broke may not come up: that is what somebody wants to see.
        spec = work.spec(layers, plan.old, plan.new, wait=moment.after != "image" and not saved)
        host = held.enter_context(machine.started(spec, cache))
        bench = work.bench(host, layers)
        ended = _bring(work, bench, moment, upgraded=saved)
        lines = tuple(_by_hand(work, bench, moment))
        shown = tuple((release, bench.redactor.text(line)) for release, line in lines)
        yield Opened(
            scenario=loaded.name,
            moment=moment,
            saved=saved,
            ended=ended,
            lines=shown,
            incomplete=shown != lines,
            host=host,
        )


def _layers(work: Work, held: ExitStack, moment: Moment, *, live: bool) -> tuple[tuple[Path, ...], bool]:
    """What the host starts from, and whether that is the upgraded state. States that are missing are made."""
    plan = work.plan
    root = work.image(plan.image, held)
    if moment.after == "image":
        return (root,), False
    try:
        layers = (work.old_state(root, held), root)
        upgraded = None if moment.task is not None or live else _upgraded(work, layers, held, moment)
    except Stop as stop:
        last = work.phases[-1]
        trouble = _trouble(last) or "its second Puppet run changes something, or a resource failed"
        raise HostError(
            f"there is no host {moment.words}: `{last.name}` came to no good end: {trouble}",
            hint="`--at image` opens the host before that, with the lines that apply a release by hand."
            if last.name == "old"
            else "`--live` opens the host in which the tasks end, where they end.",
        ) from stop
    return (layers, False) if upgraded is None else ((upgraded, *layers), True)


def _upgraded(work: Work, layers: tuple[Path, ...], held: ExitStack, moment: Moment) -> Path | None:
    """The layer of an upgraded host that is in the cache; where a variant's own run starts, made when it is not."""
    plan = work.plan
    if not moment.includes("upgrade"):
        return None
    if plan.fault is not None and (moment.includes("fault") or work.cache.has_state(plan.upgraded_state)):
        return work.upgraded_state(layers, held)
    return work.copied_state(held) if work.cache.has_state(plan.copied_state) else None


def _bring(work: Work, bench: Bench, moment: Moment, *, upgraded: bool) -> str:
    """Run what lies between the state that a host was started from and the moment; what ended it before, if so."""
    plan, scenario = work.plan, work.scenario
    for name in ("upgrade", "fault", "converge", "again"):
        if not moment.includes(name) or (name == "upgrade" and upgraded) or (name == "fault" and plan.fault is None):
            continue
        work.starts(name)
        if name == "upgrade":
            phase = phases.ansible_phase(bench, name, scenario.upgrade, plan.upgrade, until=moment.task)
        elif name == "fault" and plan.fault is not None:
            phase = phases.ansible_phase(bench, name, scenario.upgrade, plan.fault)
        else:
            phase = phases.puppet_phase(bench, "converge" if name == "converge" else "again", scenario.new, plan.new)
        work.ended(phase)
        bench.host.require_running()
        if trouble := _trouble(phase):
            return f"`{name}` came to no good end, and the host is as it was left then: {trouble}"
        if moment.task is not None and phase.ansible[-1].exit_code != phases.STOPPED:
            return f"the tasks came to their end, and the one at {moment.task} did not run (tags, conditions)"
    return ""


def _trouble(phase: Phase) -> str:
    troubles = (*(run.trouble for run in phase.puppet), *(run.trouble for run in phase.ansible))
    return next(filter(None, troubles), "")


def _by_hand(work: Work, bench: Bench, moment: Moment) -> Iterator[tuple[str, str]]:
    """The command lines with which a release is applied by hand in the host."""
    plan, scenario = work.plan, work.scenario
    if not moment.includes("upgrade"):
        yield "old", _line(bench, scenario.old, plan.old)
    yield "new", _line(bench, scenario.new, plan.new)


def _line(bench: Bench, release: Release, staged: StagedRelease) -> str:
    """One line, for all steps. The shell's own environment has the path to Puppet."""
    asked = phases.asked_of(bench, release, staged, step=None, output=f"{BY_HAND}-{staged.place}")
    facts = (f"FACTER_{name}={shlex.quote(value)}" for name, value in asked.facts.items())
    line = " ".join((*facts, shlex.join(puppet.command(asked))))
    if not release.steps:
        return line
    say = ""
    if release.step_file is not None:
        file = shlex.quote(release.step_file)
        say = f"""mkdir -p "$(dirname {file})"; echo "{{\\"step\\": $step}}" > {file}; """
    steps = " ".join(map(str, release.steps))
    return f"for step in {steps}; do {say}FACTER_step=$step {line}; done"
