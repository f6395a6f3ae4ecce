"""Puppet: the command line of one run, and what its report and catalog say.

Facts about the files are Puppet's own: lib/puppet/transaction/report.rb, resource/status.rb, transaction/event.rb,
resource/catalog.rb. Tested with Puppet 7 and 8, report formats 10 to 12.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import yaml
from pydantic import JsonValue

from validator.places import Places
from validator.record import Catalog, CatalogResource, Event, EventStatus, LogLine, Report, Resource, alike
from validator.redact import MARK, Redactor, is_secret_name, values_in

FORMATS = range(10, 13)
# Not `time`: its keys are names of types, and redaction would take the seconds of a type called `..._token`.
METRICS = {"changes", "events", "resources"}
LAST_KEY = "cached_catalog_status"
# lib/puppet/transaction.rb (evaltrace), lib/puppet/util/execution.rb: only debug lines say what a provider runs.
EVALUATION_STARTS, EVALUATION_ENDS = "Starting to evaluate the resource", "Evaluated in "
RUNS = re.compile(r"Executing(?: with uid=\S+(?: gid=\S+)?)?: '(?P<command>.*)'", re.DOTALL)
EXECUTED = re.compile(r"(?P<ref>Exec\[.*\])\(provider=\w+\)", re.DOTALL)
LOUD = {"warning", "err", "alert", "emerg", "crit"}
# Puppet's own packages install outside the usual path.
PATH_SUFFIX = ":/opt/puppetlabs/bin"
# Puppet 8 leaves unchanged resources out of its report unless told otherwise; Puppet 5 ends with an error when told.
# Whether an installed Puppet knows the setting stands in one of these files.
WHOLE_REPORT = "exclude_unchanged_resources"
SETTINGS_FILES = (
    "/usr/lib/ruby/vendor_ruby/puppet/defaults.rb",
    "/usr/share/ruby/vendor_ruby/puppet/defaults.rb",
    "/opt/puppetlabs/puppet/lib/ruby/vendor_ruby/puppet/defaults.rb",
)
# Puppet adds these to every catalog (lib/puppet/type/schedule.rb, filebucket.rb: mk_default_*).
BUILT_IN = {"Schedule", "Filebucket"}
_EVENT_STATUSES: Mapping[str, EventStatus] = {
    "success": "success",
    "failure": "failure",
    "noop": "noop",
    "audit": "audit",
}


class UnreadableError(ValueError):
    """A report or catalog that cannot be used as evidence; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Apply:
    """One `puppet apply`. Paths are the host's; `output` is an empty directory that only this run writes to.

    `may_exclude`: this Puppet knows the setting `exclude_unchanged_resources`. `debug`: its report shall say which
    commands ran. `compile_only`: stop when the catalog is there, before anything of the host is looked at.
    """

    manifest: str
    modulepath: tuple[str, ...]
    hiera: str | None
    output: str
    facts: Mapping[str, str]
    may_exclude: bool = False
    debug: bool = False
    compile_only: bool = False

    @property
    def report(self) -> str:
        """Where this run leaves its report."""
        return f"{self.output}/report.yaml"

    @property
    def catalogs(self) -> str:
        """The directory below which this run leaves its catalog, as `catalog/NODE.json`."""
        return f"{self.output}/client_data"


def command(apply: Apply) -> tuple[str, ...]:
    """The command line. Without --detailed-exitcodes a run with failed resources exits 0."""
    return (
        "puppet",
        "apply",
        "--detailed-exitcodes",
        "--show_diff",
        "--color=false",
        "--no-noop",
        "--reports=none",
        f"--lastrunreport={apply.report}",
        f"--client_datadir={apply.catalogs}",
        "--catalog_cache_terminus=json",
        *(("--debug", "--evaltrace") if apply.debug else ()),
        # The catalog is kept before this runs, and nothing is applied when it fails (configurer.rb). `puppet catalog
        # compile` would want a server's settings, and Puppet 5 does not have it.
        *(("--prerun_command=/bin/false",) if apply.compile_only else ()),
        *((f"--no-{WHOLE_REPORT}",) if apply.may_exclude else ()),
        *((f"--modulepath={':'.join(apply.modulepath)}",) if apply.modulepath else ()),
        *((f"--hiera_config={apply.hiera}",) if apply.hiera else ()),
        apply.manifest,
    )


