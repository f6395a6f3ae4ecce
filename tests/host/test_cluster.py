"""`validate matrix --scheduler` on a real cluster: killed workers, shared layers, a lost scheduler.

Each worker has a cache of its own, as on a machine of its own; only the images are linked.
"""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from tests import usual
from tests.host.clusters import LocalCluster, Node
from tests.host.lab import TASKS, Lab
from tests.host.remains import Running, eventually, left_of, read
from validator.errors import MachineError
from validator.host.cache import Cache
from validator.matrix import cluster as clusters
from validator.matrix import declared, selection
from validator.matrix.cluster import Cluster
from validator.matrix.run import Wanted, run, today
from validator.progress import Silent

ENDS = (signal.SIGKILL, signal.SIGTERM)
SECONDS = 12
WAITING = f"/bin/sleep {SECONDS}.25"
SLOW = f"{TASKS}- name: wait\n  ansible.builtin.command: {WAITING}\n"


@pytest.fixture
def cluster(tmp_path: Path, everybodys: Cache) -> Iterator[LocalCluster]:
    with LocalCluster(root=tmp_path / "cluster", everybodys=everybodys) as found:
        yield found


def start(lab: Lab, cluster: LocalCluster, *arguments: str) -> Running:
    (lab.root / "matrix.yml").write_text("scenarios: ['?']\n", encoding="utf-8")
    more = ("--scheduler", cluster.address, "--store", str(lab.root / "store"), "--format", "json", *arguments)
    return Running.start(lab.cache, lab.root / "matrix.yml", *more, command="matrix", option="--matrix")


def matrix(lab: Lab, cluster: LocalCluster, *arguments: str, code: int = 0) -> tuple[dict[str, Any], str]:
    with start(lab, cluster, *arguments) as running:
        ran = running.wait()
    assert ran.code == code, ran.err + ran.out
    return ran.result, ran.err


def verdicts(result: dict[str, Any]) -> dict[str, tuple[str, str | None]]:
    return {cell["scenario"]: (cell["how"], cell["verdict"]) for cell in result["cells"]}


def phases_of(scenario: str, *, reports: Path) -> dict[str, bool]:
    """Which phases of a cell were taken from a cache."""
    report = json.loads((reports / f"{scenario}@own+default.json").read_text(encoding="utf-8"))
    return {phase["name"]: phase["cached"] for phase in report["phases"]}


def is_slow(node: Node) -> bool:
    return any(read(f"/proc/{each.pid}/cmdline").strip() == WAITING for each in node.family)


def none_left_of(node: Node) -> Callable[[], bool]:
    return lambda: not [each for each in left_of(node.cache) if "dask" not in each]


def test_the_old_release_is_made_once_and_a_damaged_layer_is_never_used(lab: Lab, cluster: LocalCluster) -> None:
    for name in "ab":
        lab.scenario(name)
    first, second = cluster.worker(), cluster.worker()
    result, said = matrix(lab, cluster, "--reports", str(lab.root / "one"))
    assert verdicts(result) == {"a": ("ran", "converged"), "b": ("ran", "converged")}
    assert "warning" not in said
    old = [phases_of(name, reports=lab.root / "one")["old"] for name in "ab"]
    assert sorted(old) == [False, True], "one made it, the other one took it from the store"
    assert all(list(node.cache.glob("states/old-*")) for node in (first, second)), "each worker ran one of them"
    text = (lab.root / "one" / "a@own+default.json").read_text(encoding="utf-8")
    assert "/hosts/" not in text, "files are where the author has them"
    assert f"{lab.root}/a/" in text
    again, _ = matrix(lab, cluster)
    assert {how for how, _ in verdicts(again).values()} == {"cached"}, "what came from elsewhere is kept"

    archive = next((lab.root / "store" / "states").glob("*.tar.gz"))
    archive.write_bytes(archive.read_bytes()[:-7])
    for node in (first, second):
        node.end()
    third = cluster.worker()
    result, said = matrix(lab, cluster, "a", "--fresh", "--reports", str(lab.root / "two"))
    assert verdicts(result) == {"a": ("ran", "converged")}
    assert "is not taken from the store: it has" in said
    assert not phases_of("a", reports=lab.root / "two")["old"], "it was made here"
    assert not archive.exists(), "and has taken the place of the damaged one"
    for node in (first, second, third):
        assert none_left_of(node)()
        assert not list((node.cache / "hosts").iterdir())


def test_the_cell_of_a_killed_worker_finishes_elsewhere(lab: Lab, cluster: LocalCluster, usual_states: Path) -> None:
    lab.scenario("a", tasks=SLOW)
    killed = cluster.worker(usual_states)
    with start(lab, cluster) as running:
        eventually(lambda: is_slow(killed), lambda: running.errors + killed.log, seconds=300)
        belonging = killed.family
        killed.kill()
        eventually(lambda: not [each for each in belonging if each.alive], lambda: f"{belonging}", seconds=20)
        assert none_left_of(killed)()
        Cache(root=killed.cache).sweep()
        assert not list((killed.cache / "hosts").iterdir())
        cluster.worker(usual_states)
        ran = running.wait()
    assert ran.code == 0, ran.err
    assert verdicts(ran.result) == {"a": ("ran", "converged")}
    assert len(ran.result["cells"]) == 1


