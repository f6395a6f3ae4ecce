"""Whatever ends the command, and whenever: nothing of its hosts stays, and the next run works."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.host.support import NEW, OLD, TASKS, Lab, Running

SLEEP = "/bin/sleep 3071"
SLEEPS = f"exec {{ 'wait': command => '{SLEEP}' }}\n"
SLOW_SECOND = f"""\
exec {{ 'wait the second time':
  command => '/bin/true',
  onlyif  => '/bin/sh -c "test -e /run/second && exec {SLEEP}; touch /run/second; exit 1"',
}}
"""
SLEEPING_TASK = f"- name: wait\n  ansible.builtin.command: {SLEEP}\n"
SLOW: dict[str, dict[str, str]] = {
    "old": {"old": OLD + SLEEPS},
    "upgrade": {"tasks": TASKS + SLEEPING_TASK},
    "converge": {"new": NEW + SLEEPS},
    "again": {"new": NEW + SLOW_SECOND},
}
PHASES = tuple(SLOW)


def is_in(phase: str) -> Callable[[Running], bool]:
    """Whether the slow thing of a phase runs, as the last line of progress and the processes say."""

    def holds(running: Running) -> bool:
        last = running.errors.strip().rpartition("\n")[2]
        return last.startswith(f"{phase}: ") and any(command.strip() == SLEEP for command in running.commands)

    return holds


@pytest.mark.parametrize("phase", PHASES)
def test_sigkill_leaves_nothing_and_the_next_run_converges(phase: str, lab: Lab) -> None:
    with Running.start(lab, lab.scenario("slow", **SLOW[phase])) as running:
        running.wait_until(is_in(phase))
        assert len(running.groups) >= 1
        assert len(running.namespaces) >= 3
        assert running.send(signal.SIGKILL) == -signal.SIGKILL
        running.assert_gone()
    again = lab.run(lab.scenario("quick"))
    assert (again.code, "CONVERGED" in again.out) == (0, True), again.out


@pytest.mark.parametrize(
    ("number", "phase"),
    [
        (signal.SIGINT, "old"),
        (signal.SIGTERM, "upgrade"),
        (signal.SIGINT, "upgrade"),
        (signal.SIGTERM, "converge"),
        (signal.SIGINT, "again"),
    ],
)
def test_an_interruption_cleans_up_and_says_so(number: signal.Signals, phase: str, lab: Lab) -> None:
    with Running.start(lab, lab.scenario("slow", **SLOW[phase]), "--format", "json") as running:
        running.wait_until(is_in(phase))
        assert running.send(number) == 130
        assert not list((lab.cache / "hosts").iterdir()), "what can be cleaned up is not left to the next run"
        running.assert_gone()
        ran = running.wait()
    assert ran.out == ""
    assert ran.err.strip().endswith(f"interrupted ({number.name}); nothing is left behind")
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_an_image_is_built_leaves_nothing(number: signal.Signals, own_images: Lab) -> None:
    lab = own_images
    with Running.start(lab, write_small(lab)) as running:
        running.wait_until(
            lambda running: any("dpkg --unpack" in each or "apt-get" in each for each in running.commands)
        )
        code = running.send(number)
        assert code == (-9 if number == signal.SIGKILL else 130)
        running.assert_gone()
    assert not list((lab.cache / "images").glob("bookworm-*")), "half an image is not taken for a whole one"


def test_after_a_killed_build_the_image_is_built_whole(own_images: Lab) -> None:
    lab = own_images
    with Running.start(lab, write_small(lab)) as running:
        running.wait_until(lambda running: any("dpkg" in each and "unpack" in each for each in running.commands))
        running.send(signal.SIGKILL)
        running.assert_gone()
    ran = lab.run(write_small(lab))
    assert "image: done" in ran.err
    assert ran.code == 3, "the small image has no Puppet; that the run came to ask for it is enough"
    assert "there is no `puppet` in the host" in ran.out


@pytest.fixture
def own_images(tmp_path: Path, cold_lab: Lab) -> Lab:
    """A lab that has to build its images, from packages that everybody shares."""
    (cold_lab.cache / "images").unlink()
    (cold_lab.cache / "images").mkdir()
    return cold_lab


def write_small(lab: Lab) -> Path:
    """A scenario with the smallest image there is."""
    return lab.scenario("small", image={"packages": []})
