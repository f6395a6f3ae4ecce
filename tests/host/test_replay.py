"""A refresh that seems lost is replayed on a fork of the host: Puppet itself says what it would have triggered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Validate
from tests.host.lab import NEW, write_scenario

REFRESHED = (
    "exec {{ 'rebuild': command => 'touch /etc/rebuilt', path => '/usr/bin:/bin', refreshonly => true{more},"
    " subscribe => File['/etc/shop.conf'] }}\n"
)


def run(validate: Validate, directory: Path, more: str, **checks: object) -> tuple[int, dict[str, Any]]:
    exec_ = REFRESHED.format(more=more)
    scenario = write_scenario(directory, new=NEW + exec_, checks=checks)
    ran = validate("scenario", scenario, "--format", "json")
    found = [finding for finding in ran.result["findings"] if finding["severity"] == "error"]
    return ran.code, found[0] if found else {}


def test_a_replay_shows_what_puppet_would_have_triggered(validate: Validate, tmp_path: Path) -> None:
    code, found = run(validate, tmp_path / "s", "", confirm="replay")
    assert (code, found["rule"], found["subject"]) == (1, "refresh.lost", "Exec[rebuild]")
    assert "Triggered 'refresh'" in found["evidence"]["replay"]


def test_a_replay_clears_what_puppet_would_not_have_done(validate: Validate, tmp_path: Path) -> None:
    """The exec's own guard holds it back; only Puppet can know."""
    assert run(validate, tmp_path / "s", ", onlyif => 'test -e /etc/never'", confirm="replay") == (0, {})


@pytest.mark.parametrize("checks", [{}, {"confirm": "none"}])
def test_without_a_replay_it_is_lost_until_proved(checks: dict[str, str], validate: Validate, tmp_path: Path) -> None:
    code, found = run(validate, tmp_path / "s", ", onlyif => 'test -e /etc/never'", **checks)
    assert (code, found["rule"]) == (1, "refresh.lost")
    assert "replay" not in found["evidence"]
