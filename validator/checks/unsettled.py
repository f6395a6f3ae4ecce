"""Resources that cannot come to rest, as the compiled catalogs say: Puppet changes them in every run.

Within one catalog: a resource that reports a change whenever it is applied, or two that manage the same thing
differently. Between the steps of a release: one that undoes what another one sets, so that each loop changes it twice.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

from pydantic import JsonValue

from validator.checks import purges, settings, settings_puppet
from validator.checks.managed import is_yes, text
from validator.checks.relations import kind_of
from validator.checks.settings import ABSENT, NO_OPTION, What
from validator.checks.settings_puppet import Given
from validator.findings import Finding
from validator.record import Catalog, CatalogResource, Run, StepCatalog
from validator.redact import MARK

# Types that write one line for each element of a list, and so none for an empty one (`array_matching => :all`).
LINE_EACH = frozenset(
    {"Glance_api_config", "Ironic_config", "Ironic_inspector_config", "Keystone_config", "Nova_config"}
    | {"Placement_config"}
)
APART = "Leave one of the two to manage it."
EARLIER = "Declare it in the earlier step too, or keep that step from undoing what a later one declares."


def check(run: Run) -> Iterator[Finding]:
    """One finding for each resource."""
    catalogs = run.static.catalogs if run.static else ()
    expected = {each.resource for each in run.subject.expect}
    seen: set[str] = set()
    found = [finding for each in catalogs for finding in _within(each.catalog)]
    for finding in (*found, *_between(catalogs)):
        if finding.subject not in seen and finding.subject not in expected:
            seen.add(finding.subject)
            yield finding


def _finding(resource: CatalogResource, message: str, hint: str, **evidence: JsonValue) -> Finding:
    return Finding(
        rule="resource.unsettled",
        means="note",
        phase=None,
        subject=resource.ref,
        message=message,
        declared_at=resource.declared_at,
        hint=hint,
        evidence=evidence,
        warns=True,
    )


def _within(catalog: Catalog) -> Iterator[Finding]:
    for resource in catalog.resources:
        yield from _by_itself(resource)
    given = settings_puppet.of(catalog)
    yield from _twice(given)
    yield from _overwritten(given)


def _by_itself(resource: CatalogResource) -> Iterator[Finding]:
    kind, given = kind_of(resource.ref), resource.parameters
    if is_yes(given.get("noop")):
        return
    if kind == "Notify":
        yield _finding(
            resource,
            "counts as a change in every run",
            "Say it while compiling: `notice()`, `warning()`.",
        )
    if kind in LINE_EACH and given.get("value") == [] and text(given.get("ensure")) != ABSENT:
        yield _finding(
            resource,
            "an empty list is written as no line at all: Puppet finds the option missing, and makes it, in every run",
            f"Give `{settings_puppet.SERVICE_DEFAULT}` where the list is empty, or `ensure => absent`.",
            value=[],
        )


def _twice(given: Sequence[Given]) -> Iterator[Finding]:
    """Two resources, under different titles, for the same thing."""
    owners: dict[What, Given] = {}
    for each in given:
        first = owners.setdefault(each.setting.what, each)
        if first.resource.ref != each.resource.ref and settings.differs(first.setting, each.setting):
            yield _finding(
                each.resource,
                f"{each.setting.title}: {_shown(each)} here, {_shown(first)} in {first.resource.ref}{_at(first)}",
                APART,
                other=first.resource.ref,
            )


def _shown(given: Given) -> str:
    value = given.setting.value or ""
    if given.setting.what[-1] == "content" and given.setting.what[0] == "file":
        return "one text"
    return "no such option" if value == NO_OPTION else repr(value)


def _at(given: Given) -> str:
    place = given.resource.declared_at
    return f" ({place})" if place is not None else ""


def _overwritten(given: Sequence[Given]) -> Iterator[Finding]:
    """An option in a file that another resource takes away, or writes as a whole and without it."""
    whole: dict[str, Given] = {}
    for each in given:
        kind, path, *aspect = each.setting.what
        if kind == "file" and (aspect == ["content"] or each.setting.value == ABSENT):
            whole[path] = each
    for each in given:
        what, value = each.setting.what, each.setting.value
        if what[0] != "option" or what[1] not in whole or value in {None, NO_OPTION} or value is None:
            continue
        file = whole[what[1]]
        text_of_file = file.setting.value
        if text_of_file == ABSENT and file.setting.what[-1] == "ensure":
            does = "takes the file away"
        elif text_of_file is None or MARK in text_of_file or _has(text_of_file, what[3], value):
            continue
        else:
            does = "writes the file without it"
        yield _finding(
            each.resource,
            f"{each.setting.title} is set here, and {file.resource.ref}{_at(file)} {does}",
            APART,
            other=file.resource.ref,
        )


def _has(content: str, option: str, value: str) -> bool:
    """Whether each line that the option takes is in the text, in whatever section."""
    return all(
        re.search(rf"^\s*{re.escape(option)}\s*[=:]\s*[\"']?{re.escape(line)}[\"']?\s*$", content, re.MULTILINE)
        for line in value.split("\n")
    )


# --- Between steps ---


def _between(catalogs: Sequence[StepCatalog]) -> Iterator[Finding]:
    """What one step sets and another one sets otherwise, or takes away because it does not declare it."""
    steps = [(each.step, settings_puppet.of(each.catalog), purges.of(each.catalog)) for each in catalogs]
    firsts: dict[What, list[tuple[int | None, Given]]] = defaultdict(list)
    for step, given, _ in steps:
        for each in given:
            firsts[each.setting.what].append((step, each))
    for found in firsts.values():
        yield from _otherwise(found)
    for step, _, purging in steps:
        for what, ((other, first), *_) in firsts.items():
            owner = purging(what) if first.setting.value not in {ABSENT, NO_OPTION} else None
            if owner is not None:
                yield _finding(
                    first.resource,
                    f"step {other} makes it, and step {step} takes it away again: {owner.ref} there purges what the "
                    "step does not declare",
                    EARLIER,
                    made_in=other,
                    purged_in=step,
                    other=owner.ref,
                )


def _otherwise(found: Sequence[tuple[int | None, Given]]) -> Iterator[Finding]:
    step, first = found[0]
    for other, each in found[1:]:
        if other != step and settings.differs(first.setting, each.setting):
            yield _finding(
                each.resource,
                f"{each.setting.title}: {_shown(each)} in step {other}, {_shown(first)} in step {step}{_at(first)}",
                "Give it the same value in every step.",
                steps=[step, other],
            )
            return
