"""A Dask cluster on this machine: a scheduler, and workers each of which has a cache of its own, like a machine."""

from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from tests.conftest import COMMAND, PROJECT
from tests.host.lab import linked_cache
from tests.host.remains import Process, eventually, family
from validator.host.cache import Cache

DASK = COMMAND.with_name("dask")


@dataclass(kw_only=True)
class Node:
    """One process of the cluster. A worker's cache is beside its log."""

    child: subprocess.Popen[bytes]
    directory: Path

    @property
    def cache(self) -> Path:
        """Where a worker keeps images and states."""
        return self.directory / "cache"

    @property
    def log(self) -> str:
        """What it said."""
        return (self.directory / "log").read_text(encoding="utf-8", errors="replace")

    @property
    def family(self) -> set[Process]:
        """It, its cells, and their hosts."""
        return family(self.child.pid)

    def kill(self) -> None:
        """SIGKILL, to it alone."""
        self.child.send_signal(signal.SIGKILL)
        self.child.wait(30)

    def end(self) -> None:
        """SIGTERM, and SIGKILL when that is not enough."""
        if self.child.poll() is None:
            self.child.terminate()
            try:
                self.child.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()


@dataclass(kw_only=True)
class LocalCluster:
    """A scheduler and its workers; all of them end with the block."""

    root: Path
    everybodys: Cache
    allowed_failures: int = 3
    scheduler: Node = field(init=False)
    workers: list[Node] = field(default_factory=list)

    def __enter__(self) -> LocalCluster:
        self.root.mkdir()
        file = self.root / "scheduler.json"
        arguments = ("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--no-jupyter")
        self.scheduler = self._start("scheduler", *arguments, "--scheduler-file", str(file))
        eventually(file.exists, lambda: self.scheduler.log, seconds=60)
        eventually(lambda: "Scheduler at:" in self.scheduler.log, lambda: self.scheduler.log, seconds=60)
        return self

    def __exit__(self, *_: object) -> None:
        for node in (*self.workers, self.scheduler):
            node.end()

    @property
    def address(self) -> str:
        """Where the scheduler is."""
        line = next(line for line in self.scheduler.log.splitlines() if "Scheduler at:" in line)
        return line.split()[-1]

    def worker(self, states: Path | None = None) -> Node:
        """One more worker, with an empty cache but for the images, and where given some states."""
        name = f"worker-{len(self.workers)}"
        arguments = ("--nthreads", "1", "--no-dashboard", "--no-nanny", "--memory-limit", "0", "--name", name)
        (self.root / name).mkdir()
        cache = linked_cache(self.root / name / "cache", self.everybodys)
        for state in states.iterdir() if states is not None else ():
            if not state.name.startswith("."):
                (cache / "states" / state.name).symlink_to(state)
        node = self._start(name, "worker", self.address, *arguments)
        self.workers.append(node)
        eventually(lambda: "Registered to:" in node.log, lambda: node.log, seconds=60)
        return node

    def _start(self, name: str, *arguments: str) -> Node:
        directory = self.root / name
        directory.mkdir(exist_ok=True)
        with (directory / "log").open("wb") as log:
            child = subprocess.Popen(
                [DASK, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=directory,
                env={
                    **os.environ,
                    "VALIDATE_CACHE": str(directory / "cache"),
                    "PYTHONPATH": str(PROJECT),
                    "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": str(self.allowed_failures),
                    "DASK_TEMPORARY_DIRECTORY": str(self.root),
                },
                start_new_session=True,
            )
        return Node(child=child, directory=directory)