def environment(apply: Apply, base: Mapping[str, str]) -> dict[str, str]:
    """The run's environment: facts arrive as FACTER_name."""
    return {
        **base,
        "PATH": base["PATH"] + PATH_SUFFIX,
        **{f"FACTER_{name}": value for name, value in apply.facts.items()},
    }


def parse_report(
    text: bytes, *, places: Places, redactor: Redactor, expected: Sequence[tuple[str, str, object]] = ()
) -> Report:
    """A report as written to `lastrunreport`. Teaches `redactor` the secrets in it. Raises `UnreadableError`.

    `expected` are the changes that the scenario expects: resource, property and value, in clear.
    """
    raw = _load(text)
    form = raw.get("report_format")
    if not isinstance(form, int) or form not in FORMATS:
        raise UnreadableError(f"report format {form} is not one of {FORMATS.start} to {FORMATS.stop - 1}")
    statuses = raw.get("resource_statuses")
    if not isinstance(statuses, dict):
        raise UnreadableError("the report has no resource_statuses")
    metrics = _metrics(raw.get("metrics"))
    # Half a report is valid YAML too: it must hold as many resources as its metrics count, and its last key.
    counted = metrics.get("resources", {}).get("total", -1)
    if counted != len(statuses) or LAST_KEY not in raw:
        raise UnreadableError(f"the report is not whole: it holds {len(statuses)} of {counted:.0f} resources")
    redactor.keep(str(status.get("title")) for status in statuses.values())
    for ref, status in statuses.items():
        redactor.learn(_secrets(str(ref), status))
    return Report(
        format=form,
        puppet_version=str(raw.get("puppet_version", "")),
        status=str(raw.get("status", "")),
        time=str(raw.get("time", "")),
        completed=raw.get("transaction_completed") is True,
        noop=raw.get("noop") is True,
        transaction=str(raw.get("transaction_uuid", "")),
        resources=len(statuses),
        evaluated=sum(1 for status in statuses.values() if _is_evaluated(status)),
        metrics=metrics,
        notable=tuple(
            _compared(_resource(str(ref), status, places, redactor), str(ref), status, expected)
            for ref, status in statuses.items()
            if _is_notable(status)
        ),
        logs=tuple(_log(log, places, redactor) for log in raw.get("logs") or () if _is_kept(log)),
        executed=_executed(raw.get("logs") or ()),
    )


def _executed(logs: Sequence[Mapping[str, Any]]) -> tuple[str, ...] | None:
    """Execs whose command ran, from the debug lines of their provider (lib/puppet/provider/exec.rb, `run`)."""
    if not any(log.get("level") == "debug" for log in logs):
        return None
    ran = (
        EXECUTED.fullmatch(str(log.get("source"))) for log in logs if str(log.get("message")).startswith("Executing '")
    )
    return tuple(dict.fromkeys(match["ref"] for match in ran if match))


def in_clear(text: bytes) -> dict[str, dict[str, JsonValue]]:
    """The parameters of a cached catalog's resources, by reference, with all secrets: never to be stored or shown.

    Raises `UnreadableError`.
    """
    try:
        resources = json.loads(text)["resources"]
        return {
            f"{each['type']}[{each['title']}]": {
                str(name): _plain(value) for name, value in (each.get("parameters") or {}).items()
            }
            for each in resources
        }
    except (ValueError, KeyError, TypeError) as error:
        raise UnreadableError(f"the catalog cannot be read: {error}") from error


def provider_commands(text: bytes) -> dict[str, tuple[str, ...]]:
    """The commands that providers ran while each resource was evaluated, from the report of a debug run. In clear."""
    found: dict[str, list[str]] = {}
    now = ""
    for log in _load(text).get("logs") or ():
        message, source = str(log.get("message", "")), str(log.get("source", ""))
        if message.startswith(EVALUATION_STARTS):
            now = source.rpartition("/")[2] if "[" not in source else _last_reference(source)
        elif message.startswith(EVALUATION_ENDS):
            now = ""
        elif now and (match := RUNS.fullmatch(message)):
            found.setdefault(now, []).append(match["command"])
    return {ref: tuple(commands) for ref, commands in found.items()}


