"""Bytes between pipes: all of them, both ways at once, and to the end."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from validator import process, relay

ECHO = "import sys\nfor line in sys.stdin.buffer: sys.stdout.buffer.write(line); sys.stdout.buffer.flush()"


@pytest.fixture
def given(tmp_path: Path) -> Iterator[int]:
    """Four megabytes to send: more than any pipe holds."""
    path = tmp_path / "given"
    path.write_bytes(b"0123456789abcde\n" * (1 << 18))
    descriptor = os.open(path, os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


def relayed(script: str, source: int, into: Path) -> int:
    """What a child answers to all that is sent; its exit status."""
    command = process.Command(argv=(sys.executable, "-c", script), label="a child")
    (theirs, ours), (out, out_of_child) = os.pipe(), os.pipe()
    target = os.open(into, os.O_WRONLY | os.O_CREAT)
    try:
        with process.attached(command, stdin=theirs, stdout=out_of_child, stderr=2) as child:
            os.close(theirs)
            os.close(out_of_child)
            relay.relay(source, ours, {out: target}, child.ended)
            return child.code()
    finally:
        for end in (ours, out, target):
            os.close(end)


def test_a_child_that_answers_while_it_reads_gets_all_and_is_heard_to_the_end(given: int, tmp_path: Path) -> None:
    assert relayed(ECHO, given, tmp_path / "out") == 0
    assert (tmp_path / "out").read_bytes() == (tmp_path / "given").read_bytes()


def test_a_child_that_reads_nothing_ends_when_it_likes(given: int, tmp_path: Path) -> None:
    assert relayed("print('last words'); raise SystemExit(9)", given, tmp_path / "out") == 9
    assert (tmp_path / "out").read_text(encoding="utf-8") == "last words\n"


def test_a_child_that_closes_its_input_may_go_on(given: int, tmp_path: Path) -> None:
    script = "import os, time; os.close(0); time.sleep(0.5); print('later')"
    assert relayed(script, given, tmp_path / "out") == 0
    assert (tmp_path / "out").read_text(encoding="utf-8") == "later\n"


def test_what_a_child_leaves_behind_does_not_hold_it_up(given: int, tmp_path: Path) -> None:
    script = "import subprocess; subprocess.Popen(['/bin/sleep', '30']); print('gone')"
    assert relayed(script, given, tmp_path / "out") == 0
    assert (tmp_path / "out").read_text(encoding="utf-8") == "gone\n"


def test_a_reader_that_has_gone_is_noticed() -> None:
    read, write = os.pipe()
    command = process.Command(argv=("/bin/sh", "-c", "echo x; exec sleep 30"), label="a child")
    (theirs, ours), (out, out_of_child) = os.pipe(), os.pipe()
    os.close(read)
    with (
        process.attached(command, stdin=theirs, stdout=out_of_child, stderr=2) as child,
        pytest.raises(relay.HungUpError),
    ):
        relay.relay(theirs, ours, {out: write}, child.ended)
    for end in (theirs, ours, out, out_of_child, write):
        os.close(end)
