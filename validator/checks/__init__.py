"""Proof obligations: records in, findings out. One module each; none starts a process or reads a host."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from validator.checks import (
    agreement,
    audit,
    baseline,
    catalogs,
    converged,
    disk,
    evidence,
    idempotent,
    loops,
    probes,
    refresh,
    restarts,
    services,
    steps,
    vacuous,
)
from validator.findings import Finding
from validator.record import Run

Check = Callable[[Run], Iterator[Finding]]

# In this order causes come before what follows from them, and before what merely blocks a pass.
CHECKS: tuple[Check, ...] = (
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
