"""The command line: arguments in, one call, a rendering out, an exit status."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from validator import __version__, files
from validator.errors import Exit, UsageError
from validator.host import doctor as doctor_module
from validator.host.cache import Cache
from validator.render import RENDERERS, listing
from validator.render.live import Live
from validator.render.schema import result_schema
from validator.scenario import load, template
from validator.scenario.model import schema as scenario_schema
from validator.verdict import Result
from validator.verdict import judge as judge_run

app = typer.Typer(
    name="validate",
    help="Prove that after Ansible upgrade tasks, Puppet for the new release has nothing left to do.",
    epilog="Exit status: 0 converged, 1 diverged, 2 usage or bad scenario, 3 could not judge, 130 interrupted.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
)
cache_app = typer.Typer(help="The images and states that are kept between runs.", no_args_is_help=True)
app.add_typer(cache_app, name="cache")
import_app = typer.Typer(help="Scenarios made of what is written elsewhere.", no_args_is_help=True)
app.add_typer(import_app, name="import")


def _complete(incomplete: str) -> list[str]:
    return [name for name in load.names(Path("scenarios")) if name.startswith(incomplete)]


Name = Annotated[str, typer.Argument(help="A scenario below --root, or a path to one.", autocompletion=_complete)]
Root = Annotated[Path, typer.Option("--root", help="The directory that holds the scenarios.")]
Format = Annotated[str, typer.Option("--format", help=f"One of: {', '.join(RENDERERS)}.")]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="Write the result there instead of to standard output.")
]
Details = Annotated[
    bool, typer.Option("--details", help="Also list every path that differs, and what was left out as noise.")
]
MatrixFormat = Annotated[str, typer.Option("--format", help="One of: text, json, junit, html.")]
SCENARIOS = Path("scenarios")


@app.command()
def scenario(
    name: Name,
    *,
    root: Root = SCENARIOS,
    format: Format = "text",  # noqa: A002 - the option's name
    output: Output = None,
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast", help="Skip the second Puppet run once the first has shown a divergence.")
    ] = False,
    details: Details = False,
) -> None:
    """Run one scenario to its verdict."""
    from validator.validate import validate  # noqa: PLC0415 - keeps --help fast

    _known(format)
    _writable(output)
    loaded = load.find(name, root)
    with Live(Console(stderr=True)) as progress:
        recorded = validate(loaded, Cache.open(), progress, fail_fast=fail_fast)
    _deliver(judge_run(recorded.run, records=(recorded.path,)), format, output, details=details)


@app.command()
def lint(
    name: Name,
    *,
    root: Root = SCENARIOS,
    format: Format = "text",  # noqa: A002 - the option's name
    output: Output = None,
) -> None:
    """Look at the tasks as written and the catalog as compiled; nothing is applied.

    Exit status: 0 nothing was found, 1 something was, 3 the catalog does not compile.
    """
    from validator.validate import validate  # noqa: PLC0415 - keeps --help fast

    _known(format)
    _writable(output)
    loaded = load.find(name, root)
    with Live(Console(stderr=True)) as progress:
        recorded = validate(loaded, Cache.open(), progress, kind="lint")
    _deliver(judge_run(recorded.run, records=(recorded.path,)), format, output, details=False)


@app.command()
def idempotence(
    name: Name,
    *,
    root: Root = SCENARIOS,
    format: Format = "text",  # noqa: A002 - the option's name
    output: Output = None,
    release: Annotated[str, typer.Option("--release", help="The release to deploy from nothing: old or new.")] = "new",
    upgrade: Annotated[
        bool, typer.Option("--upgrade", help="Run the upgrade tasks twice instead, on the old release.")
    ] = False,
    details: Details = False,
) -> None:
    """Deploy a release with Puppet from nothing, then once more: the second run must change nothing."""
    from validator.validate import validate  # noqa: PLC0415 - keeps --help fast

    _known(format)
    _writable(output)
    if release not in ("old", "new"):
        raise UsageError(f"there is no release {release!r}", hint="Choose one of: old, new.")
    loaded = load.find(name, root)
    if loaded.fault is not None:
        raise UsageError(f"{name} is a variant; only whole scenarios are run twice")
    with Live(Console(stderr=True)) as progress:
        recorded = validate(
            loaded,
            Cache.open(),
            progress,
            kind="upgrade-idempotence" if upgrade else "idempotence",
            release="old" if release == "old" else "new",
        )
    _deliver(judge_run(recorded.run, records=(recorded.path,)), format, output, details=details)


@app.command()
def selftest(
    name: Name,
    *,
    root: Root = SCENARIOS,
    format: Format = "text",  # noqa: A002 - the option's name
    output: Output = None,
    only: Annotated[list[str] | None, typer.Option("--only", help="Only these faults; `*` matches anything.")] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="At most so many, spread over all kinds.")] = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Faults that run at the same time.")] = 1,
    keep: Annotated[Path | None, typer.Option("--keep", help="Leave the faulty files in this new directory.")] = None,
    list_only: Annotated[bool, typer.Option("--list", help="Only list the faults.")] = False,
) -> None:
    """Seed faults into a scenario, one at a time, and count those that are caught.

    Exit status: 0 none was missed, 1 some were, 3 some could not be judged.
    """
    from validator.render import selftest as rendered  # noqa: PLC0415 - keeps --help fast
    from validator.selftest import mutants  # noqa: PLC0415 - keeps --help fast
    from validator.selftest.run import Wanted  # noqa: PLC0415 - keeps --help fast
    from validator.selftest.run import selftest as run_selftest  # noqa: PLC0415 - keeps --help fast

    _known(format, ("text", "json"))
    _writable(output)
    loaded = load.find(name, root)
    if list_only:
        typer.echo(rendered.listing(mutants.derive(loaded)), nl=False)
        return
    wanted = Wanted(only=tuple(only or ()), limit=limit, jobs=jobs, keep=keep)
    with Live(Console(stderr=True)) as progress:
        result = run_selftest(loaded, Cache.open(), progress, wanted)
    _write(rendered.document(result) if format == "json" else rendered.text(result), output)
    worst = Exit.CANNOT_JUDGE if result.count("broken") else Exit.CONVERGED
    raise typer.Exit(Exit.DIVERGED if result.count("missed") else worst)


@app.command()
def matrix(
    cells: Annotated[
        list[str] | None, typer.Argument(help="Only these cells: patterns of scenarios, or of whole names.")
    ] = None,
    *,
    root: Root = SCENARIOS,
    file: Annotated[
        Path | None, typer.Option("--matrix", help="The file that declares the matrix; by default ROOT/matrix.yml.")
    ] = None,
    scenario: Annotated[
        list[str] | None, typer.Option("--scenario", help="A matrix without a file: scenarios below --root.")
    ] = None,
    image: Annotated[
        list[str] | None, typer.Option("--image", help="The same: bullseye, bookworm, trixie, own, or a path.")
    ] = None,
    format: MatrixFormat = "text",  # noqa: A002 - the option's name
    output: Output = None,
    directory: Annotated[
        Path | None, typer.Option("--reports", help="Leave index.html, matrix.json, junit.xml and all reports there.")
    ] = None,
    report_format: Annotated[
        list[str] | None, typer.Option("--report-format", help="Formats of the cells' reports there.")
    ] = None,
    jobs: Annotated[int | None, typer.Option("--jobs", "-j", min=1, help="Cells that run at the same time.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Run all anew, whatever is known.")] = False,
    fail_fast: Annotated[bool, typer.Option("--fail-fast", help="Stop at the first cell not as expected.")] = False,
    shard: Annotated[str | None, typer.Option("--shard", help="Only the I-th of N parts: I/N.")] = None,
    timings: Annotated[Path | None, typer.Option("--timings", help="Durations to balance shards by.")] = None,
    save_timings: Annotated[Path | None, typer.Option("--save-timings", help="Write durations there.")] = None,
    only_changed: Annotated[
        str | None, typer.Option("--only-changed", help="Only cells whose inputs differ from those of a git revision.")
    ] = None,
    list_only: Annotated[bool, typer.Option("--list", help="Only list the cells.")] = False,
    emit: Annotated[str | None, typer.Option("--emit", help="Only print the jobs for github, gitlab or zuul.")] = None,
    at_most: Annotated[int | None, typer.Option("--at-most", min=1, help="With --emit: at most so many jobs.")] = None,
) -> None:
    """Run many scenarios on many images in many variants, and say what they come to together.

    Exit status: 0 every cell is as expected, 1 some are not, 3 some could not be judged.
    """
    from validator import many, reports  # noqa: PLC0415 - keeps --help fast
    from validator.render.matrix import RENDERERS as OF_MATRIX  # noqa: PLC0415 - keeps --help fast

    asked = many.Asked(
        root=root,
        file=file,
        scenarios=tuple(scenario or ()),
        images=tuple(image or ()),
        patterns=tuple(cells or ()),
        shard=shard,
        timings=timings,
        revision=only_changed,
    )
    if list_only or emit is not None:
        typer.echo(many.jobs(asked, emit, at_most) if emit is not None else many.listing(asked), nl=False)
        return
    _known(format, OF_MATRIX)
    for name in report_format or ():
        _known(name)
    _writable(output)
    _writable(save_timings)
    with Live(Console(stderr=True)) as progress:
        result = many.run(asked, progress, many.How(jobs=jobs, fresh=fresh, fail_fast=fail_fast))
    links = reports.write_all(result, directory, report_format or reports.usual()) if directory is not None else {}
    if save_timings is not None:
        many.save_timings(asked, save_timings)
    _write(OF_MATRIX[format](result, links), output)
    raise typer.Exit(result.exit_code)


@app.command()
def judge(
    record: Annotated[Path, typer.Argument(help="A saved record.json (see `records` of a result).")],
    format: Format = "text",  # noqa: A002 - the option's name
    output: Output = None,
    details: Details = False,
) -> None:
    """Judge a saved record again, without a host."""
    from validator import record as records  # noqa: PLC0415 - keeps --help fast

    _known(format)
    _deliver(judge_run(records.load(record), records=(record,)), format, output, details=details)


@app.command()
def diff(
    before: Annotated[Path, typer.Argument(help="A JSON result or a saved record.json.")],
    after: Annotated[Path, typer.Argument(help="The same of a later run, or of another branch.")],
    format: Format = "text",  # noqa: A002 - the option's name
    output: Output = None,
) -> None:
    """Compare two results of one scenario: which findings are new, fixed and unchanged.

    Exit status: 0 none counts that did not before, 1 some do, 3 one of the results is inconclusive.
    """
    from validator import comparison, results  # noqa: PLC0415 - keeps --help fast
    from validator.render import comparison as rendered  # noqa: PLC0415 - keeps --help fast

    _known(format, rendered.RENDERERS)
    _writable(output)
    compared = comparison.compare(results.load(before), results.load(after))
    _write(rendered.RENDERERS[format](compared), output)
    raise typer.Exit(compared.exit_code)


@app.command("list")
def list_scenarios(root: Root = SCENARIOS) -> None:
    """List the scenarios."""
    found = load.names(root)
    if not found:
        raise UsageError(
            f"there are no scenarios below {root}",
            hint="`validate new NAME` makes one; --root names another directory.",
        )
    width = max(map(len, found))
    for name in found:
        typer.echo(f"{name:<{width}}  {load.title(root / name)}")


@app.command()
def plan(name: Name, root: Root = SCENARIOS) -> None:
    """Show what a run would do, and what of it is cached, without running anything."""
    from validator.plan import preview  # noqa: PLC0415 - keeps --help fast

    typer.echo(listing.plan(preview(load.find(name, root), Cache.open())), nl=False)


@app.command()
def new(name: Annotated[str, typer.Argument(help="The new scenario's name.")], root: Root = SCENARIOS) -> None:
    """Write a small, working scenario to start from."""
    directory = template.write(root, name)
    typer.echo(f"{directory} is ready; run it: validate scenario {name}")


@app.command()
def schema(
    what: Annotated[
        str,
        typer.Argument(
            help="`scenario` and `matrix` (files, for editors), `result` and `matrix-result` (JSON results)."
        ),
    ] = ("scenario"),
) -> None:
    """Print a JSON Schema: of scenario.yml or matrix.yml, or of the JSON results."""
    from validator.matrix.model import schema as matrix_schema  # noqa: PLC0415 - keeps --help fast
    from validator.render.matrix.schema import matrix_result_schema  # noqa: PLC0415 - keeps --help fast

    schemas = {
        "scenario": scenario_schema,
        "result": result_schema,
        "matrix": matrix_schema,
        "matrix-result": matrix_result_schema,
    }
    if what not in schemas:
        raise UsageError(f"there is no schema of {what!r}", hint=f"Choose one of: {', '.join(schemas)}.")
    typer.echo(json.dumps(schemas[what](), indent=2))


@app.command()
def doctor() -> None:
    """Say what this machine lacks for running scenarios, and what to do about it."""
    found = doctor_module.examine()
    typer.echo(listing.doctor(found), nl=False)
    if any(not each.fine for each in found):
        raise typer.Exit(Exit.CANNOT_JUDGE)


@cache_app.command("list")
def cache_list() -> None:
    """List what is kept, the longest unused first."""
    typer.echo(listing.cache(Cache.open().kept()) or "nothing is kept\n", nl=False)


@cache_app.command("prune")
def cache_prune(
    days: Annotated[
        float, typer.Option("--unused-days", help="Remove what was not used for so many days; 0 removes all.")
    ] = 30.0,
) -> None:
    """Remove what was not used for a while. What a run uses now stays."""
    removed = Cache.open().prune(unused_for=days * 86400)
    typer.echo(listing.cache(removed), nl=False)
    typer.echo(f"removed {len(removed)}")


@import_app.command("tripleo")
def import_tripleo(
    files: Annotated[list[Path], typer.Argument(help="Service templates (outputs.role_data).")],
    name: Annotated[str, typer.Option("--name", help="The new scenario's name.")],
    *,
    root: Root = SCENARIOS,
    parameters: Annotated[
        Path | None, typer.Option("--parameters", help="A YAML file: values for the templates' parameters.")
    ] = None,
    environment: Annotated[
        list[Path] | None,
        typer.Option("--environment", "-e", help="parameter_defaults, resource_registry; may be repeated."),
    ] = None,
) -> None:
    """Write a scenario from TripleO's service templates, with places to fill in."""
    from validator import tripleo  # noqa: PLC0415 - keeps --help fast

    values = load.mapping(parameters) if parameters is not None else {}
    for path in tripleo.write_scenario(files, name, root, values, environment or ()):
        typer.echo(path)
    typer.echo(f"look for FILL IN in {root / name}, then: validate lint {name}")


def _version(value: bool) -> None:
    if value:
        typer.echo(f"validate {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Nothing to do before a command."""


def _known(name: str, formats: Iterable[str] = tuple(RENDERERS)) -> None:
    if name not in formats:
        raise UsageError(f"there is no format {name!r}", hint=f"Choose one of: {', '.join(formats)}.")


def _writable(output: Path | None) -> None:
    """Find out before the run, not after it, that the result could not be written."""
    if output is None:
        return
    directory = output.absolute().parent
    if output.is_dir() or not directory.is_dir() or not os.access(directory, os.W_OK):
        raise UsageError(f"{output} cannot be written: its directory is missing or read-only, or it is one itself")


def _deliver(result: Result, name: str, output: Path | None, *, details: bool) -> None:
    _write(RENDERERS[name](result, details=details), output)
    raise typer.Exit(result.exit_code)


def _write(text: str, output: Path | None) -> None:
    if output is None:
        typer.echo(text, nl=False)
        return
    files.write(text, output)
