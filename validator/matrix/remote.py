"""One cell on a worker of a Dask cluster: layers from the store, a process of its own, layers into the store.

A worker is started with the machine's own VALIDATE_CACHE. What it holds for a cell ends with the worker process, with
the task, and with whoever asked for it.
"""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from distributed import Reschedule, Status, get_worker

from validator.errors import MachineError, ValidatorError
from validator.host.cache import Cache
from validator.host.store import Layer, RefusedError, Store
from validator.matrix import identity, shipped
from validator.workers import Answer, Asked, Workers

POLL = 0.2  # seconds between looks at the cell's process
SERVING = {Status.running, Status.paused}
OTHER = "the worker {worker} has another validator or another Ansible"
# Places of files that were unpacked for a cell, in whatever cache; a cached phase may name those of another machine.
PLACES = r"/[^\"\s:,()\[\]]*"


@dataclass(frozen=True, kw_only=True)
class Job:
    """What a worker is sent: a cell as `worker.asked` tells it, its files, the layers it takes, and by whom it is to be
    run. `topic` is where news are told."""

    name: str
    asked: Asked
    files: bytes = field(repr=False)
    layers: tuple[Layer, ...]
    program: Mapping[str, object]
    topic: str
    store: str = ""


def run(job: Job) -> dict[str, Any]:
    """Run a cell to its end: `answer` and `trouble` as `workers.Ended` has them, `seconds`, and the `worker`."""
    here, started = get_worker(), time.monotonic()
    key = here.get_current_task()

    def tell(**news: object) -> None:
        here.log_event(job.topic, {"name": job.name, "worker": here.address, **news})

    def wanted() -> bool:
        """Whether anybody still waits for it: not when the task was cancelled, or the worker is to end."""
        task = here.state.tasks.get(key)
        return here.status in SERVING and task is not None and task.state != "cancelled"

    try:
        _require_same(job.program, here.address)
        answer, trouble = _run(job, tell, wanted)
    except ValidatorError as error:
        answer, trouble = {"error": f"{error.message} (on {here.address})", "hint": error.hint}, ""
    return {
        "answer": answer,
        "trouble": trouble and f"{trouble} (on {here.address})",
        "seconds": time.monotonic() - started,
        "worker": here.address,
    }


def _require_same(program: Mapping[str, object], address: str) -> None:
    here = identity.program()
    if dict(program) != dict(here):
        other = ", ".join(name for name in sorted({*program, *here}) if program.get(name) != here.get(name))
        raise MachineError(
            f"{OTHER.format(worker=address)}: {other}", hint="Install the same versions on all machines of the cluster."
        )


def _run(job: Job, tell: Callable[..., None], wanted: Callable[[], bool]) -> tuple[Answer | None, str]:
    cache = Cache.open()
    sharing = _Sharing(job, cache, tell)
    sharing.fetch()
    with ExitStack() as held:
        staging, _ = held.enter_context(cache.host_directory(f"cluster-{uuid.uuid4().hex[:8]}"))
        tree = staging.resolve() / "files"
        shipped.unpack(job.files, tree)
        workers = held.enter_context(Workers("validator.matrix.worker", staging, label="matrix"))
        workers.start(job.name, shipped.moved(job.asked, tree))
        doing = ""
        while wanted():
            for ended in workers.ended():
                sharing.push()
                return _as_it_was(ended.answer, cache), ended.trouble
            if workers.doing(job.name) != doing:
                doing = workers.doing(job.name)
                tell(doing=doing)
            sharing.push()
            time.sleep(POLL)
    raise Reschedule  # on a worker that is to end; nothing follows where nobody waits for it any more


def _as_it_was(answer: Answer | None, cache: Cache) -> Answer | None:
    """An answer with files where the author has them."""
    root = re.escape(json.dumps(str(cache.root.resolve()))[1:-1])
    text = re.sub(rf"(?:{root}|{PLACES})/hosts/cluster-[0-9a-f]{{8}}/files(?=/)", "", json.dumps(answer))
    back: Answer | None = json.loads(text)
    return back


class _Sharing:
    """The layers of a cell between the cache and the store. A store that fails keeps no cell from being run."""

    def __init__(self, job: Job, cache: Cache, tell: Callable[..., None]) -> None:
        self._cache, self._tell = cache, tell
        self._store = Store(job.store) if job.store else None
        self._open = list(job.layers) if self._store is not None else []
        self._refused: set[Layer] = set()

    def fetch(self) -> None:
        """Bring what the store has and the cache lacks: images first, for states belong to them."""
        for layer in self._open:
            if self._store is not None:
                try:
                    if self._store.fetch(layer, self._cache) == "fetched":
                        self._tell(fetched=layer.name)
                except RefusedError as error:
                    self._refused.add(layer)
                    self._tell(warning=f"{layer.name} is not taken from the store: {error.message}")
                except Exception as error:  # whatever its driver raises
                    self._refused.add(layer)
                    self._tell(warning=f"{layer.name} could not be fetched from the store: {_said(error)}")

    def push(self) -> None:
        """Put there what has been made since."""
        for layer in tuple(self._open):
            if self._store is not None and layer.is_in(self._cache):
                self._open.remove(layer)
                try:
                    if self._store.push(layer, self._cache, replace=layer in self._refused):
                        self._tell(pushed=layer.name)
                except Exception as error:  # whatever its driver raises
                    self._tell(warning=f"{layer.name} could not be put into the store: {_said(error)}")
                self._tell(ready=[layer.kind, layer.name])


def _said(error: Exception) -> str:
    return getattr(error, "message", "") or f"{type(error).__name__}: {error}"


def layers(about: identity.Identity) -> tuple[Layer, ...]:
    """What a cell takes that is worth being exchanged: the images, the old release, the fresh one."""
    under = (about.images[0], about.images[-1])  # as `identity.of` orders them
    return (
        *(Layer(kind="images", name=name) for name in about.images),
        *(Layer(kind="states", name=name, image=image) for name, image in zip(about.states, under, strict=False)),
    )
