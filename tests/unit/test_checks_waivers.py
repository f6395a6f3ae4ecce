"""Findings that are accepted for a while, and waivers that are of no use."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from pydantic import JsonValue

from validator import waivers
from validator.findings import Finding, Meaning, Waived
from validator.record import Place, Waiver

TODAY = date(2026, 5, 1)


def finding(
    rule: str = "agreement.path", subject: str = "/etc/a", means: Meaning = "diverged", **evidence: JsonValue
) -> Finding:
    return Finding(rule=rule, means=means, phase="fresh", subject=subject, message="m", evidence=evidence)


def waiver(rule: str = "*", subject: str = "*", path: str = "*", expires: str = "2026-05-01") -> Waiver:
    place = Place(file="scenario.yml", line=9)
    return Waiver(rule=rule, subject=subject, path=path, reason="why", owner="who", expires=expires, place=place)


def accepts(one: Waiver, about: Finding) -> bool:
    (judged, *_) = waivers.apply((about,), (one,), TODAY)
    assert (judged.means == "note") is (judged.waived is not None)
    return judged.waived is not None


def test_what_is_accepted_is_a_note_that_says_why() -> None:
    (judged,) = waivers.apply((finding(path="/etc/a"),), (waiver(),), TODAY)
    assert (judged.means, judged.severity) == ("note", "info")
    assert judged.waived == Waived(reason="why", owner="who", expires="2026-05-01")


def test_without_waivers_nothing_changes() -> None:
    findings = (finding(), finding("converge.change", "File[/a]"))
    assert waivers.apply(findings, (), TODAY) == findings


@pytest.mark.parametrize(
    ("one", "about", "expected"),
    [
        (waiver("agreement.path"), finding(), True),
        (waiver("agreement.*"), finding(), True),
        (waiver("agreement.unit"), finding(), False),
        (waiver("agreement"), finding(), False),
        (waiver(subject="Exec[nova-db-sync]"), finding(subject="Exec[nova-db-sync]"), True),  # brackets are no class
        (waiver(subject="Exec[nova-db-sync]"), finding(subject="n"), False),
        (waiver(subject="Exec[*]"), finding(subject="Exec[a b/c]"), True),
        (waiver(subject="Exec[a"), finding(subject="Exec[a]"), False),
        (waiver(path="/etc/a"), finding(path="/etc/a"), True),
        (waiver(path="etc/a"), finding(path="/etc/a"), True),
        (waiver(path="/etc/*"), finding(path="/etc/a"), True),
        (waiver(path="/etc/*"), finding(path="/etc/a/b"), False),
        (waiver(path="/etc/**"), finding(path="/etc/a/b"), True),
        (waiver(path="/etc/**/b"), finding(path="/etc/b"), True),
        (waiver(path="/etc/**"), finding(path="/usr/a"), False),
        (waiver(path="/etc/a.b"), finding(path="/etc/axb"), False),
        (waiver(path="**"), finding(), False),  # it is about no path
        (waiver(path="*"), finding(), True),
        (waiver(path="*"), finding(path="/etc/a/b"), True),
    ],
)
def test_patterns(one: Waiver, about: Finding, *, expected: bool) -> None:
    assert accepts(one, about) is expected


@pytest.mark.parametrize(
    "about", [finding("old.unsettled", means="inconclusive"), finding("evidence.disk", means="unproven")]
)
def test_not_knowing_cannot_be_accepted(about: Finding) -> None:
    judged, unused = waivers.apply((about,), (waiver(),), TODAY)
    assert judged == about
    assert unused.rule == "waiver.unused"
    assert f"{about.rule} says that nothing is known" in unused.message


def test_what_is_unproven_for_another_reason_can() -> None:
    assert accepts(waiver("vacuous.noop"), finding("vacuous.noop", means="unproven"))


def test_a_finding_about_many_paths_needs_all_of_them_accepted() -> None:
    many = finding(paths=["/etc/a", "/srv/b"], count=2)
    etc, srv = waiver(path="/etc/**"), waiver(path="/srv/**")
    assert not accepts(etc, many)
    (judged,) = waivers.apply((many,), (etc, srv), TODAY)
    assert judged.means == "note"


def test_a_finding_that_names_some_of_its_paths_only_is_about_none() -> None:
    assert not accepts(waiver(path="/etc/**"), finding(paths=["/etc/a"], count=2000))
    assert accepts(waiver(), finding(paths=["/etc/a"], count=2000))


def test_a_waiver_holds_on_its_last_day_and_not_after() -> None:
    assert accepts(waiver(expires="2026-05-01"), finding())
    assert not accepts(waiver(expires="2026-04-30"), finding())


def test_an_expired_waiver_warns_and_says_what_it_would_cover() -> None:
    expired = waiver("agreement.path", path="/etc/**", expires="2020-02-29")
    findings = (finding(path="/etc/a"), finding(path="/etc/b"), finding("converge.change"))
    *judged, warning = waivers.apply(findings, (expired,), TODAY)
    assert tuple(judged) == findings
    assert (warning.rule, warning.means, warning.severity) == ("waiver.expired", "note", "warning")
    assert warning.evidence == {"owner": "who", "expires": "2020-02-29", "findings": 2}
    assert str(warning.declared_at) == "scenario.yml:9"
    for word in ("agreement.path", "/etc/**", "2020-02-29", "2 finding(s)"):
        assert word in warning.message


def test_a_waiver_that_covers_nothing_warns_unless_the_run_was_cut_short() -> None:
    unused = waiver("converge.change")
    _, warning = waivers.apply((finding(),), (unused,), TODAY)
    assert (warning.rule, warning.severity) == ("waiver.unused", "warning")
    assert str(warning.declared_at) == "scenario.yml:9"
    assert waivers.apply((finding(),), (unused,), TODAY, complete=False) == (finding(),)


def test_the_first_of_two_waivers_is_named_and_neither_is_unused() -> None:
    first, second = waiver(), replace(waiver(), owner="another")
    (judged,) = waivers.apply((finding(),), (first, second), TODAY)
    assert judged.waived is not None
    assert judged.waived.owner == "who"