def _last_reference(source: str) -> str:
    """The resource at the end of a containment path (`/Stage[main]/Nova/Nova_config[a/b]`); titles hold slashes."""
    starts = [match.start(1) for match in re.finditer(r"(?:^|/)([A-Z][\w:]*\[)", source)]
    return source[starts[-1] :] if starts else source


def parse_catalog(text: bytes, *, places: Places, redactor: Redactor) -> Catalog:
    """A catalog as cached in JSON. Teaches `redactor` the secrets in it. Raises `UnreadableError`."""
    try:
        raw = json.loads(text)
        resources = raw["resources"]
        pairs = [(str(edge["source"]), str(edge["target"])) for edge in raw.get("edges", ())]
        refs = [f"{each['type']}[{each['title']}]" for each in resources]
    except (ValueError, KeyError, TypeError) as error:
        raise UnreadableError(f"the catalog cannot be read: {error}") from error
    redactor.keep(str(each["title"]) for each in resources)
    for each in resources:
        redactor.learn(_catalog_secrets(each))
    return Catalog(
        version=str(raw.get("version", "")),
        resources=tuple(
            CatalogResource(
                ref=redactor.text(ref),
                declared_at=places.place(each.get("file"), each.get("line")),
                parameters=_parameters(each, redactor),
            )
            for ref, each in zip(refs, resources, strict=True)
        ),
        edges=tuple((redactor.text(source), redactor.text(target)) for source, target in pairs),
    )


class _Loader(yaml.CSafeLoader):
    """YAML with Ruby's tags read as what is below them."""


def _construct(loader: yaml.CSafeLoader, _suffix: str, node: yaml.Node) -> object:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return str(node.value)


_Loader.add_multi_constructor("!ruby/", _construct)


def _load(text: bytes) -> dict[str, Any]:
    try:
        raw = yaml.load(text, Loader=_Loader)  # noqa: S506 - a subclass of the safe loader
    except (yaml.YAMLError, ValueError) as error:
        raise UnreadableError(f"the report is not YAML (cut off?): {error}") from error
    if not isinstance(raw, dict):
        raise UnreadableError("the report is not a mapping")
    return raw


def _metrics(raw: object) -> dict[str, dict[str, float]]:
    if not isinstance(raw, dict):
        return {}
    return {
        str(name): {str(value[0]): float(value[2]) for value in metric.get("values", ())}
        for name, metric in raw.items()
        if name in METRICS and isinstance(metric, dict)
    }


def _is_evaluated(status: Mapping[str, Any]) -> bool:
    return (
        status.get("resource_type") not in BUILT_IN
        and not status.get("skipped")
        and status.get("evaluation_time") is not None
    )


def _is_notable(status: Mapping[str, Any]) -> bool:
    flags = ("changed", "failed", "failed_to_restart", "skipped", "out_of_sync")
    return any(status.get(flag) for flag in flags) or bool(status.get("events"))


def _resource(ref: str, status: Mapping[str, Any], places: Places, redactor: Redactor) -> Resource:
    title = str(status.get("title", ""))
    return Resource(
        ref=redactor.text(ref),
        kind=str(status.get("resource_type", ref.partition("[")[0])),
        title=redactor.text(title),
        declared_at=places.place(status.get("file"), status.get("line")),
        containment=tuple(redactor.text(str(part)) for part in status.get("containment_path") or ()),
        events=tuple(_event(title, event, places, redactor) for event in status.get("events") or ()),
        **{
            flag: status.get(flag) is True
            for flag in ("changed", "failed", "failed_to_restart", "skipped", "out_of_sync")
        },
    )


def _compared(
    resource: Resource, ref: str, status: Mapping[str, Any], expected: Sequence[tuple[str, str, object]]
) -> Resource:
    """The resource, with each event held against what is expected of it: in clear, which the record is not."""
    wanted = [(name, value) for own, name, value in expected if own == ref]
    if not wanted:
        return resource
    events = []
    for event, raw in zip(resource.events, status.get("events") or (), strict=True):
        values = [value for name, value in wanted if name == event.property]
        same = any(alike(value, raw.get("desired_value")) for value in values) if values else None
        events.append(replace(event, as_expected=same))
    return replace(resource, events=tuple(events))


