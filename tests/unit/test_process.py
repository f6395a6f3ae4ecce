"""The door to the operating system: environments are closed, time is limited, no child is left."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from validator import process
from validator.errors import ToolError


def state_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return "gone"


def sh(script: str, **more: object) -> process.Command:
    return process.Command(argv=("/bin/sh", "-c", script), label="a script", **more)  # type: ignore[arg-type]  # any field


def test_output_status_and_lines_as_they_come() -> None:
    lines: list[str] = []
    done = process.run(sh("echo one; echo two >&2; exit 3", accept=frozenset({3})), on_output=lines.append)
    assert (done.code, done.text, done.errors) == (3, "one\n", "two\n")
    assert sorted(lines) == ["one", "two"]


def test_the_environment_is_not_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEAKED", "1")
    assert "LEAKED" not in process.run(sh("env")).text


def test_an_unexpected_status_names_the_command_and_its_last_words() -> None:
    with pytest.raises(ToolError, match="a script ended with status 7\n  it broke") as caught:
        process.run(sh("echo it broke >&2; exit 7"))
    assert "/bin/sh -c" in caught.value.hint


def test_a_missing_program_is_an_error_not_a_traceback() -> None:
    with pytest.raises(ToolError, match="is not on this machine"):
        process.run(process.Command(argv=("/nowhere/program",), label="x"))


def test_what_takes_too_long_is_killed_with_its_children() -> None:
    started = time.monotonic()
    done = process.run(sh("sleep 60 & echo $!; wait", timeout=0.3, accept=None))
    assert done.timed_out
    assert time.monotonic() - started < 10
    deadline = time.monotonic() + 5
    while state_of(int(done.text)) not in {"gone", "Z"} and time.monotonic() < deadline:
        time.sleep(0.01)
    assert state_of(int(done.text)) in {"gone", "Z"}  # a zombie is whoever reaps orphans being slow


def test_a_daemon_that_keeps_the_output_open_does_not_keep_us() -> None:
    started = time.monotonic()
    done = process.run(sh("setsid sleep 5 & echo $!"))
    assert time.monotonic() - started < 4
    os.kill(int(done.text), 9)


def test_input_and_a_channel_beside_the_output() -> None:
    heard: list[str] = []

    def answer(line: str) -> bytes:
        heard.append(line)
        return b"go\n"

    script = "import os, sys; fd = int(os.environ['ASIDE']); os.write(fd, b'aside\\n'); print(os.read(fd, 9))"
    talking = process.Command(
        argv=("/bin/sh", "-c", f'cat; exec python3 -c "{script}"'), label="test", stdin=b"x" * 200_000, channel="ASIDE"
    )
    done = process.run(talking, on_channel=answer)
    assert done.stdout == b"x" * 200_000 + b"b'go\\n'\n"
    assert heard == ["aside"]


def test_a_companion_learns_of_its_makers_death(tmp_path: Path) -> None:
    script = """
import sys, pathlib
from validator import process
where = pathlib.Path(sys.argv[1])
script = f"echo $$; cat < /proc/self/fd/$0; touch {where}/ended"
child = process.Companion(("/bin/sh", "-c", script), label="x", log=where / "log")
assert child.answer(5)
import os, signal; os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False, timeout=30)
    deadline = time.monotonic() + 5
    while not (tmp_path / "ended").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert (tmp_path / "ended").exists()


def test_a_lock_is_exclusive_and_can_be_shared(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with (
        process.locked(lock, shared=True),
        process.locked(lock, shared=True),
        process.locked(lock, wait=False) as taken,
    ):
        assert taken is None
    with process.locked(tmp_path / "lock", wait=False) as taken:
        assert taken is not None


def test_an_attached_child_may_clean_up_and_is_killed_when_it_does_not() -> None:
    read, write = os.pipe()
    script = "trap 'exit 5' TERM; echo ready; while :; do sleep 0.1; done"
    with process.attached(sh(script), stdout=write, stderr=2, grace=10.0) as child:
        assert os.read(read, 9) == b"ready\n"
    assert child.code() == 5
    clock = time.monotonic()
    with process.attached(sh("trap '' TERM; echo ready; exec sleep 60"), stdout=write, stderr=2, grace=0.2) as child:
        assert os.read(read, 9) == b"ready\n"
    assert (child.code(), time.monotonic() - clock < 10) == (128 + 9, True)
    os.close(read)
    os.close(write)
