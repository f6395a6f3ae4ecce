"""Proof obligations: records in, findings out. One module each; none starts a process or reads a host."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from validator.checks import baseline, converged, evidence, probes, restarts
from validator.findings import Finding
from validator.record import Run

Check = Callable[[Run], Iterator[Finding]]

# In this order causes come before what merely blocks a pass.
CHECKS: tuple[Check, ...] = (converged.check, restarts.check, probes.check, baseline.check, evidence.check)
