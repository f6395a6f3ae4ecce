"""Witnesses, read from what real tools printed."""

from __future__ import annotations

import json
from pathlib import Path

from validator.checks.restarts import restarts
from validator.host.layer import Stack
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
    for path in ("etc/app.conf", "var/log/app/app.log", "var/lib/mysql/ibdata1", "srv/data/x", "tmp/x"):
        (upper / path).parent.mkdir(parents=True, exist_ok=True)
        (upper / path).write_text("", encoding="utf-8")
    mine = disk.NoiseRule(name="scenario", patterns=("/srv/data/*",), reason="the tests' own")
    seen = disk.observe(Stack((base,)), Stack((upper, base)), Redactor(), noise=(mine,))
    kept = {change.path for change in seen.changes}
    assert "/etc/app.conf" in kept
    assert not {"/var/log/app/app.log", "/var/lib/mysql/ibdata1", "/srv/data/x", "/tmp/x"} & kept
    assert seen.left_out["scenario"] == ("/srv/data/x",)
    assert seen.noise == {"logs": 2, "databases": 1, "scenario": 1, "temporary": 1}
