"""A live host with what phases on it need, and the witnesses that watch it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from pydantic import JsonValue

from validator import process
from validator.host.layer import Stack
from validator.host.machine import Host
from validator.record import ServicesSeen
from validator.redact import Redactor
from validator.scenario.model import Scenario
from validator.witness import disk, services


@dataclass(kw_only=True)
class Bench:
    """A host with the scenario, the redactor, a listener, and what is known of its disk.

    `times` says when each path that the host has written was last changed, as of the last snapshot;
    `witness_cpu_seconds` is the CPU time that the witnesses of the running phase have taken. Where they are not None,
    Puppet runs leave there what no record may hold: `in_clear` the parameters of the catalog's resources, `executed`
    the commands of providers (of debug runs).
    """

    host: Host
    scenario: Scenario
    redactor: Redactor
    doing: Callable[[str], None]
    stack: Stack
    times: Mapping[str, float] = field(default_factory=dict)
    witness_cpu_seconds: float = 0.0
    in_clear: dict[str, dict[str, JsonValue]] | None = None
    executed: dict[str, tuple[str, ...]] | None = None
    _snapshots: int = 0

    @property
    def has_services(self) -> bool:
        """Whether there is a service manager to watch."""
        return self.scenario.host.driver == "systemd"

    @property
    def units(self) -> tuple[str, ...]:
        """Units that are watched whether or not systemd has loaded them."""
        return self.scenario.services

    @property
    def expected(self) -> tuple[tuple[str, str, object], ...]:
        """The changes that the scenario expects: resource, property and value."""
        return tuple((each.resource, each.property, each.value) for each in self.scenario.expect)

    @property
    def noise(self) -> tuple[disk.NoiseRule, ...]:
        """The scenario's own rules of what means nothing on disk."""
        files = {release.step_file for release in (self.scenario.old, self.scenario.new) if release.step_file}
        return (
            *(
                disk.NoiseRule(name="scenario", patterns=(rule.path,), reason=rule.reason)
                for rule in self.scenario.noise
            ),
            *(
                disk.NoiseRule(name="step", patterns=(file,), reason="Says the step, written before each run.")
                for file in sorted(files)
            ),
        )

    def say(self, text: str) -> None:
        """Tell the listener, without secrets."""
        self.doing(self.redactor.text(text))

    def snapshot(self) -> Stack:
        """Freeze the host for a moment and keep what it has written so far."""
        self._snapshots += 1
        target = self.host.directory / f"snapshot-{self._snapshots}"
        self.times = self.host.copy_upper(target)
        return Stack((target, *self.host.spec.layers))

    def settle(self, seconds: float) -> None:
        """Wait until every service has had so many seconds since its last start; once, for one may start for ever."""
        states = services.look(self.host, self.units)
        rest = max((state.started_at for state in states if state.runs), default=0.0) + seconds - time.time()
        if 0 < rest <= seconds:
            self.say(f"waiting {rest:.0f} s: a service has just been started")
            time.sleep(rest)

    @contextmanager
    def witnessing(self) -> Iterator[None]:
        """Count the CPU time of the block, with that of the programs it runs, as the witnesses'."""
        before = process.cpu_seconds()
        try:
            yield
        finally:
            self.witness_cpu_seconds += process.cpu_seconds() - before


@dataclass(kw_only=True)
class Observed:
    """What was seen while a phase ran; complete when the block of `watched` has ended."""

    started: float
    services: ServicesSeen | None = None
    seconds: float = 0.0
    cpu_seconds: float = 0.0


@contextmanager
def watched(bench: Bench, settle: float) -> Iterator[Observed]:
    """Watch the host for the block, and then until services have settled."""
    seen = Observed(started=time.time())
    clock, cpu = time.monotonic(), bench.host.cpu_seconds()
    bench.witness_cpu_seconds = 0.0
    with bench.witnessing():
        watch = services.begin(bench.host, bench.units) if bench.has_services else None
    yield seen
    if watch is not None and bench.host.running():
        if settle:
            bench.settle(settle)
        with bench.witnessing():
            seen.services = services.end(watch)
    seen.seconds = time.monotonic() - clock
    seen.cpu_seconds = bench.host.cpu_seconds() - cpu
