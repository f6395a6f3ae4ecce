"""The result for a person: plain in a file, coloured and as wide as the terminal on one; no value acts there."""

from __future__ import annotations

import fcntl
import gzip
import io
import os
import pty
import re
import struct
import subprocess
import termios
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TextIO

import pytest

from tests.conftest import COMMAND, PROJECT
from tests.unit import builders as make
from validator import record
from validator.checks.restarts import RestartAccount, Who
from validator.findings import Consequence, Finding, Left, Waived
from validator.record import Fix, Place
from validator.render import RENDERERS, page, text, whatnext
from validator.render.page import PAPER, Screen, look
from validator.verdict import Result, judge

RECORDS = sorted((PROJECT / "tests/fixtures/records").glob("*.json.gz"))
SGR = re.compile(r"\x1b\[[0-9;]*m")
WIDTHS = (60, 100, 160)
TASKS = """\
- name: the pool is larger
  community.general.ini_file:
    path: /etc/shop.ini  # a remark that makes this line a good deal longer than the sixty columns of a narrow terminal
    option: "{{ size }}"

- name: and read
  ansible.builtin.command: systemctl restart [bold]shop[/bold]
"""
DIFF = """\
--- scenarios/my shop/upgrade.yml
+++ scenarios/my shop/upgrade.yml
@@ -1,2 +1,3 @@
 - name: a
-  old: line
+  new: line
+  more: yes
"""
FIX = Fix(
    rule="converge.change",
    subject="Ini_setting[pool]",
    tasks=TASKS,
    diff="",
    place=Place(file="scenarios/my shop/upgrade.yml", line=41),
    status="verified",
    before=19,
    after=0,
    variables=("shop_password", "token"),
    note="Take the password from a vault, and never write it into the tasks, where everybody who reads them sees it.",
)
CAUSE = Finding(
    rule="converge.change",
    means="diverged",
    phase="converge",
    subject="Ini_setting[a subject with words in it that is by itself longer than what a narrow terminal has room for]",
    message="value is 3, should be 5, which takes more than sixty columns to say when it is said at length\nand more",
    declared_at=Place(file="/usr/share/puppet/modules/a long path with spaces in it/manifests/init.pp", line=41),
    left_by=Left(task="write it", place=Place(file="scenarios/my shop/upgrade.yml", line=7), item="x", did="wrote"),
    undone=Left(task="the one before", place=Place(file="scenarios/my shop/upgrade.yml", line=3)),
    whose="clash",
    hint="Add to the upgrade tasks what Puppet did here, same value and all, or take out what undoes it.",
    evidence={"diff": "--- a\n+++ b\n@@ -1 +1 @@\n-" + "x" * 200 + "\n+[red]y[/red]", "output": ["one", "two"]},
    consequences=tuple(Consequence(subject=f"Exec[{n}]", message="refreshed") for n in range(5)),
    fix=FIX,
)
WAIVED = Waived(reason="known until the next release", owner="the shop's team", expires="2030-12-31")


