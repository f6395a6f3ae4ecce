"""The jobs of a matrix as CI engines read them. Pure."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import yaml

from validator.matrix.jobs import Job

UNFIT = re.compile(r"[^A-Za-z0-9_.-]+")  # what the name of a Zuul job is kept free of


def github(jobs: Sequence[Job], _: Job) -> str:
    """One line for `fromJSON`: the value of `strategy.matrix`."""
    include = [{"name": job.name, "arguments": job.line} for job in jobs]
    return json.dumps({"include": include}, separators=(",", ":")) + "\n"


def gitlab(jobs: Sequence[Job], whole: Job) -> str:
    """A child pipeline; docs/ci/gitlab-cell.yml says how a job runs, and how the last one puts all results together."""
    if not jobs:
        return _yaml({"nothing-to-validate": {"script": ["echo no cell is asked for, or has changed"]}})
    entries = [{"CELL": job.name, "ARGUMENTS": job.line} for job in jobs]
    together = {"extends": ".every-cell", "variables": {"ARGUMENTS": whole.line}}
    return _yaml({"validate": {"extends": ".validate-cell", "parallel": {"matrix": entries}}, whole.name: together})


def zuul(jobs: Sequence[Job], _: Job) -> str:
    """Jobs below `validate-cell` of docs/ci/zuul.yaml, and a project that runs them in `check`."""
    named: dict[str, Job] = {}
    counted: Counter[str] = Counter()
    for job in jobs:
        name = f"validate-{UNFIT.sub('-', job.name).strip('-')}"
        counted[name] += 1
        named[name if counted[name] == 1 else f"{name}-{counted[name]}"] = job
    items: list[Any] = [
        {
            "job": {
                "name": name,
                "parent": "validate-cell",
                "description": job.name,
                "vars": {"validate_arguments": job.line},
            }
        }
        for name, job in named.items()
    ]
    return _yaml([*items, {"project": {"check": {"jobs": list(named) or ["noop"]}}}])


def plain(jobs: Sequence[Job], _: Job) -> str:
    """The arguments of each job, one a line."""
    return "".join(f"{job.line}\n" for job in jobs)


def _yaml(document: object) -> str:
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=1000)


ENGINES: Mapping[str, Callable[[Sequence[Job], Job], str]] = {
    "github": github,
    "gitlab": gitlab,
    "zuul": zuul,
    "plain": plain,
}
