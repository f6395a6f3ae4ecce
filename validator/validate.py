"""The stories: from a scenario to the record of everything that was observed."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from validator import __version__, forks, phases, record, sensitive, static
from validator.bench import Bench
from validator.host.cache import Cache
from validator.host.layer import Stack
from validator.plan import Plan, ReleaseName, make
from validator.progress import Progress
from validator.record import (
    Expected,
    Kind,
    RestartBudget,
    Run,
    Subject,
    Waiver,
)
from validator.scenario.load import Loaded
from validator.scenario.paths import written
from validator.selftest import kept
from validator.verdict import judge
from validator.work import Work, is_settled

AtEnd = Callable[[Work, Bench, Stack | None], None]


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """A finished validation: its record, and where that was saved. `upgraded` is the saved state of the upgraded host,
    empty where there is none."""

    run: Run
    path: Path
    upgraded: str = ""


def validate(
    loaded: Loaded,
    cache: Cache,
    progress: Progress,
    *,
    fail_fast: bool = False,
    kind: Kind = "upgrade",
    release: ReleaseName = "new",
    keep: bool = True,
    keep_upgraded: bool = False,
    upgraded: str = "",
    at_end: AtEnd | None = None,
) -> Recorded:
    """Run a scenario to its end, or to where it cannot go on, and save the record.

    What goes wrong on the way is part of the record, so that it can be judged. Raised is only what the author must
    mend before anything can run (`ScenarioError`, `UsageError`). With `fail_fast` there is no second Puppet run
    once the first has shown a divergence. `release` is the one that a double run (kind `idempotence`) deploys.
    Without `keep` the record is not saved. The upgraded host is kept for `validate shell` when the run did not
    converge, and with `keep_upgraded` in any case; no verdict of a whole scenario rests on what is kept. Only for a
    provisional answer there is `upgraded`, a state to start from instead of running the tasks: such a run is not saved.
    `at_end` is called with the live host of an upgrade that went through all phases: with the work, the bench, and the
    fresh host's layers where there are any.
    """
    started, clock = time.time(), time.monotonic()
    name = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(started))}-{uuid.uuid4().hex[:6]}"
    with cache.host_directory(f"run-{name}") as (staging, _):
        plan = make(loaded, staging, kind=kind, release=release)
        work = Work(plan, cache, progress, fail_fast=fail_fast, in_clear=at_end is not None)
        work.do(_story(kind, upgraded, at_end))
        run = Run(
            id=name,
            validator=__version__,
            started=started,
            seconds=time.monotonic() - clock,
            subject=replace(_subject(plan), selftest=kept.recall(cache, plan.digest)),
            phases=tuple(work.phases),
            troubles=tuple(work.troubles),
            agreement=work.agreement,
            replays=work.replays,
            static=work.static,
        )
        # Once more over everything: a phase may have shown a secret before a later one told that it is one.
        text = json.dumps(work.redactor.tree(json.loads(record.dump(sensitive.hidden(run)))), ensure_ascii=False)
        run = record.load_text(text)
        if keep and (keep_upgraded or judge(run).verdict != "converged"):
            work.keep_upgraded()
    keep = keep and not upgraded
    return Recorded(
        run=run,
        path=_save(name, plan.loaded.name, text, cache) if keep else Path(),
        upgraded=plan.copied_state if cache.has_state(plan.copied_state) else "",
    )


def _story(kind: Kind, upgraded: str, at_end: AtEnd | None) -> Callable[[Work, ExitStack], None]:
    """What a run does, from its first host to its last."""
    if upgraded:
        return partial(_from_upgraded, upgraded)
    return partial(_upgrade, at_end=at_end) if kind == "upgrade" else STORIES[kind]


def _upgrade(work: Work, held: ExitStack, at_end: AtEnd | None = None) -> None:
    """Old release, upgrade tasks, Puppet for the new release, once more: each only if the one before left a host."""
    plan = work.plan
    root = work.image(plan.image, held)
    work.static = static.gather(work, root, held)
    layers = (work.old_state(root, held), root)
    fresh = work.fresh_state(held) if plan.agreement else None
    if plan.fault is None:
        with work.host(layers, "upgrade") as bench:
            work.upgrade(bench)
            upgraded_layer = bench.stack.layers[0]
            try:
                work.converge(bench)
                _compared(work, bench, layers, fresh, at_end)
            finally:
                work.set_aside(upgraded_layer)
        return
    upgraded = (work.upgraded_state(layers, held), *layers)
    with work.host(upgraded, "fault") as bench:
        phase = phases.ansible_phase(bench, "fault", work.scenario.upgrade, plan.fault)
        work.ended(phase, go_on=not any(run.trouble for run in phase.ansible))
        work.converge(bench)
        _compared(work, bench, layers, fresh, at_end)


def _compared(work: Work, bench: Bench, layers: tuple[Path, ...], fresh: Stack | None, at_end: AtEnd | None) -> None:
    """What is found out beside the host that went through all phases, and while it still runs."""
    work.agreement = forks.agreement(work, bench, fresh)
    work.replays = forks.replays(work, bench, layers)
    if at_end is not None:
        at_end(work, bench, fresh)


def _from_upgraded(state: str, work: Work, held: ExitStack) -> None:
    """Puppet for the new release on a host that is booted from a saved state of the upgraded host."""
    root = work.image(work.plan.image, held)
    work.static = static.gather(work, root, held)
    layers = (work.old_state(root, held), root)
    fresh = work.fresh_state(held) if work.plan.agreement else None
    layer = held.enter_context(work.cache.using("states", state)) / "up"
    work.recalled(state, "ansible")
    with work.host((layer, *layers), "converge") as bench:
        work.converge(bench)
        _compared(work, bench, layers, fresh, None)


def _lint(work: Work, held: ExitStack) -> None:
    """What the tasks and the catalogs say before anything is applied."""
    work.static = static.gather(work, work.image(work.plan.image, held), held)


def _idempotence(work: Work, held: ExitStack) -> None:
    """A release deployed from nothing by Puppet, and once more."""
    plan = work.plan
    is_old = plan.release == "old"
    release, staged = (work.scenario.old, plan.old) if is_old else (work.scenario.new, plan.new)
    root = work.image(plan.image if is_old else plan.fresh_image, held)
    with work.host((root,), "fresh", staged, wait=False) as bench:
        phase = phases.puppet_phase(bench, "fresh", release, staged)
        work.ended(phase, go_on=all(is_settled(run) for run in phase.puppet))
        work.again(bench, release, staged)


def _upgrade_twice(work: Work, held: ExitStack) -> None:
    """The upgrade tasks on the old release, and the same tasks once more."""
    root = work.image(work.plan.image, held)
    layers = (work.old_state(root, held), root)
    with work.host(layers, "upgrade") as bench:
        work.upgrade(bench)
        work.starts("upgrade-again")
        settle = work.scenario.host.settle
        phase = phases.ansible_phase(bench, "upgrade-again", work.scenario.upgrade, work.plan.upgrade, settle=settle)
        work.ended(phase)


STORIES = {"lint": _lint, "upgrade": _upgrade, "idempotence": _idempotence, "upgrade-idempotence": _upgrade_twice}


def _subject(plan: Plan) -> Subject:
    loaded, scenario = plan.loaded, plan.loaded.scenario
    file = written(loaded.file.resolve())
    return Subject(
        name=loaded.name,
        title=loaded.title,
        file=file,
        digest=plan.digest,
        image=plan.image.name,
        phases=plan.phases,
        kind=plan.kind,
        probes=tuple(probe.name for probe in scenario.probes) if plan.kind == "upgrade" else (),
        probe_places=loaded.probe_places if plan.kind == "upgrade" else (),
        services=scenario.host.driver == "systemd",
        watched=scenario.services,
        agreement=plan.agreement,
        restarts=RestartBudget(
            default=scenario.restarts.default, units=dict(scenario.restarts.units), loop=scenario.restarts.loop
        ),
        expect=tuple(
            Expected(resource=each.resource, property=each.property, value=each.value, reason=each.reason, place=place)
            for each, place in zip(scenario.expect, loaded.expect_places, strict=True)
        ),
        proofs=plan.proofs,
        stand_ins=plan.stand_ins,
        terms=plan.terms,
        waivers=tuple(
            Waiver(
                rule=waiver.rule,
                subject=waiver.resource,
                path=waiver.path,
                reason=waiver.reason,
                owner=waiver.owner,
                expires=waiver.expires.isoformat(),
                place=place,
            )
            for waiver, place in zip(scenario.waivers, loaded.waiver_places, strict=True)
        ),
    )


def _save(name: str, about: str, text: str, cache: Cache) -> Path:
    with cache.making("runs", name) as unfinished:
        if unfinished is not None:
            (unfinished / "record.json").write_text(text, encoding="utf-8")
            cache.describe(unfinished, about=about)
    return cache.root / "runs" / name / "record.json"