def result(*findings: Finding, **changes: object) -> Result:
    made = replace(
        judge(make.healthy()),
        findings=findings,
        verdict="diverged" if any(each.means == "diverged" for each in findings) else "converged",
        restarts=(
            RestartAccount(
                unit="shop.service",
                phase="upgrade",
                who=Who(name="restart it", place=Place(file="scenarios/my shop/upgrade.yml", line=90)),
                time=5.0,
            ),
        ),
        records=("/var/cache/a long path/record.json",),
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # tests change any field


ASIDES = (
    replace(CAUSE, means="note", warns=True, fix=None),
    replace(CAUSE, means="note", waived=WAIVED, fix=None),
    replace(CAUSE, means="note", fix=None),
)
MADE = [result(CAUSE, replace(CAUSE, fix=replace(FIX, status="reduces", diff=DIFF)), *ASIDES), result()]
REAL = [judge(record.load_text(gzip.decompress(path.read_bytes()).decode()), records=(path,)) for path in RECORDS]


@pytest.mark.parametrize("each", [*MADE, *REAL])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("details", [False, True])
def test_colours_change_nothing_that_is_said(each: Result, width: int, *, details: bool) -> None:
    plain = text.render(each, details=details, screen=Screen(width=width, terminal=True))
    coloured = text.render(each, details=details, screen=Screen(width=width, terminal=True, colour=True))
    assert "\x1b" not in plain
    assert "\x1b[1;3" in coloured
    assert SGR.sub("", coloured) == plain
    paper = text.render(each, details=details)
    assert paper == RENDERERS["text"](each, details=details)
    # Other lines, and the same words in them.
    assert sorted(re.findall(r"[\w/.\[\]]{4,}", paper)) == sorted(re.findall(r"[\w/.\[\]]{4,}", plain))


@pytest.mark.parametrize("each", [*MADE, *REAL])
@pytest.mark.parametrize("width", WIDTHS)
def test_only_what_must_stay_in_one_piece_is_wider_than_the_terminal(each: Result, width: int) -> None:
    shown = text.render(each, screen=Screen(width=width, terminal=True))
    whole = (
        r"    \| .*",
        r" *\S+",
        r"\d/\d .*",
        r"record: .*",
        r"fixes: .*",
        r"shell: .*",
        r".*scenarios/my shop/.*",
        r".*a long path.*",
    )
    pasted = [f"    {line}" for line in TASKS.splitlines()]
    for line in shown.splitlines():
        assert len(line) <= width or line in pasted or any(re.fullmatch(each, line) for each in whole), line
    if len(each.findings) > 1:  # there is enough to say for a line to be full
        assert any(width * 0.9 < len(line) <= width for line in shown.splitlines())


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("colour", [False, True])
def test_what_is_copied_is_not_broken(width: int, *, colour: bool) -> None:
    shown = SGR.sub("", text.render(MADE[0], screen=Screen(width=width, terminal=True, colour=colour)))
    pasted = "".join(f"    {line}\n" if line else "\n" for line in TASKS.splitlines())
    assert shown.count(pasted) == 2
    assert f"    | -{'x' * 200}\n" in shown
    assert "    | +[red]y[/red]\n" in shown
    assert "[bold]shop[/bold]\n" in shown
    for place in ("init.pp:41", "upgrade.yml:7", "upgrade.yml:3", "upgrade.yml:41", "upgrade.yml:90"):
        lines = [line for line in shown.splitlines() if re.search(rf"{re.escape(place)}\b", line)]
        assert lines
        assert all(re.search(r"(/usr/share/.*|scenarios/my shop/)\w+\.\w+:\d+", line) for line in lines)


def test_a_fix_stands_below_its_cause() -> None:
    first, second = text.render(MADE[0]).partition("\n2/2 ")[::2]
    where = "scenarios/my shop/upgrade.yml:41"
    assert f"    fix          verified: 0 changes (19 without it); goes behind {where}\n    - name: " in first
    assert first.rstrip().endswith(
        "    variables    shop_password, token\n"
        "    note         Take the password from a vault, and never write it into the tasks, where everybody\n"
        "                 who reads them sees it."
    )
    assert f"    fix          reduces 19 to 0; at {where}\n" in second
    # Pasting would not take the old line away.
    assert "    | -  old: line\n" in second
    assert "    | -  old: line\n" not in first
    untried = replace(FIX, status="unverified", place=None, tasks="", diff=DIFF, variables=(), note="")
    shown = text.render(result(replace(CAUSE, fix=untried)))
    assert "    fix          not verified\n    | --- scenarios/my shop/upgrade.yml\n" in shown


def test_a_diff_is_red_and_green() -> None:
    shown = text.render(MADE[0], screen=Screen(width=100, terminal=True, colour=True))
    for styled in ("\x1b[31m-  old: line\x1b[0m", "\x1b[32m+  new: line\x1b[0m", "\x1b[36m@@ -1 +1 @@\x1b[0m"):
        assert styled in shown
    assert "\x1b[1;31mDIVERGED" in shown
    assert "\x1b[1;32mverified" in shown


def test_consequences_are_folded_until_asked_for() -> None:
    assert "    and so       Exec[0], Exec[1], Exec[2] and 2 more\n" in text.render(MADE[0])
    shown = text.render(MADE[0], details=True)
    assert "    and so       Exec[0]: refreshed\n                 Exec[1]: refreshed\n" in shown
    assert "Exec[4]: refreshed\n" in shown


NASTY = "a \x1b[31m\x1b]0;owned\x07 \x9b2J \x00 \r\nsecond\x08\x7f [bold]b[/] :smile: \u2028c \ud800 https://x.test"


@pytest.mark.parametrize("details", [False, True])
@pytest.mark.parametrize("screen", [PAPER, Screen(width=60, terminal=True, colour=True)])
def test_nothing_in_a_value_is_acted_upon(screen: Screen, *, details: bool) -> None:
    place = Place(file=NASTY, line=1)
    left = Left(task=NASTY, place=place, item=NASTY, did=NASTY)
    fix = replace(FIX, tasks=NASTY, diff=NASTY, place=place, variables=(NASTY,), note=NASTY)
    nasty = replace(
        CAUSE,
        subject=NASTY,
        message=NASTY,
        declared_at=place,
        left_by=left,
        undone=left,
        hint=NASTY,
        evidence={"diff": NASTY, "output": [NASTY]},
        consequences=(Consequence(subject=NASTY, message=NASTY),),
        fix=fix,
    )
    waived = replace(nasty, means="note", waived=Waived(reason=NASTY, owner=NASTY, expires="2030-12-31"))
    phase = replace(
        judge(make.healthy()).phases[0], changed={NASTY: "content"}, left_out={NASTY: (NASTY,)}, services={NASTY: NASTY}
    )
    made = result(
        nasty,
        waived,
        replace(nasty, means="note", warns=True),
        scenario=NASTY,
        title=NASTY,
        file=NASTY,
        phases=(phase,),
        watched=(NASTY,),
        records=(NASTY,),
        restarts=(RestartAccount(unit=NASTY, phase="upgrade", who=Who(name=NASTY, place=place), time=1.0),),
    )
    shown = text.render(made, details=details, screen=screen)
    left_over = SGR.sub("", shown) if screen.colour else shown
    assert re.findall(r"[^\n\t\x20-\x7e\u00a0-\ud7ff\ue000-\U0010ffff]", left_over) == []
    # Nothing but the colours of this program: the one in the value is no sequence any more.
    assert set(re.findall(r"\x1b\[[0-9;]*m", shown)) <= {
        f"\x1b[{code}m" for code in ("0", "1", "2", "31", "32", "33", "36", "1;31", "1;32", "1;33")
    }
    assert "[bold]b[/] :smile:" in shown
    assert shown.encode()


# Where it is shown


@contextmanager
def terminal(columns: int) -> Iterator[tuple[TextIO, int]]:
    """Both ends of a pseudo-terminal: what a program writes to, and what a person sees."""
    there, here = pty.openpty()
    fcntl.ioctl(here, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    with os.fdopen(here, "w", encoding="utf-8") as stream:
        try:
            yield stream, there
        finally:
            os.close(there)


@pytest.mark.parametrize(
    ("columns", "environ", "wanted"),
    [
        (100, {"TERM": "xterm-256color"}, (100, True)),
        (60, {"TERM": "xterm"}, (60, True)),
        (160, {"TERM": "xterm"}, (160, True)),
        (300, {"TERM": "xterm"}, (160, True)),
        (10, {"TERM": "xterm"}, (40, True)),
        (0, {"TERM": "xterm"}, (80, True)),
        (100, {"TERM": "xterm", "COLUMNS": "72"}, (72, True)),
        (100, {"TERM": "xterm", "COLUMNS": "many"}, (100, True)),
        (100, {"TERM": "xterm", "NO_COLOR": "1"}, (100, False)),
        (100, {"TERM": "xterm", "NO_COLOR": "0"}, (100, False)),
        (100, {"TERM": "xterm", "NO_COLOR": ""}, (100, True)),
        (100, {"TERM": "dumb"}, (100, False)),
        (100, {"TERM": ""}, (100, False)),
        (100, {}, (100, False)),
    ],
)
def test_a_terminal_says_what_it_can(columns: int, environ: Mapping[str, str], wanted: tuple[int, bool]) -> None:
    with terminal(columns) as (stream, _):
        width, colour = wanted
        assert look(stream, environ) == Screen(width=width, colour=colour, terminal=True)


def test_elsewhere_it_is_paper(tmp_path: Path) -> None:
    told = {"TERM": "xterm", "COLUMNS": "60", "FORCE_COLOR": "1", "CLICOLOR_FORCE": "1"}
    with (tmp_path / "x").open("w") as file:
        assert look(file, told) == look(io.StringIO(), told) == page.PAPER == Screen()


def on_a_terminal(columns: int, *arguments: str | Path, **environ: str) -> tuple[int, str]:
    """The command as a person sees it."""
    clean = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "NO_COLOR", "TERM"}}
    with terminal(columns) as (stream, there):
        done = subprocess.Popen([COMMAND, *map(str, arguments)], stdout=stream, env={**clean, **environ}, cwd=PROJECT)
        stream.close()
        seen = b""
        while True:
            try:
                some = os.read(there, 65536)
            except OSError:  # nobody has the other end any more
                some = b""
            if not some:
                return done.wait(timeout=60), seen.decode().replace("\r\n", "\n")
            seen += some


