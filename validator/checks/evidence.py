"""No evidence is never a pass: every phase must have left a complete record of this very run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pydantic import JsonValue

from validator.checks import vacuous
from validator.findings import Finding, Meaning
from validator.record import AnsibleRun, Phase, PhaseName, PuppetRun, Report, Run

CHANGES, FAILURES = 2, 4  # bits of --detailed-exitcodes (Puppet: transaction/report.rb, exit_status)


def check(run: Run) -> Iterator[Finding]:
    """Whatever keeps the record from proving anything."""
    # A second run that cannot be read undoes nothing of what the first one showed, nor does a host to compare with.
    aside = {"again", "fresh"} if run.subject.kind == "upgrade" else {"again"}
    for finding in _check(run):
        weaker = finding.means == "inconclusive" and finding.phase in aside
        yield replace(finding, means="unproven") if weaker else finding


def _check(run: Run) -> Iterator[Finding]:
    for trouble in run.troubles:
        yield _finding("evidence.run", trouble.phase, trouble.phase or "run", trouble.message, hint=trouble.hint)
    for name in run.subject.phases:
        phase = run.phase(name)
        if phase is None:
            if not run.troubles:
                yield _finding("evidence.missing", name, name, f"the phase `{name}` was not reached")
        else:
            yield from _phase(run, phase)
    yield from _repeated(run)
    yield from _static(run)


def _static(run: Run) -> Iterator[Finding]:
    """A catalog that compiles only on the upgraded host is no fault; for `validate lint` there is nothing else."""
    alone = run.subject.kind == "lint"
    if run.static is None:
        if alone and not run.troubles:
            yield _finding("evidence.missing", None, "catalog", "no catalog was compiled")
    elif run.static.trouble:
        yield _finding(
            "evidence.catalog",
            None,
            "catalog",
            f"the new release does not compile on a bare host of the image: {run.static.trouble}",
            hint="" if alone else "Nothing is known of it before the run; what Puppet did on the host counts.",
            means="inconclusive" if alone else "note",
        )


def _phase(run: Run, phase: Phase) -> Iterator[Finding]:
    if not phase.puppet and not phase.ansible:
        yield _finding("evidence.missing", phase.name, phase.name, f"the phase `{phase.name}` has no record of a tool")
    for tasks in phase.ansible:
        yield from _ansible(phase.name, tasks)
    # In an early step there may be nothing yet; in none of them is no evidence.
    looked = any(apply.report is not None and apply.report.evaluated for apply in phase.puppet)
    for apply in phase.puppet:
        yield from _puppet(phase.name, apply, may_be_empty=looked and apply.step is not None)
    if phase.name == "old":
        return  # only its end counts, and that is seen when the upgrade begins
    if run.subject.services:
        trouble = "the service manager was not watched" if phase.services is None else phase.services.trouble
        if trouble:
            yield _finding("evidence.services", phase.name, phase.name, trouble, means="unproven")
    if phase.disk is None:
        yield _finding("evidence.disk", phase.name, phase.name, "the disk was not watched", means="unproven")


def _ansible(phase: PhaseName, tasks: AnsibleRun) -> Iterator[Finding]:
    if not tasks.trouble and (not tasks.finished or tasks.exit_code != 0):
        yield _finding(
            "evidence.ansible",
            phase,
            phase,
            f"ansible-playbook ended with status {tasks.exit_code}, and its record does not say why",
        )
    if tasks.trouble:
        failed = next((task for task in tasks.tasks if task.status in {"failed", "unreachable"}), None)
        # Tasks that succeed once and fail when they run again are what such a run is there to find.
        not_again = phase == "upgrade-again" and failed is not None and failed.status == "failed"
        yield Finding(
            rule=f"{phase}.failed",
            means="diverged" if not_again else "inconclusive",
            phase=phase,
            subject=failed.name if failed else phase,
            message=tasks.trouble,
            declared_at=failed.place if failed else None,
            hint="The first run of the tasks succeeded, the second one fails: make the task look before it acts."
            if not_again
            else "The tasks must run to their end before Puppet's answer means anything: fix what the message names.",
            evidence={"exit_code": tasks.exit_code, "output": list(tasks.output)},
        )


def _puppet(phase: PhaseName, apply: PuppetRun, *, may_be_empty: bool) -> Iterator[Finding]:
    step = "" if apply.step is None else f" step {apply.step}"
    if apply.trouble or apply.report is None or apply.catalog is None:
        yield _finding(
            "evidence.puppet",
            phase,
            f"puppet apply{step}",
            apply.trouble or "the record holds no report or no catalog",
            hint="Puppet's own last words are shown with this finding.",
            evidence={"exit_code": apply.exit_code, "output": list(apply.output)},
        )
        return
    report = apply.report
    if not report.completed:
        yield _finding(
            "evidence.unfinished",
            phase,
            f"puppet apply{step}",
            f"the catalog was not applied to the end ({report.status}, exit {apply.exit_code}): {_loudest(report)}",
        )
    elif report.evaluated == 0 and not may_be_empty:
        yield _finding(
            "evidence.empty",
            phase,
            f"puppet apply{step}",
            "the catalog is empty: Puppet looked at no resource",
            hint="Does the manifest declare anything for this host?",
        )
    if report.noop:
        yield _finding(
            "evidence.noop",
            phase,
            f"puppet apply{step}",
            "Puppet ran in noop mode: it changed nothing because it was told not to",
        )
    _, unlooked = vacuous.unlooked(apply)
    if unlooked:
        yield _finding(
            "evidence.skipped",
            phase,
            unlooked[0].ref,
            f"{len(unlooked)} resource(s) skipped, though nothing failed and no schedule says why (a tag?): "
            "their state is unknown",
            evidence={"skipped": [resource.ref for resource in unlooked]},
        )
    if contradiction := _contradiction(apply.exit_code, report):
        yield _finding("evidence.contradiction", phase, f"puppet apply{step}", contradiction)


def _contradiction(exit_code: int, report: Report) -> str:
    """Exit status, metrics and resources must tell one story."""
    resources = report.metrics.get("resources", {})
    changes = report.metrics.get("changes", {}).get("total", -1)
    failures = resources.get("failed", 0) + resources.get("failed_to_restart", 0)
    if not resources or changes < 0:
        return "the report has no metrics"
    said = (changes > 0, failures > 0)
    if report.completed and said != (bool(exit_code & CHANGES), bool(exit_code & FAILURES)):
        return (
            f"exit status {exit_code} does not fit {changes:.0f} change(s) and {failures:.0f} failure(s) in the metrics"
        )
    seen = any(event.status == "success" for resource in report.notable for event in resource.events)
    if (changes > 0) != seen:
        return f"the metrics count {changes:.0f} change(s), the resources show {'some' if seen else 'none'}"
    return ""


def _loudest(report: Report) -> str:
    return next(
        (log.message for log in reversed(report.logs) if log.level in {"err", "alert", "emerg", "crit"}),
        "no reason given",
    )


def _repeated(run: Run) -> Iterator[Finding]:
    """A report that is seen twice is not of the run that claims it."""
    seen: dict[str, PhaseName] = {}
    for phase in run.phases:
        for apply in phase.puppet:
            if apply.report is not None:
                transaction = apply.report.transaction
                if not transaction:
                    yield _finding("evidence.stale", phase.name, phase.name, "Puppet's report names no transaction")
                elif transaction in seen:
                    yield _finding(
                        "evidence.stale",
                        phase.name,
                        phase.name,
                        f"the report of `{phase.name}` is the one of `{seen[transaction]}` (transaction {transaction})",
                    )
                seen[transaction] = phase.name


def _finding(
    rule: str,
    phase: PhaseName | None,
    subject: str,
    message: str,
    *,
    hint: str = "",
    means: Meaning = "inconclusive",
    evidence: dict[str, JsonValue] | None = None,
) -> Finding:
    return Finding(
        rule=rule,
        means=means,
        phase=phase,
        subject=subject,
        message=message,
        hint=hint,
        evidence=evidence or {},
    )
