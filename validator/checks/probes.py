"""What the scenario asserts about the world must hold after the upgrade, and still after Puppet."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import JsonValue

from validator.checks.blame import Blame
from validator.findings import Finding, Left
from validator.record import ProbeSeen, Run


def check(run: Run) -> Iterator[Finding]:
    """One finding for each probe that failed, at the first phase where it did.

    On a host that Puppet alone deployed, for comparison, a probe only tells whether the upgrade is at fault.
    """
    aside = "fresh" if run.subject.kind == "upgrade" else None
    fresh = _failed_fresh(run) if aside else {}
    seen: set[str] = set()
    places = dict(zip(run.subject.probes, run.subject.probe_places, strict=False))
    for phase in run.phases:
        for probe in phase.probes if phase.name != aside else ():
            if probe.trouble and probe.name not in seen:
                seen.add(probe.name)
                evidence: dict[str, JsonValue] = {"exit_code": probe.exit_code, "output": probe.output}
                hint = "The probe is the scenario's own: its command stands there, what it said is shown here."
                if probe.name in fresh:
                    evidence["fresh"] = fresh[probe.name].trouble
                    hint = (
                        "It fails on a host deployed fresh as well: the release or the probe is at fault, not the "
                        "upgrade tasks."
                    )
                elif aside and run.phase("fresh") is not None:
                    hint = f"It passes on a host that Puppet alone deployed: the upgrade tasks are at fault. {hint}"
                yield Finding(
                    rule="probe.failed",
                    means="diverged",
                    phase=phase.name,
                    subject=probe.name,
                    message=f"after `{phase.name}`: {probe.trouble}",
                    declared_at=places.get(probe.name),
                    left_by=_left_by(run, probe.name),
                    hint=hint,
                    evidence=evidence,
                )
    for name, probe in fresh.items():
        if name not in seen:
            yield Finding(
                rule="agreement.probe",
                means="note",
                phase="fresh",
                subject=name,
                message=f"it passes on the upgraded host, but not on a host deployed fresh: {probe.trouble}",
                hint="Something that the probe needs came with the old release or the upgrade tasks only.",
                evidence={"exit_code": probe.exit_code, "output": probe.output},
            )
    missing = set(run.subject.probes) - {probe.name for phase in run.phases for probe in phase.probes}
    if run.phase("converge") is not None:
        for name in sorted(missing):
            yield Finding(
                rule="evidence.probe",
                means="unproven",
                phase=None,
                subject=name,
                message="the probe was never evaluated",
            )


def _failed_fresh(run: Run) -> dict[str, ProbeSeen]:
    phase = run.phase("fresh")
    return {probe.name: probe for probe in (phase.probes if phase else ()) if probe.trouble}


def _left_by(run: Run, name: str) -> Left | None:
    """Where a probe held after the upgrade and a fault followed: the one task of it that changed something."""
    upgrade = run.phase("upgrade")
    held = any(probe.name == name and not probe.trouble for probe in (upgrade.probes if upgrade else ()))
    return Blame(run).only_change("fault") if held else None
