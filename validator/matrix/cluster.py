"""Cells on the workers of a Dask cluster (`distributed`). Dask decides where, and runs again elsewhere what died with
its worker; here each cell counts once, and whatever keeps it from an answer is an error of that cell.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError
from concurrent.futures import Future as Promise
from contextlib import suppress
from types import TracebackType
from typing import Any

from distributed import Client, Future
from distributed.scheduler import KilledWorker

from validator.errors import MachineError, UsageError, ValidatorError
from validator.host.store import Layer, Store
from validator.matrix import identity, remote, shipped, worker
from validator.matrix.identity import Identity
from validator.workers import Ended

CONNECTING = 20.0  # seconds
BETWEEN = 2.0  # seconds between questions to the scheduler
PATIENCE = 60.0  # seconds without an answer from it, or without any worker, after which nothing more is expected
GATHERING = 60.0  # seconds for a result to come over
RETRIES = 1  # times that a cell is run again whose worker failed without having died
AGAIN = "Results that came in are kept: run the same command again."


class Cluster:
    """The scheduler at an address, as `validator.matrix.run.Executor`. Workers share layers through `store`, a URL.

    `warn` is told what is wrong and keeps no cell from being run.
    """

    def __init__(
        self,
        address: str,
        identities: Mapping[str, Identity],
        *,
        store: str = "",
        warn: Callable[[str], None],
        patience: float = PATIENCE,
    ) -> None:
        if store:
            Store(store)  # there is a driver for it
        self._address, self._identities, self._store = address, identities, store
        self._warn, self._patience = warn, patience
        self._run = uuid.uuid4().hex[:12]
        self._futures: dict[str, Future[Any]] = {}
        self._jobs: dict[str, remote.Job] = {}  # held back until another cell has made what they need
        self._failed: dict[str, ValidatorError] = {}
        self._since: dict[str, float] = {}
        self._doing: dict[str, str] = {}
        self._makers: dict[tuple[str, str], str] = {}
        self._ready: set[tuple[str, str]] = set()
        self._news: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._lost = ""
        self._question: Promise[dict[str, Any]] | None = None
        self._asked = self._served = 0.0

    def __enter__(self) -> Cluster:
        """Raises `MachineError` when there is no scheduler, `UsageError` for an address that is none."""
        logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what matters is told as the cells' outcome
        try:
            self._client = Client(self._address, timeout=CONNECTING, set_as_default=False, name="validate")
        except ValueError as error:
            raise UsageError(
                f"{self._address!r} is no address of a scheduler: {error}", hint="It looks like tcp://host:8786."
            ) from error
        except (OSError, TimeoutError) as error:
            raise MachineError(
                f"the scheduler {self._address} cannot be reached: {error}", hint="`dask scheduler` starts one."
            ) from error
        self._client.subscribe_topic(self._topic, lambda event: self._news.put(event[1]))
        self._asked = self._served = time.monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def _topic(self) -> str:
        return f"validate-{self._run}"

    @property
    def running(self) -> tuple[str, ...]:
        """The cells that were started and have not ended."""
        return tuple(self._since)

    def start(self, name: str, asked: Mapping[str, object]) -> None:
        """Send a cell to the scheduler, or hold it back while another one makes what it needs."""
        self._since[name] = time.monotonic()
        if self._lost:
            return
        about = self._identities[name]
        try:
            packed = shipped.pack(worker.cell_of(dict(asked)))
        except ValidatorError as error:
            self._failed[name] = error
            return
        self._jobs[name] = remote.Job(
            name=name,
            asked=shipped.resolved(dict(asked)),
            files=packed,
            layers=remote.layers(about),
            program=identity.program(),
            topic=self._topic,
            store=self._store,
        )
        self._send()

    def doing(self, name: str) -> str:
        """Which phase it is in, where one is known."""
        return self._doing.get(name, "")

    def ended(self) -> tuple[Ended, ...]:
        """The cells that have ended since the last call."""
        self._hear()
        self._look()
        found = [ended for name in tuple(self._since) if (ended := self._ended(name)) is not None]
        self._send()
        return tuple(found)

    def stop(self) -> None:
        """Want nothing any more: workers end what they run for this client."""
        self._since.clear()
        self._jobs.clear()
        self._futures.clear()
        with suppress(Exception):  # a scheduler that is gone, or does not answer, has nothing to be told
            self._client.close(timeout=5)

    def _send(self) -> None:
        """Submit those that need not wait for what another one makes."""
        for name, job in tuple(self._jobs.items()):
            keys = [_key(layer) for layer in job.layers] if self._store else []
            if self._lost or any(self._makers.get(key, name) != name for key in keys):
                continue
            self._makers.update({key: name for key in keys if key not in self._ready})
            del self._jobs[name]
            try:
                self._futures[name] = self._client.submit(
                    remote.run,
                    job,
                    key=f"{self._topic}-{self._identities[name].inputs[:32]}",
                    pure=False,
                    retries=RETRIES,
                )
            except Exception as error:  # the connection has just gone
                self._lose(f"the scheduler {self._address} is gone: {error}")

    def _hear(self) -> None:
        """What workers told."""
        with suppress(queue.Empty):
            while True:
                news = self._news.get_nowait()
                if "doing" in news:
                    self._doing[news["name"]] = str(news["doing"])
                if "warning" in news:
                    self._warn(f"{news['worker']}: {news['warning']}")
                if "ready" in news:
                    kind, layer = news["ready"]
                    self._ready.add((kind, layer))
                    self._makers.pop((kind, layer), None)

    def _look(self) -> None:
        """Whether the scheduler is there and has workers."""
        now = time.monotonic()
        if self._client.status != "running":
            self._lose(f"the connection to the scheduler {self._address} is lost")
        if self._lost:
            return
        if self._question is None:
            if now - self._asked > BETWEEN:
                self._asked = now
                client: Any = self._client  # its attributes may be None before it is connected, and it is
                asking = client.scheduler.identity()
                self._question = asyncio.run_coroutine_threadsafe(asking, client.loop.asyncio_loop)
        elif self._question.done():
            error = self._question.exception()
            if error is not None:
                self._lose(f"the scheduler {self._address} is gone: {error}")
            elif self._question.result()["n_workers"]:
                self._served = now
            elif now - self._served > self._patience:
                self._lose(f"the scheduler {self._address} has had no worker for {self._patience:.0f} s")
            self._question = None
        elif now - self._asked > self._patience:
            self._lose(f"the scheduler {self._address} has not answered for {self._patience:.0f} s")

    def _lose(self, why: str) -> None:
        self._lost = self._lost or why

    def _ended(self, name: str) -> Ended | None:
        failed, future = self._failed.pop(name, None), self._futures.get(name)
        if failed is not None:
            return self._end(name, {"error": failed.message, "hint": failed.hint})
        if future is not None and future.done():
            said = self._gathered(future)
            if said is None:
                return None
            return self._end(name, said["answer"], seconds=said.get("seconds"), trouble=said.get("trouble", ""))
        if self._lost:
            return self._end(name, _error(self._lost))
        return None

    def _gathered(self, future: Future[Any]) -> dict[str, Any] | None:
        """The result, or an error in its place; None when it has been lost with its worker, and is made anew."""
        try:
            said: dict[str, Any] = future.result(timeout=GATHERING)
        except TimeoutError:
            return None
        except KilledWorker as error:
            many = error.allowed_failures + 1
            died = "its worker died" if many == 1 else f"{many} workers died, one after the other,"
            return {"answer": _error(f"{died} while it ran; the last one was {error.last_worker.address}")}
        except (CancelledError, asyncio.CancelledError) as error:
            self._lose(f"the connection to the scheduler {self._address} is lost")
            return {"answer": _error(f"{self._lost} ({error})")}
        except Exception as error:  # whatever a worker raised
            return {"answer": _error(f"its worker failed: {type(error).__name__}: {error}")}
        return said

    def _end(
        self, name: str, answer: dict[str, Any] | None, *, seconds: float | None = None, trouble: str = ""
    ) -> Ended:
        took = time.monotonic() - self._since.pop(name)
        self._futures.pop(name, None)
        self._jobs.pop(name, None)
        self._doing.pop(name, None)
        for key in [key for key, maker in self._makers.items() if maker == name]:
            del self._makers[key]
        return Ended(name=name, answer=answer, seconds=took if seconds is None else seconds, trouble=trouble)


def _key(layer: Layer) -> tuple[str, str]:
    return (layer.kind, layer.name)


def _error(message: str) -> dict[str, Any]:
    return {"error": message, "hint": AGAIN}