def test_the_command_finds_out_where_it_is_shown(tmp_path: Path) -> None:
    file = tmp_path / "record.json"
    [kept] = [path for path in RECORDS if path.name.startswith("map-cell0-not-run")]
    file.write_bytes(gzip.decompress(kept.read_bytes()))
    made = judge(record.load(file), records=(file,))
    for columns, environ, screen in (
        (60, {"TERM": "xterm"}, Screen(width=60, terminal=True, colour=True)),
        (160, {"TERM": "xterm", "NO_COLOR": "1"}, Screen(width=160, terminal=True)),
        (100, {"TERM": "dumb"}, Screen(width=100, terminal=True)),
    ):
        code, seen = on_a_terminal(columns, "judge", file, **environ)
        assert (code, seen) == (1, text.render(made, screen=screen))
    # Written to a file it is plain, whatever standard output is.
    code, seen = on_a_terminal(60, "judge", file, "-o", tmp_path / "result.txt", TERM="xterm")
    assert (code, seen) == (1, "")
    assert (tmp_path / "result.txt").read_text(encoding="utf-8") == text.render(made)
    piped = subprocess.run(
        [COMMAND, "judge", file],
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT,
        env={**os.environ, "TERM": "xterm", "FORCE_COLOR": "1", "COLUMNS": "60"},
    )
    assert piped.stdout == text.render(made)


# What next


@pytest.mark.parametrize(
    ("file", "wanted"),
    [
        ("scenarios/shop/scenario.yml", "shop"),
        ("tests/variants/shop/broken/scenario.yml", "tests/variants/shop/broken"),
        ("/srv/my scenarios/shop/scenario.yml", "'/srv/my scenarios/shop'"),
        ("shop/scenario.yml", "./shop"),
        ("scenario.yml", "./."),
        ("", "shop"),
    ],
)
def test_where_no_fix_was_looked_for_the_command_that_does_is_told(file: str, wanted: str) -> None:
    made = result(replace(CAUSE, fix=None), scenario="shop", file=file)
    assert list(whatnext.steps(made))[:1] == [("fixes", f"validate fix {wanted}")]
    assert f"\nfixes: validate fix {wanted}\n" in text.render(made)
    told = (made, replace(made, verdict="converged", findings=()), replace(made, kind="lint"))
    assert ["fixes" in dict(whatnext.steps(each)) for each in told] == [True, False, False]
    assert "fixes" not in dict(whatnext.steps(replace(made, searched=True)))