def _event(title: str, raw: Mapping[str, Any], places: Places, redactor: Redactor) -> Event:
    name = raw.get("property")
    secret = _is_secret_event(title, raw)
    return Event(
        name=str(raw.get("name", "")),
        status=_EVENT_STATUSES.get(str(raw.get("status")), "failure"),
        property=None if name is None else str(name),
        previous=_value(raw.get("previous_value"), redactor, secret=secret),
        desired=_value(raw.get("desired_value"), redactor, secret=secret),
        message=redactor.text(places.text(str(raw.get("message", "")))),
    )


def _is_secret_event(title: str, raw: Mapping[str, Any]) -> bool:
    """A title names the option (`placement/password`); OpenStack's types say so in the message."""
    option = title.replace(" ", "/").rsplit("/", 1)[-1]
    hidden = "secret redacted]" in str(raw.get("message", "")) or raw.get("redacted") is True
    return hidden or is_secret_name(option) or is_secret_name(str(raw.get("property") or ""))


def _secrets(ref: str, status: Mapping[str, Any]) -> set[str]:
    title = str(status.get("title", ref))
    found: set[str] = set()
    for event in status.get("events") or ():
        values = [event.get("previous_value"), event.get("desired_value")]
        if event.get("property") in {"ensure", "mode", "owner", "group"}:
            values = []
        found |= values_in(values, secret=_is_secret_event(title, event))
    return found


def _value(raw: object, redactor: Redactor, *, secret: bool) -> JsonValue:
    """A value of an event. A file's new checksum comes in base64 without a tag (it starts `e3No`, `{sh`)."""
    if isinstance(raw, str) and raw.startswith("e3No"):
        with contextlib.suppress(binascii.Error, UnicodeDecodeError):
            raw = base64.b64decode(raw, validate=True).decode("ascii")
    plain = _plain(raw)
    if secret and str(plain) not in {"absent", "present", "None"}:
        return MARK
    return redactor.tree(plain)


def _plain(raw: object) -> JsonValue:
    if raw is None or isinstance(raw, str | int | float | bool):
        return raw
    if isinstance(raw, Mapping):
        return {str(name): _plain(value) for name, value in raw.items()}
    if isinstance(raw, list | tuple):
        return [_plain(value) for value in raw]
    return str(raw)


def _is_kept(log: Mapping[str, Any]) -> bool:
    is_diff = str(log.get("source", "")).endswith("/content") and str(log.get("message", "")).lstrip().startswith("---")
    return str(log.get("level")) in LOUD or is_diff


def _log(raw: Mapping[str, Any], places: Places, redactor: Redactor) -> LogLine:
    return LogLine(
        level=str(raw.get("level", "")),
        source=redactor.text(str(raw.get("source", ""))),
        message=redactor.text(places.text(str(raw.get("message", "")))),
        place=places.place(raw.get("file"), raw.get("line")),
    )


def _catalog_secrets(raw: Mapping[str, Any]) -> set[str]:
    parameters = raw.get("parameters") or {}
    sensitive = set(raw.get("sensitive_parameters") or ())
    found = values_in(parameters)
    for name in sensitive:
        found |= values_in(parameters.get(name), secret=True)
    if _holds_secret(raw, parameters):
        found |= values_in(parameters.get("value"), secret=True)
    return found


def _holds_secret(raw: Mapping[str, Any], parameters: Mapping[str, Any]) -> bool:
    option = str(parameters.get("setting") or raw.get("title", "")).replace(" ", "/").rsplit("/", 1)[-1]
    return parameters.get("secret") is True or is_secret_name(option)


def _parameters(raw: Mapping[str, Any], redactor: Redactor) -> dict[str, JsonValue]:
    parameters = {str(name): _plain(value) for name, value in (raw.get("parameters") or {}).items()}
    hidden = set(raw.get("sensitive_parameters") or ())
    if _holds_secret(raw, parameters):
        hidden.add("value")
    return {
        name: MARK if name in hidden else redactor.tree(value, secret=is_secret_name(name))
        for name, value in parameters.items()
    }
