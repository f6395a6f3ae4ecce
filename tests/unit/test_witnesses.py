"""Witnesses, read from what real tools printed."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

from validator.checks.restarts import restarts
from validator.host.layer import Stack
from validator.record import UnitState
from validator.redact import Redactor
from validator.witness import disk, services


def line(number: str, unit: str, job: str, at: int) -> str:
    entry = {
        "MESSAGE_ID": number,
        "UNIT": unit,
        "JOB_TYPE": job,
        "INVOCATION_ID": "5f2d",
        "_SOURCE_REALTIME_TIMESTAMP": str(at * 1_000_000),
    }
    return json.dumps(entry)


STARTED, STOPPED, ITSELF = (
    "39f53479d3a045ac8e11786248231fbf",
    "9d1aaa27d60140bd96365438aad20286",
    "5eb03494b6584870a536b337290809b3",
)


def test_a_restart_is_a_stop_and_a_start() -> None:
    journal = "\n".join(
        (
            line("other", "apache2.service", "", 1),
            line(STOPPED, "apache2.service", "restart", 2),
            line(STARTED, "apache2.service", "start", 3),
            line(STARTED, "apt-daily.service", "start", 4),
            line(STARTED, "multi-user.target", "start", 4),
        )
    )
    seen = services.events(journal)
    assert [(each.unit, each.kind, each.time) for each in seen] == [
        ("apache2.service", "stopped", 2.0),
        ("apache2.service", "started", 3.0),
        ("apt-daily.service", "started", 4.0),
    ]
    assert restarts(seen) == {"apache2.service": 1}


def test_what_systemd_restarts_by_itself_is_nobodys_restart() -> None:
    journal = "\n".join(
        (
            line(ITSELF, "flapping.service", "", 1),
            line(STOPPED, "flapping.service", "restart", 2),
            line(STARTED, "flapping.service", "start", 3),
            line(STOPPED, "flapping.service", "restart", 4),
            line(STARTED, "flapping.service", "start", 5),
        )
    )
    assert restarts(services.events(journal)) == {"flapping.service": 1}


def test_units_as_systemctl_shows_them() -> None:
    shown = """Id=apache2.service
LoadState=loaded
ActiveState=active
UnitFileState=enabled
MainPID=334
InvocationID=6ac6360f7379465986f0c83d9b518434
ExecMainStartTimestampMonotonic=5000000
Names=apache2.service httpd.service

Id=gone.service
LoadState=not-found
ActiveState=inactive
UnitFileState=
MainPID=0
InvocationID=
ExecMainStartTimestampMonotonic=0
"""
    apache, gone = services.states(shown, booted=1000.5)
    assert (apache.pid, apache.active, apache.started_at) == (334, "active", 1005.5)
    assert apache.aliases == ("httpd.service",)
    assert (gone.load, gone.pid, gone.started_at) == ("not-found", 0, 0.0)


def test_noise_is_left_out_and_counted_by_rule(tmp_path: Path) -> None:
    base, upper = tmp_path / "base", tmp_path / "upper"
    base.mkdir()
    for path in (
        "etc/app.conf",
        "var/log/app/app.log",
        "var/lib/mysql/ibdata1",
        "srv/data/x",
        "tmp/x",
        "var/lib/apt/daily_lock",
    ):
        (upper / path).parent.mkdir(parents=True, exist_ok=True)
        (upper / path).write_text("", encoding="utf-8")
    mine = disk.NoiseRule(name="scenario", patterns=("/srv/data/*",), reason="the tests' own")
    seen = disk.observe(Stack((base,)), Stack((upper, base)), Redactor(), noise=(mine,))
    kept = {change.path for change in seen.changes}
    assert "/etc/app.conf" in kept
    assert not {"/var/log/app/app.log", "/var/lib/mysql/ibdata1", "/srv/data/x", "/tmp/x"} & kept
    assert seen.left_out["scenario"] == ("/srv/data/x",)
    assert seen.noise == {"logs": 2, "databases": 1, "scenario": 1, "temporary": 1, "timers": 1}


def test_what_is_written_between_two_looks_is_named_once(tmp_path: Path) -> None:
    upper = tmp_path / "upper"
    (upper / "etc").mkdir(parents=True)
    (upper / "etc/old.conf").write_text("old", encoding="utf-8")
    written = disk.Written(upper)
    assert written.look() == ()
    (upper / "etc/app.conf").write_text("one", encoding="utf-8")
    (upper / "var/log").mkdir(parents=True)
    (upper / "var/log/noise.log").write_text("x", encoding="utf-8")
    assert "/etc/app.conf" in written.look()
    assert written.look() == ()
    (upper / "etc/app.conf").chmod(0o600)
    (upper / "etc/old.conf").unlink()
    assert written.look() == ("/etc/app.conf", "/etc/old.conf")


def test_a_rewrite_with_the_same_size_is_seen(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one", encoding="utf-8")
    written = disk.Written(tmp_path)
    before = (tmp_path / "a").stat()
    (tmp_path / "a").write_text("two", encoding="utf-8")
    os.utime(tmp_path / "a", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert written.look() == ("/a",)


def test_both_sides_of_a_change_are_kept_and_when_it_was_made(tmp_path: Path) -> None:
    base, upper = tmp_path / "base", tmp_path / "upper"
    for root, text in ((base, "[a]\nx = 1\n"), (upper, "[a]\nx = 2\n")):
        (root / "etc").mkdir(parents=True)
        (root / "etc/app.conf").write_text(text, encoding="utf-8")
    (upper / "etc/app.conf").chmod(0o600)
    (base / "etc/app.conf").chmod(0o644)
    seen = disk.observe(Stack((base,)), Stack((upper, base)), Redactor(), times={"etc/app.conf": 12.5})
    change = next(change for change in seen.changes if change.path == "/etc/app.conf")
    assert (change.kind, change.aspects, change.changed_at) == ("content", ("mode",), 12.5)
    assert change.before is not None
    assert change.after is not None
    assert (change.before.mode, change.after.mode) == ("0644", "0600")
    assert change.before.digest != change.after.digest
    assert change.content is not None
    assert change.content.patch == ({"op": "replace", "path": "/a/x", "value": "2"},)


def test_units_that_are_as_they_were_are_left_out() -> None:
    def unit(name: str, **changes: object) -> UnitState:
        base = UnitState(
            unit=name, load="loaded", active="active", enabled="enabled", pid=1, invocation="i", started_at=1.0
        )
        return replace(base, **changes)  # type: ignore[arg-type]  # tests change any field

    before = (unit("a.service"), unit("b.service"))
    after = (
        unit("a.service", started_at=1.0001),
        unit("b.service", invocation="j", started_at=9.0),
        unit("c.service"),
    )
    assert [state.unit for state in services.differing(before, after)] == ["b.service", "c.service"]