@pytest.mark.parametrize("number", usual.only({"SIGKILL"}, ENDS, lambda number: number.name))
def test_when_the_tool_is_ended_its_cells_are(
    number: signal.Signals, lab: Lab, cluster: LocalCluster, usual_states: Path
) -> None:
    lab.scenario("a", tasks=SLOW.replace(WAITING, "/bin/sleep 3075"))
    worker = cluster.worker(usual_states)
    with start(lab, cluster) as running:
        eventually(lambda: "sleep 3075" in commands(worker), lambda: running.errors + worker.log, seconds=300)
        assert running.send(number) == (-number if number == signal.SIGKILL else 130)
        eventually(none_left_of(worker), lambda: f"{left_of(worker.cache)}", seconds=20)
    eventually(lambda: not list((worker.cache / "hosts").iterdir()), lambda: worker.log, seconds=20)


def commands(node: Node) -> str:
    return "\n".join(read(f"/proc/{each.pid}/cmdline") for each in node.family)


def test_without_its_scheduler_the_cells_are_errors_and_end(
    lab: Lab, cluster: LocalCluster, usual_states: Path
) -> None:
    lab.scenario("a", tasks=SLOW.replace(WAITING, "/bin/sleep 3077"))
    lab.scenario("b")
    worker = cluster.worker(usual_states)
    with start(lab, cluster, "-j", "1") as running:
        eventually(
            lambda: "sleep 3077" in commands(worker) or "1/2" in running.errors, lambda: running.errors, seconds=300
        )
        cluster.scheduler.kill()
        since = time.monotonic()
        ran = running.wait()
    assert time.monotonic() - since < 60
    assert ran.code == 3, ran.err
    assert {how for how, verdict in verdicts(ran.result).values() if verdict is None} == {"error"}
    assert verdicts(ran.result)["a"] == ("error", None)
    assert "scheduler" in next(cell["message"] for cell in ran.result["cells"] if cell["scenario"] == "a")
    eventually(none_left_of(worker), lambda: f"{left_of(worker.cache)}", seconds=30)


def test_a_store_alone_is_wrong_usage(lab: Lab) -> None:
    lab.scenario("a")
    ran = lab.validate(
        "matrix", "--root", lab.root, "--scenario", "a", "--store", lab.root, env={"VALIDATE_CACHE": str(lab.cache)}
    )
    assert (ran.code, ran.out) == (2, "")
    assert "--store goes with --scheduler" in ran.err


def test_a_scheduler_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "CONNECTING", 1.0)
    with pytest.raises(MachineError, match="cannot be reached"), Cluster("tcp://127.0.0.1:9", {}, warn=print):
        pass


def test_a_cell_whose_worker_was_lost_too_often_is_an_error(
    lab: Lab, tmp_path: Path, everybodys: Cache, usual_states: Path
) -> None:
    lab.scenario("a", tasks=SLOW)
    with LocalCluster(root=tmp_path / "strict", everybodys=everybodys, allowed_failures=0) as cluster:
        worker = cluster.worker(usual_states)
        with start(lab, cluster) as running:
            eventually(lambda: is_slow(worker), lambda: running.errors + worker.log, seconds=300)
            worker.kill()
            ran = running.wait()
    assert ran.code == 3, ran.err
    (cell,) = ran.result["cells"]
    assert (cell["how"], cell["verdict"]) == ("error", None)
    assert "its worker died while it ran" in cell["message"]


@pytest.mark.parametrize(
    ("frozen", "why"),
    [(False, "has had no worker for 3 s"), (True, "has not answered for 3 s")],
    ids=["none", "frozen"],
)
def test_a_cluster_that_does_nothing_is_given_up(
    frozen: bool,  # noqa: FBT001 - a parameter of pytest
    why: str,
    lab: Lab,
    cluster: LocalCluster,
) -> None:
    lab.scenario("a")
    (lab.root / "matrix.yml").write_text("scenarios: [a]\n", encoding="utf-8")
    cache = Cache(root=lab.cache)
    found = selection.select(declared.read(lab.root / "matrix.yml"), selection.Asked(seconds={}), cache, today())
    wanted, since = Wanted(jobs=1, day=today()), time.monotonic()
    with Cluster(cluster.address, found.identities, warn=print, patience=3) as executor:
        if frozen:
            cluster.scheduler.child.send_signal(signal.SIGSTOP)
        try:
            (outcome,) = run(
                found.cells, found.identities, cache, Silent(), wanted=wanted, executor=nullcontext(executor)
            )
            executor.stop()
        finally:
            cluster.scheduler.child.send_signal(signal.SIGCONT)
    assert time.monotonic() - since < 60
    assert (outcome.how, outcome.answer) == ("error", "not judged")
    assert why in outcome.message
