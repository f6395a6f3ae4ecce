"""What can be known before a host is made: the tasks as written, and the catalogs that Puppet compiles for them."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from validator import phases, record, sensitive
from validator.host import machine
from validator.inputs import INSIDE
from validator.places import Places
from validator.plan import Plan
from validator.record import Place, Static, WrittenTask
from validator.redact import MARK
from validator.scenario import tasks
from validator.work import Work


class _NotCompiled(Exception):  # noqa: N818 - no error: the record says so, and the next run tries again
    """There is no catalog worth keeping."""

    def __init__(self, static: Static) -> None:
        super().__init__(static.trouble)
        self.static = static


def gather(work: Work, root: Path, held: ExitStack) -> Static:
    """The tasks and the catalogs of a scenario. Puppet compiles in a bare host of the image, which is thrown away."""
    plan, clock = work.plan, time.monotonic()
    work.progress.phase_starts("catalog", plan.loaded.scenario.new.source)
    unfinished = None
    try:
        with work.cache.making("states", plan.catalogs_state) as unfinished:
            if unfinished is not None:
                text = json.dumps(work.redactor.tree(json.loads(record.dump_static(_compile(work, root)))))
                (unfinished / "catalogs.json").write_text(text, encoding="utf-8")
                about = f"catalogs of {plan.loaded.name.partition('/')[0]}"
                work.cache.describe(unfinished, below=(("images", plan.image.name),), about=about)
        directory = held.enter_context(work.cache.using("states", plan.catalogs_state))
        known = record.load_static((directory / "catalogs.json").read_text(encoding="utf-8"))
    except _NotCompiled as error:
        known = error.static
    known = sensitive.hidden_static(replace(known, tasks=tasks_of(work.plan)))
    many = max((len(each.catalog.resources) for each in known.catalogs), default=0)
    said = known.trouble or f"{many} resources, {len(known.tasks)} task{'' if len(known.tasks) == 1 else 's'}"
    work.progress.phase_ends("catalog", said, seconds=time.monotonic() - clock, cached=unfinished is None)
    return known


def _compile(work: Work, root: Path) -> Static:
    scenario, staged = work.scenario, work.plan.new
    spec = machine.HostSpec(
        driver="plain",
        hostname=scenario.host.hostname,
        layers=(root,),
        binds=((staged.directory, staged.place),),
        addresses=scenario.host.addresses,
    )
    with machine.started(spec, work.cache) as host:
        catalogs, trouble = phases.compiled(work.bench(host, (root,)), scenario.new, staged)
    static = Static(tasks=(), catalogs=catalogs, trouble=trouble)
    if trouble:
        raise _NotCompiled(static)
    return static


def tasks_of(plan: Plan) -> tuple[WrittenTask, ...]:
    """The upgrade tasks as their author wrote them, as far as they can be read without running them."""
    staged, upgrade = plan.upgrade, plan.loaded.scenario.upgrade
    source = upgrade.playbook or upgrade.tasks
    inside = f"{INSIDE}/{staged.place}/tasks"
    found = tasks.read(
        staged.directory / "tasks",
        source.name if source is not None else "",
        upgrade.vars,
        shown=lambda name: f"{inside}/{name}",
    )
    return tuple(_without_secrets(replace(task, place=_shown(task.place, staged.places))) for task in found)


def _shown(place: Place | None, places: Places) -> Place | None:
    return None if place is None else places.place(place.file, place.line)


def _without_secrets(task: WrittenTask) -> WrittenTask:
    """A task that asks for silence is not looked into."""
    silent = str(task.keywords.get("no_log", "false")).lower() in {"true", "yes", "1"}
    return replace(task, args={}, unknown=(MARK,)) if silent else task
