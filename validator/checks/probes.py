"""What the scenario asserts about the world must hold after the upgrade, and still after Puppet."""

from __future__ import annotations

from collections.abc import Iterator

from validator.findings import Finding
from validator.record import Run


def check(run: Run) -> Iterator[Finding]:
    """One finding for each probe that failed, at the first phase where it did."""
    seen: set[str] = set()
    for phase in run.phases:
        for probe in phase.probes:
            if probe.trouble and probe.name not in seen:
                seen.add(probe.name)
                yield Finding(
                    rule="probe.failed",
                    means="diverged",
                    phase=phase.name,
                    subject=probe.name,
                    message=f"after `{phase.name}`: {probe.trouble}",
                    hint="The probe is the scenario's own: its command stands there, what it said is shown here.",
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
