"""What is found out beside the run's own host: a comparison with a fresh one, and replays on a fork."""

from __future__ import annotations

import time
from pathlib import Path

from validator import phases
from validator.bench import Bench
from validator.checks import refresh
from validator.host.layer import Stack, put_back
from validator.record import Agreement, Replay, Run, Subject
from validator.witness import disk
from validator.work import Work


def agreement(work: Work, bench: Bench, fresh: Stack | None) -> Agreement | None:
    """The upgraded host as it is now beside the fresh one; None when there is none to compare with."""
    again = next((phase for phase in work.phases if phase.name == "again"), None)
    deployed = next((phase for phase in work.phases if phase.name == "fresh"), None)
    if fresh is None or again is None or deployed is None:
        return None
    work.progress.doing("comparing with a host that Puppet alone deployed")
    return Agreement(
        disk=disk.observe(fresh, bench.stack, work.redactor, noise=bench.noise, both_ways=True),
        fresh_units=deployed.services.states if deployed.services else (),
        upgraded_units=again.services.states if again.services else (),
    )


def replays(work: Work, bench: Bench, layers: tuple[Path, ...]) -> tuple[Replay, ...]:
    """Where a refresh seems lost: the sources as they were before the upgrade, on a fork, and Puppet applied to it."""
    if work.scenario.checks.confirm != "replay":
        return ()
    lost = refresh.candidates(_so_far(work))
    paths = tuple(sorted({path for each in lost for path in each.paths}))
    if not paths:
        return ()
    layer = bench.host.directory / "put-back"
    put_back(paths, Stack(layers), bench.stack, layer)
    work.progress.doing(f"replaying: {len(paths)} path(s) as before the upgrade, then Puppet")
    found: list[Replay] = []
    with work.host((layer, *bench.stack.layers), "again") as fork:
        for step in work.scenario.new.steps or (None,):
            applied = phases.apply(fork, work.scenario.new, work.plan.new, step=step, number=1, debug=True)
            found.append(Replay(paths=paths, puppet=applied, trouble=applied.trouble))
    return tuple(found)


def _so_far(work: Work) -> Run:
    """The run as far as it has come, for a check that decides what is worth doing."""
    scenario = work.scenario
    subject = Subject(
        name="",
        title="",
        file="",
        digest="",
        image="",
        phases=work.plan.phases,
        services=scenario.host.driver == "systemd",
        proofs=work.plan.proofs,
    )
    return Run(id="", validator="", started=time.time(), seconds=0.0, subject=subject, phases=tuple(work.phases))
