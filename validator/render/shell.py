"""What is said when a shell opens in a host. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from validator.shell import Opened

BOOTED = (
    "Started from the saved state of the upgraded host: services were started by this boot, and what was in memory is "
    "gone (/run, the journal). `--live` runs the tasks and opens the very host in which they ran."
)


def banner(opened: Opened, *, person: bool) -> str:
    """Which host this is, how it came about, and for a `person` how to go on."""
    return "\n".join(_lines(opened, person=person)) + "\n"


def _lines(opened: Opened, *, person: bool) -> Iterator[str]:
    yield f"{opened.scenario}, host {opened.host.spec.hostname}: {opened.moment.words}."
    if opened.ended:
        yield f"BUT {opened.ended}"
    if opened.saved:
        yield BOOTED
    if not person:
        return
    for release, line in opened.lines:
        yield f"Apply the {release} release by hand:"
        yield f"  {line}"
    if opened.incomplete:
        yield "A secret was left out of that: put it back."
    yield "Leave with `exit` or ^D. Nothing that you do here is kept."
