"""Proof obligations: records in, findings out. One module each; none starts a process or reads a host."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from validator.checks import (
    agreement,
    audit,
    baseline,
    catalogs,
    converged,
    cross,
    disk,
    evidence,
    idempotent,
    loops,
    probes,
    refresh,
    restarts,
    services,
    static_execs,
    static_tasks,
    steps,
    vacuous,
)
from validator.findings import Finding
from validator.record import Kind, Run

Check = Callable[[Run], Iterator[Finding]]

# What looks at tasks and catalogs as written, before anything was applied.
STATIC: tuple[Check, ...] = (static_execs.check, static_tasks.check, cross.check)

# In this order causes come before what follows from them, and before what merely blocks a pass.
APPLIED: tuple[Check, ...] = (
    steps.check,
    converged.check,
    refresh.check,
    restarts.check,
    loops.check,
    services.check,
    idempotent.check,
    disk.check,
    audit.check,
    probes.check,
    agreement.check,
    vacuous.check,
    catalogs.check,
    baseline.check,
    evidence.check,
)


def of(kind: Kind) -> tuple[Check, ...]:
    """The checks that a record of this kind is read with."""
    return (*STATIC, evidence.check) if kind == "lint" else (*APPLIED, *STATIC)
