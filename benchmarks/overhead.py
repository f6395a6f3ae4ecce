"""What a validation costs beside the two tools it drives, as ratios within one run.

    python benchmarks/overhead.py [SCENARIO ...]

1. *bare tools*: on a host that is up, `ansible-playbook` with the upgrade tasks, `puppet apply` twice and the
   scenario's probes, started as a person would, watched by nobody.
2. *validate, old release cached*: the same work by the command itself: host up, freezing, parsing, judging included.
3. *validate, old release not cached*: the same with an empty state cache (the image is there).

CPU is what the command and its hosts used, read from cgroups, so other work on the machine does not count. Wall time
is given beside it.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from validator import process
from validator.host import beside, cgroup, machine
from validator.host.cache import Cache, remove_tree
from validator.inputs import INSIDE
from validator.plan import Plan, make
from validator.scenario import load
from validator.tools import ansible, puppet
from validator.witness import probes

COMMAND = Path(sys.executable).parent / "validate"
SAMPLING = 0.02  # seconds between looks at the hosts' cgroups


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Seconds of CPU and of wall time."""

    cpu: float
    wall: float


class Meter:
    """Adds up the CPU of one group and of every host of a cache that lives meanwhile."""

    def __init__(self, group: Path, cache: Cache) -> None:
        self._group, self._cache, self._seen = group, cache, {group: 0.0}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Meter:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._look()

    @property
    def cpu(self) -> float:
        return sum(self._seen.values())

    def _watch(self) -> None:
        while not self._stop.wait(SAMPLING):
            self._look()

    def _look(self) -> None:
        hosts = {cgroup.of_host(path.name) for path in (self._cache.root / "hosts").glob("[0-9a-f]*")}
        for group in (self._group, *hosts):
            with contextlib.suppress(OSError):
                self._seen[group] = max(self._seen.get(group, 0.0), cgroup.cpu_seconds(group))


def validated(scenario: str, cache: Cache) -> Cost:
    """The command as a user runs it, in a cgroup of its own."""
    group = cgroup.hierarchy() / f"benchmark-{uuid.uuid4().hex[:8]}"
    group.mkdir()
    wall = time.monotonic()
    try:
        with Meter(group, cache) as meter:
            line = ("/bin/sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', str(group))
            done = subprocess.run(
                [*line, COMMAND, "scenario", scenario, "--format", "json"], capture_output=True, check=False
            )
        if done.returncode != 0:
            sys.exit(f"{scenario} did not converge: {done.stdout.decode()}{done.stderr.decode()}")
        return Cost(cpu=meter.cpu, wall=time.monotonic() - wall)
    finally:
        time.sleep(0.1)
        group.rmdir()


def bare(plan: Plan, cache: Cache) -> Cost:
    """The two tools alone."""
    scenario = plan.loaded.scenario
    spec = machine.HostSpec(
        driver=scenario.host.driver,
        hostname=scenario.host.hostname,
        layers=(cache.state(plan.old_state) / "up", cache.image(plan.image.name) / "root"),
        binds=((plan.new.directory, plan.new.place),),
        wait_for=scenario.host.wait_for,
        boot_timeout=scenario.host.boot_timeout,
    )
    with machine.started(spec, cache) as host:
        cpu, wall = host.cpu_seconds(), time.monotonic()
        run_bare(plan, host)
        return Cost(cpu=host.cpu_seconds() - cpu, wall=time.monotonic() - wall)


def run_bare(plan: Plan, host: machine.Host) -> None:
    programs = COMMAND.parent
    playbook = ansible.Playbook(
        program=str(programs / "ansible-playbook"),
        playbook=plan.upgrade.playbook,
        host=host.spec.hostname,
        init_pid=host.init_in_reaper,
        variables=plan.upgrade.variables,
        step=None,
        tags=(),
        skip_tags=(),
    )
    env = ansible.environment(path=f"{programs}:{process.SYSTEM_PATH}", collections=plan.upgrade.collections)
    done = process.run(
        beside.command(
            host,
            tuple(word for word in ansible.command(playbook) if word != "--diff"),
            env={name: value for name, value in env.items() if "CALLBACK" not in name},
            cwd=f"{INSIDE}/{plan.upgrade.place}/tasks",
            binds=((plan.upgrade.directory, f"{INSIDE}/{plan.upgrade.place}"),),
            label="ansible-playbook",
            timeout=1800,
            channel="",
        )
    )
    if done.code != 0:
        sys.exit(f"ansible-playbook failed: {done.text[-2000:]}")
    for _ in range(2):
        for probe in plan.loaded.scenario.probes:
            host.run(*probes.command(probe), label="probe", accept=None)
        apply = puppet.Apply(
            manifest=plan.new.manifest, modulepath=plan.new.modulepath, hiera=plan.new.hiera, output="/run", facts={}
        )
        kept = [
            word for word in puppet.command(apply) if not word.startswith(("--lastrun", "--client_data", "--catalog"))
        ]
        process.run(host.command(*kept, label="puppet apply", timeout=1800))


def main() -> None:
    cache = Cache.open()
    print("| scenario | run | CPU s | wall s | CPU, ratio | wall, ratio |")
    print("|---|---|---|---|---|---|")
    for name in sys.argv[1:] or ["plain-files", "apache-vhost", "newton-ocata"]:
        validated(name, cache)  # image and old release into the cache, files into memory
        with cache.host_directory(f"benchmark-{uuid.uuid4().hex[:8]}") as (staging, _):
            plan = make(load.find(name, Path("scenarios")), staging)
            tools = bare(plan, cache)
        cached = validated(name, cache)
        remove_tree(cache.state(plan.old_state))
        uncached = validated(name, cache)
        row(name, "bare tools", tools, tools)
        row(name, "validate, old release cached", cached, tools)
        row(name, "validate, old release not cached", uncached, tools)
        ratios = f"{uncached.cpu / cached.cpu:.2f} | {uncached.wall / cached.wall:.2f}"
        print(f"| {name} | not cached to cached | | | {ratios} |")


def row(name: str, what: str, cost: Cost, base: Cost) -> None:
    ratios = f"{cost.cpu / base.cpu:.2f} | {cost.wall / base.wall:.2f}"
    print(f"| {name} | {what} | {cost.cpu:.1f} | {cost.wall:.1f} | {ratios} |", flush=True)


if __name__ == "__main__":
    os.chdir(Path(__file__).resolve().parents[1])
    main()
