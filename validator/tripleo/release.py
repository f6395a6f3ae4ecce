"""What a scenario takes from TripleO's service templates: upgrade tasks, Hiera data, a manifest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

from pydantic import JsonValue

from validator.record import Place
from validator.tripleo import hiera as hieradata
from validator.tripleo import role as roles
from validator.tripleo.hiera import STEP_FILE, Level
from validator.tripleo.modules import Call, calls, replaced
from validator.tripleo.role import Role
from validator.tripleo.steps import Style, style
from validator.tripleo.values import Gathered, Spot, Value, carried, whole

BEFORE, TASKS, AFTER = "upgrade_batch_tasks", "upgrade_tasks", "post_upgrade_tasks"
SKIPPED = "SkipUpgradeConfigTags"
HINT = "Give values under `parameters`, or in an environment file (parameter_defaults, resource_registry)."

# TripleO's overcloud_role.pp also includes <role>_classes from step 4 on. `lookup` is there in each Puppet since 4.9.
PREAMBLE = """\
# Rendered from TripleO's service templates. The step is in Hiera, as for TripleO's own runs.
if Integer(lookup('step')) >= 4 {{
  include(lookup('{role}_classes', Array[String], 'unique', []))
}}
"""


@dataclass(frozen=True, kw_only=True)
class _Upgrade:
    playbook: list[JsonValue]
    style: Style
    places: tuple[Place, ...]
    calls: tuple[Call, ...]
    replaced: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Release:
    """A role, as the parts that a scenario has. Each part is found out when it is asked for, and raises
    `ScenarioError` with everything that it needs and that is not known; what no part needs may stay unknown."""

    role: Role
    modules: Mapping[str, str]

    @property
    def playbook(self) -> list[JsonValue]:
        """The upgrade tasks as one play for all hosts; run it once for each step with the variable `step`."""
        return self._upgrade.playbook

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags of each run (ocata, pike); `{step}` stands for the step. None where tasks say `when: step`."""
        return self._upgrade.style.tags

    @property
    def steps(self) -> tuple[int, ...]:
        """The steps of the upgrade; none when no task has one."""
        return self._upgrade.style.steps

    @property
    def places(self) -> tuple[Place, ...]:
        """Where each task of the play stands in the templates."""
        return self._upgrade.places

    @property
    def calls(self) -> tuple[Call, ...]:
        """The modules that the tasks call, replacements made; for `missing_modules`."""
        return self._upgrade.calls

    @property
    def replaced(self) -> tuple[str, ...]:
        """The modules that others stand in for, and how often."""
        return self._upgrade.replaced

    @cached_property
    def skip_tags(self) -> tuple[str, ...]:
        """Tags that TripleO would leave out: the parameter SkipUpgradeConfigTags."""
        value = self.role.parameters.get(SKIPPED)
        items = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else []
        return tuple(str(each).strip() for each in items if each)

    @property
    def hiera(self) -> dict[str, JsonValue]:
        """Hiera data by file name."""
        return {f"{level.name}.json": level.data for level in self._levels}

    @property
    def hiera_config(self) -> str:
        """The hiera.yaml that lies beside the files of `hiera`."""
        return hieradata.config(self._levels)

    @property
    def step_file(self) -> str:
        """The file in the host that says the step to Hiera, as `{"step": N}`."""
        return STEP_FILE

    @cached_property
    def manifest(self) -> str:
        """The services' step_config, joined."""
        found = Gathered()
        parts = [found.known(value) for value in self.role.step_config()]
        first = self.role.services[0].spot
        if not parts:
            found.add(first.problem("step_config", "none of the services has one for the host: nothing to apply"))
        for part in parts:
            if not isinstance(part, str | None):
                found.add(first.problem("step_config", f"a manifest is a string, not {part!r}"[:200]))
        found.settle(hint=HINT)
        joined = "\n".join(str(part) for part in parts)
        return f"{PREAMBLE.format(role=self.role.name.lower())}\n{joined.rstrip()}\n"

    @cached_property
    def _levels(self) -> tuple[Level, ...]:
        found = Gathered()
        result = hieradata.levels(self.role, found)
        found.settle(hint=HINT)
        return result

    @cached_property
    def _upgrade(self) -> _Upgrade:
        found = Gathered()
        tasks = [task for key in (BEFORE, TASKS, AFTER) for task in self.role.tasks(key)]
        written = [(_task(found.known(task.value)), task.spot) for task in tasks]
        if not written:
            found.add(self.role.services[0].spot.problem(TASKS, "none of the services has upgrade tasks"))
        chosen, mixed = style(written)
        for problem in mixed:
            found.add(problem)
        found.settle(hint=HINT)
        done: Counter[str] = Counter()
        rendered: list[JsonValue] = []
        called: list[Call] = []
        for task, spot in written:
            new, names = replaced(task, self.modules)
            done.update(names)
            rendered.append(new)
            called += [
                Call(module=_stands_in(call.module, self.modules), spot=call.spot)
                for call in calls(task, partial(self._spot, otherwise=spot))
            ]
        play: dict[str, JsonValue] = {
            "name": f"upgrade of {self.role.name}",
            "hosts": "all",
            "gather_facts": True,
            "tasks": rendered,
        }
        return _Upgrade(
            playbook=[play],
            style=chosen,
            places=tuple(Place(file=spot.file, line=spot.line) for _, spot in written),
            calls=tuple(called),
            replaced=tuple(
                f"{name} -> {self.modules[name]} ({many} {'tasks' if many > 1 else 'task'})"
                for name, many in sorted(done.items())
            ),
        )

    def _spot(self, value: JsonValue, otherwise: Spot) -> Spot:
        return self.role.ledger.spot(carried(value)) or otherwise


def _task(value: JsonValue) -> dict[str, JsonValue]:
    return value if isinstance(value, dict) else {}


def _stands_in(module: str, modules: Mapping[str, str]) -> str:
    return modules[module].split()[0] if module in modules else module


def read(
    files: Sequence[Path],
    *,
    parameters: Mapping[str, JsonValue],
    environments: Sequence[Path] = (),
    modules: Mapping[str, str] | None = None,
    role: str = "Controller",
) -> Release:
    """Read service templates. Raises `ScenarioError` for files that cannot be used; the parts of the result raise it
    for what they need and is not known."""
    values: Mapping[str, Value] = {name: carried(value) for name, value in parameters.items()}
    found = Gathered()
    for file in files:
        if not file.is_file():
            found.add(whole(file).problem("", "there is no such file"))
    found.settle()
    return Release(
        role=roles.read(files, parameters=values, environments=environments, name=role), modules=dict(modules or {})
    )
