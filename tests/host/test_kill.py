"""Whatever ends the command, and whenever: nothing of its hosts stays, and the next run works."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.host.lab import NEW, OLD, TASKS, Lab
from tests.host.remains import Running

KILL, INT, TERM = signal.SIGKILL, signal.SIGINT, signal.SIGTERM
SLEEP = "/bin/sleep 3071"
SLEEPS = f"exec {{ 'wait': command => '{SLEEP}' }}\n"
SLEEPS_IN_SECOND_RUN = f"""\
exec {{ 'wait the second time':
  command => '/bin/true',
  onlyif  => '/bin/sh -c "test -e /run/second && exec {SLEEP}; touch /run/second; exit 1"',
}}
"""
SLEEPS_WHILE_IT_COMPILES = "notice(generate('/bin/sleep', '3071'))\n"
SLOW: dict[str, dict[str, str]] = {
    "catalog": {"new": NEW + SLEEPS_WHILE_IT_COMPILES},
    "old": {"old": OLD + SLEEPS},
    "upgrade": {"tasks": f"{TASKS}- name: wait\n  ansible.builtin.command: {SLEEP}\n"},
    "converge": {"new": NEW + SLEEPS},
    "again": {"new": NEW + SLEEPS_IN_SECOND_RUN},
}


def is_in(phase: str) -> Callable[[Running], bool]:
    """Whether the slow thing of a phase runs now, as the last line of progress and the processes say."""

    def holds(running: Running) -> bool:
        last = running.errors.strip().rpartition("\n")[2]
        return last.startswith(f"{phase}: ") and any(command.strip() == SLEEP for command in running.commands)

    return holds


def assert_next_run_converges(lab: Lab) -> None:
    """The same cache serves another run."""
    ran = lab.json(lab.scenario("next"))
    assert (ran.result["verdict"], ran.code) == ("converged", 0), ran.err


@pytest.mark.parametrize("phase", SLOW)
def test_sigkill_leaves_nothing_and_the_next_run_converges(phase: str, lab: Lab) -> None:
    with Running.start(lab.cache, lab.scenario("slow", **SLOW[phase])) as running:
        running.wait_until(is_in(phase))
        assert running.groups
        assert len(running.namespaces) >= 3, "a network, the outer pids and the host's own"
        assert running.send(KILL) == -KILL
        running.assert_gone()
    assert_next_run_converges(lab)


@pytest.mark.parametrize(
    ("number", "phase"),
    [
        (INT, "old"),
        (TERM, "upgrade"),
        pytest.param(INT, "converge", marks=pytest.mark.extended),
        pytest.param(TERM, "again", marks=pytest.mark.extended),
    ],
)
def test_an_interrupted_run_cleans_up_and_says_so(number: signal.Signals, phase: str, lab: Lab) -> None:
    with Running.start(lab.cache, lab.scenario("slow", **SLOW[phase]), "--format", "json") as running:
        running.wait_until(is_in(phase))
        assert running.send(number) == 130
        assert not list((lab.cache / "hosts").iterdir()), "what can be cleaned up is not left to the next run"
        running.assert_gone()
        ran = running.wait()
    assert ran.out == ""
    assert ran.err.strip().endswith(f"interrupted ({number.name}); nothing is left behind")
    assert "Traceback" not in ran.err
    assert_next_run_converges(lab)


@pytest.fixture
def own_images(cold_lab: Lab) -> Lab:
    """A lab that has to build its images, from packages that everybody shares."""
    (cold_lab.cache / "images").unlink()
    (cold_lab.cache / "images").mkdir()
    return cold_lab


def small(lab: Lab) -> Path:
    """A scenario with the smallest image there is."""
    return lab.scenario("small", image={"packages": []})


def is_building(running: Running) -> bool:
    """Whether mmdebstrap has started."""
    return any("mmdebstrap" in command and "perl" in command for command in running.commands)


def is_installing(running: Running) -> bool:
    """Whether mmdebstrap has come to its packages."""
    return any("dpkg" in command and "--unpack" in command for command in running.commands)


@pytest.mark.parametrize(("number", "moment"), [(INT, is_building), (TERM, is_installing)])
def test_an_interrupted_build_cleans_up_and_says_so(
    number: signal.Signals, moment: Callable[[Running], bool], own_images: Lab
) -> None:
    with Running.start(own_images.cache, small(own_images)) as running:
        running.wait_until(moment)
        assert running.send(number) == 130
        running.assert_gone()
        assert running.errors.strip().endswith(f"interrupted ({number.name}); nothing is left behind")
    images = own_images.cache / "images"
    assert [path for path in images.iterdir() if path.is_dir()] == [], "nothing of the image is left"


def test_sigkill_while_an_image_is_built_leaves_nothing_and_the_next_run_builds_it(own_images: Lab) -> None:
    with Running.start(own_images.cache, small(own_images)) as running:
        running.wait_until(is_installing)
        assert running.send(KILL) == -KILL
        running.assert_gone()
    images = own_images.cache / "images"
    assert not list(images.glob("bookworm-*")), "half an image is not taken for a whole one"
    ran = own_images.run(small(own_images))
    assert "image: done" in ran.err
    assert ran.code == 3, "the small image has no Puppet; that the run came to ask for it is enough"
    assert "there is no `puppet` in the host" in ran.out
    assert not list(images.glob(".*.unfinished"))
