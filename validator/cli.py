"""The command line: arguments in, one call, a rendering out, an exit status."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from validator import __version__, files
from validator.errors import Exit, UsageError
from validator.host import doctor as doctor_module
from validator.host.cache import Cache
from validator.render import RENDERERS, listing, page, text
from validator.render.live import Live
from validator.render.parts import clean
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
host_app = typer.Typer(help="A host that stays, for the molecule driver.", no_args_is_help=True)
app.add_typer(host_app, name="host", hidden=True)
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
    bool, typer.Option("--details", help="Also list all consequences, paths that differ, and what is noise.")
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
    fix: Annotated[
        bool, typer.Option("--fix", help="Where it diverges, look for changes of the tasks that mend it, and try them.")
    ] = False,
    ablate: Annotated[
        bool, typer.Option("--ablate", help="Where it is open which task is at fault, run it without candidates.")
    ] = False,
) -> None:
    """Run one scenario to its verdict."""
    from validator.fixes.run import mend  # noqa: PLC0415 - keeps --help fast
    from validator.validate import validate  # noqa: PLC0415 - keeps --help fast

    _known(format)
    _writable(output)
    if fail_fast and (fix or ablate):
        raise UsageError("--fail-fast leaves out what --fix and --ablate look at", hint="Leave one of them out.")
    loaded = load.find(name, root)
    with Live(Console(stderr=True)) as progress:
        if fix or ablate:
            recorded = mend(loaded, Cache.open(), progress, fix=fix, ablate=ablate).recorded
        else:
            recorded = validate(loaded, Cache.open(), progress, fail_fast=fail_fast)
    _deliver(judge_run(recorded.run, records=(recorded.path,)), format, output, details=details)


@app.command()
def fix(
    name: Name,
    *,
    root: Root = SCENARIOS,
    format: Format = "text",  # noqa: A002 - the option's name
    output: Output = None,
    patch: Annotated[
        Path | None, typer.Option("--patch", help="Write the changes there as a unified diff, for `patch -p1`.")
    ] = None,
    write: Annotated[bool, typer.Option("--write", help="Change the author's files, after asking.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Find the changes of the upgrade tasks that leave Puppet quiet, and try them; nothing is edited without --write.

    Exit status: that of the scenario as its files are when the command ends.
    """
    from validator.fixes.run import mend  # noqa: PLC0415 - keeps --help fast
    from validator.fixes.write import write as write_files  # noqa: PLC0415 - keeps --help fast

    _known(format)
    _writable(output)
    _writable(patch)
    loaded = load.find(name, root)
    with Live(Console(stderr=True)) as progress:
        mended = mend(loaded, Cache.open(), progress)
    result = judge_run(mended.recorded.run, records=(mended.recorded.path,))
    _write(_shown(result, format, output, details=False), output)
    for why in mended.unmended:
        typer.echo(f"no fix: {why}", err=True)
    if patch is not None:
        _write(mended.diff, patch)
    elif mended.diff and format == "text" and output is None:
        typer.echo("\nall of it as a patch (--patch FILE saves it, --write applies it):\n")
        typer.echo(clean(mended.diff), nl=False)
    if write and mended.files and (yes or typer.confirm(f"Change {', '.join(map(str, mended.files))}?", err=True)):
        write_files(mended.files)
        for file in mended.files:
            typer.echo(f"changed {file}", err=True)
        if mended.converges and not mended.variables:
            raise typer.Exit(Exit.CONVERGED)
    raise typer.Exit(result.exit_code)


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
def shell(
    name: Name,
    *,
    root: Root = SCENARIOS,
    at: Annotated[
        str,
        typer.Option(
            "--at",
            metavar="PHASE|TASK",
            help="The host at the end of a phase (image, old, upgrade, fault, converge, again), or of an upgrade task: "
            "its name, a part of it, or file:line. By default `upgrade` (of a variant `fault`): as Puppet finds it.",
        ),
    ] = "",
    live: Annotated[
        bool,
        typer.Option(
            "--live", help="Run the tasks now, even if the upgraded host is saved: services as they are left."
        ),
    ] = False,
) -> None:
    """Open a shell in a host at a moment of the run; the host is thrown away when it ends.

    Without a terminal, commands are read from standard input, and the exit status is the shell's.
    """
    from validator import shell as story  # noqa: PLC0415 - keeps --help fast
    from validator.host import console  # noqa: PLC0415 - keeps --help fast
    from validator.render import shell as rendered  # noqa: PLC0415 - keeps --help fast

    loaded = load.find(name, root)
    with ExitStack() as held:
        with Live(Console(stderr=True)) as progress:
            opened = held.enter_context(story.opened(loaded, Cache.open(), progress, at=at, live=live))
        person = console.is_terminal()
        typer.echo(rendered.banner(opened, person=person), nl=False, err=True)
        code = opened.run()
        gone = not opened.host.running()
    if person:
        typer.echo("the host has ended by itself" if gone else "the host is thrown away", err=True)
    raise typer.Exit(0 if person else code)


