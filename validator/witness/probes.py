"""Assertions of the scenario that neither tool makes."""

from __future__ import annotations

import re

from validator.host.machine import Host
from validator.record import ProbeSeen
from validator.redact import Redactor
from validator.scenario.model import Probe

SHOWN = 400  # characters of a probe's output that are kept


def observe(host: Host, probe: Probe, redactor: Redactor) -> ProbeSeen:
    """Evaluate one probe now."""
    done = host.run("/bin/sh", "-c", probe.command, label=f"probe {probe.name}", timeout=probe.timeout, accept=None)
    text = done.text
    trouble = ""
    if done.timed_out:
        trouble = f"did not end within {probe.timeout:.0f} s"
    elif done.code != probe.exit:
        trouble = f"exit status {done.code}, wanted {probe.exit}"
    elif probe.stdout is not None and re.search(probe.stdout, text) is None:
        trouble = f"the output does not match {probe.stdout!r}"
    output = redactor.text((text + done.errors).strip())
    return ProbeSeen(name=probe.name, exit_code=done.code, output=output[:SHOWN], trouble=redactor.text(trouble))