@app.command()
def watch(
    name: Name,
    *,
    root: Root = SCENARIOS,
    format: Format = "text",  # noqa: A002 - the option's name
) -> None:
    """Run a scenario again on every save of its files, from the last state that the save does not touch.

    Ends with ^C. Enter runs it in full.
    """
    from validator.render import watch as rendered  # noqa: PLC0415 - keeps --help fast
    from validator.watch.loop import Watch  # noqa: PLC0415 - keeps --help fast

    _known(format, rendered.RENDERERS)
    Watch(
        load.file_of(name, root),
        Cache.open(),
        show=lambda cycle: typer.echo(rendered.RENDERERS[format](cycle), nl=False),
        tell=lambda text: typer.echo(text, err=True),
    ).run()


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
    scheduler: Annotated[
        str | None, typer.Option("--scheduler", help="Run the cells on a Dask cluster: tcp://host:port.")
    ] = None,
    store: Annotated[
        str | None,
        typer.Option("--store", help="With --scheduler: a directory or URL through which workers share layers."),
    ] = None,
    combine: Annotated[
        list[str] | None,
        typer.Option("--combine", metavar="PATTERN", help="Run nothing: put these JSON results together."),
    ] = None,
) -> None:
    """Run many scenarios on many images in many variants, and say what they come to together.

    Exit status: 0 every cell is as expected, 1 some are not, 3 some could not be judged.
    """
    from validator import combine as story  # noqa: PLC0415 - keeps --help fast
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
    if combine and (list_only or emit is not None):
        raise UsageError("--combine, --list and --emit exclude each other")
    if list_only or emit is not None:
        typer.echo(many.jobs(asked, emit, at_most) if emit is not None else many.listing(asked), nl=False)
        return
    _known(format, OF_MATRIX)
    for name in report_format or ():
        _known(name)
    _writable(output)
    if combine:
        if report_format or jobs or fresh or fail_fast or shard or timings or save_timings or scheduler or store:
            raise UsageError(
                "--combine runs nothing: it goes with the options that choose cells, with "
                "--only-changed, --format, --output and --reports only"
            )
        combined, found = story.combine(asked, combine)
        links = reports.bring_together(combined.result, directory, found) if directory is not None else {}
        _write(OF_MATRIX[format](combined.result, links), output)
        raise typer.Exit(combined.result.exit_code)
    _writable(save_timings)
    warnings: list[str] = []
    with Live(Console(stderr=True)) as progress:
        how = many.How(
            jobs=jobs, fresh=fresh, fail_fast=fail_fast, scheduler=scheduler, store=store, warn=warnings.append
        )
        result = many.run(asked, progress, how)
    for warning in warnings:
        typer.echo(f"warning: {warning}", err=True)
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


@app.command()
def gate(
    checklist: Annotated[Path | None, typer.Argument(help="A checklist (see docs/how-to/release-gate.md).")] = None,
    *,
    format: Format = "markdown",  # noqa: A002 - the option's name
    output: Output = None,
    sign_off: Annotated[Path | None, typer.Option("--sign-off", help="Write a new sign-off file.")] = None,
    by: Annotated[str, typer.Option("--by", help="Who signs off.")] = "",
    key: Annotated[Path | None, typer.Option("--key", help="Sign it with this SSH key too, as FILE.sig.")] = None,
    verify: Annotated[
        Path | None, typer.Option("--verify", help="Instead: hold a sign-off file against what it is about.")
    ] = None,
    allowed_signers: Annotated[
        Path | None,
        typer.Option("--allowed-signers", help="With --verify: who may sign with which key (ssh-keygen(1))."),
    ] = None,
) -> None:
    """Say whether a release may go: a checklist held against the results that there are.

    Exit status: 0 go, 1 no-go, 2 a checklist with mistakes, 3 could not judge.
    """
    from validator.gate import run, signoff  # noqa: PLC0415 - keeps --help fast
    from validator.render import gate as rendered  # noqa: PLC0415 - keeps --help fast

    _known(format, rendered.RENDERERS)
    _writable(output)
    if verify is not None:
        if checklist is not None or sign_off is not None or by or key is not None:
            raise UsageError("--verify goes with --allowed-signers, --format and --output only")
        verification = signoff.verify(verify, RENDERERS["json"], allowed=allowed_signers)
        _write(rendered.VERIFIED[format](verification), output)
        raise typer.Exit(verification.exit_code)
    if checklist is None:
        raise UsageError("name a checklist, or a sign-off file with --verify")
    if sign_off is None and (by or key is not None):
        raise UsageError("--by and --key go with --sign-off FILE")
    if allowed_signers is not None:
        raise UsageError("--allowed-signers goes with --verify FILE")
    _writable(sign_off)
    signing = run.Signing(file=sign_off, by=by, key=key) if sign_off is not None else None
    decision = run.gate(checklist, RENDERERS["json"], signing)
    _write(rendered.RENDERERS[format](decision), output)
    raise typer.Exit(decision.exit_code)


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


@app.command(hidden=True)
def hook(
    files: Annotated[list[Path], typer.Argument(help="Changed files.")],
    *,
    with_lint: Annotated[bool, typer.Option("--lint", help="Also run `validate lint`; needs root.")] = False,
) -> None:
    """For pre-commit: look at the scenarios that files belong to. Without --lint for mistakes in their files only."""
    from validator import changed  # noqa: PLC0415 - keeps --help fast
    from validator.validate import validate  # noqa: PLC0415 - keeps --help fast

    worst = int(Exit.CONVERGED)
    for loaded in changed.load_all(changed.scenarios_of(files)):
        if with_lint:
            with Live(Console(stderr=True)) as progress:
                recorded = validate(loaded, Cache.open(), progress, kind="lint")
            result = judge_run(recorded.run, records=(recorded.path,))
            worst = max(worst, int(result.exit_code))
            typer.echo(RENDERERS["text"](result, details=False), nl=False)
    raise typer.Exit(worst)


State = Annotated[Path, typer.Option("--state", help="The host's state file; the host ends when it is removed.")]


@host_app.command("start")
def host_start(
    name: Name,
    state: State,
    *,
    root: Root = SCENARIOS,
    playbook: Annotated[
        Path | None, typer.Option("--playbook", help="Refuse a scenario whose upgrade is another playbook.")
    ] = None,
    hours: Annotated[float, typer.Option("--hours", min=0.001, help="How long it may stay at most.")] = 8.0,
) -> None:
    """Start a host in the state of a scenario's old release, and leave it running."""
    from validator import keep  # noqa: PLC0415 - keeps --help fast

    loaded = load.find(name, root)
    upgrade = loaded.scenario.upgrade.playbook
    if playbook is not None and (upgrade is None or playbook.resolve() != upgrade):
        raise UsageError(
            f"{name} is not upgraded by {playbook}, so its verdict would say nothing about that",
            hint=f"Give it `upgrade: {{playbook: PATH}}` with the path of {playbook}.",
        )
    if keep.read(state) is not None:
        typer.echo(f"{state}: the host is there already")
        return
    kept = keep.start(loaded, state, hours=hours)
    typer.echo(f"{kept.hostname} is ready: pid {kept.init}, state {state}")


@host_app.command("stop")
def host_stop(
    state: Annotated[Path | None, typer.Option("--state", help="The host's state file.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All hosts that are kept.")] = False,
) -> None:
    """End a host that was started so, or all of them."""
    from validator import keep  # noqa: PLC0415 - keeps --help fast

    if (state is None) == (not everything):
        raise UsageError("name a host with --state FILE, or all of them with --all")
    states = [state] if state is not None else [Path(kept.state) for kept in keep.all_kept(Cache.open())]
    for each in states:
        typer.echo(f"{each}: {'the host has ended' if keep.stop(each) else 'there is no host'}")


@host_app.command("list")
def host_list() -> None:
    """List the hosts that are kept."""
    from validator import keep  # noqa: PLC0415 - keeps --help fast

    typer.echo(listing.hosts(keep.all_kept(Cache.open())) or "no host is kept\n", nl=False)


@host_app.command("enter")
def host_enter(state: State) -> None:
    """Open a shell in a host."""
    from validator import keep, process  # noqa: PLC0415 - keeps --help fast

    kept = keep.read(state)
    if kept is None:
        raise UsageError(f"{state} is not the state of a host that runs")
    process.become(keep.enter(kept))


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
    _write(_shown(result, name, output, details=details), output)
    raise typer.Exit(result.exit_code)


def _shown(result: Result, name: str, output: Path | None, *, details: bool) -> str:
    if name == "text" and output is None:
        return text.render(result, details=details, screen=page.look(sys.stdout, os.environ))
    return RENDERERS[name](result, details=details)


def _write(text: str, output: Path | None) -> None:
    if output is None:
        typer.echo(text, nl=False)
        return
    files.write(text, output)
