"""A release gate in a directory: a scenario, a checklist, and a result with its record, all green."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from tests.host.lab import write_scenario
from tests.unit import builders as make
from validator import __version__, record
from validator.gate import checklist, current, run
from validator.gate.judgement import Decision
from validator.record import DiskSeen, PhaseName, Run, SelfTest, Waiver
from validator.render import RENDERERS
from validator.verdict import judge

WRITE = RENDERERS["json"]
HOUR = 3600.0
DAY = 24 * HOUR
PHASES: tuple[PhaseName, ...] = ("old", "upgrade", "converge", "again")

Edit = Callable[[dict[str, Any]], object]


@dataclass(frozen=True)
class Gate:
    """The directory. Everything is green until a test changes something."""

    root: Path

    @classmethod
    def green(cls, root: Path) -> Gate:
        gate = cls(root)
        scenario = write_scenario(root / "scenarios/shop", upgrade={"tasks": "tasks/upgrade.yml"})
        (scenario / "tasks").mkdir()  # so that scenario.yml is no part of what lies beside the tasks
        (scenario / "upgrade.yml").rename(scenario / "tasks/upgrade.yml")
        (root / "results").mkdir()
        gate.checklist()
        gate.result()
        return gate

    @property
    def file(self) -> Path:
        return self.root / "release.yml"

    @property
    def path(self) -> Path:
        """The result."""
        return self.root / "results/shop.json"

    def checklist(self, *require: dict[str, object], **parts: object) -> None:
        """Write the checklist; `require` and `parts` instead of what is there."""
        document: dict[str, object] = {
            "title": "shop 2",
            "results": ["results/*.json"],
            "max_age": "7d",
            "require": list(require) or [{"scenario": "shop"}],
            **parts,
        }
        write_yaml(self.file, document)

    def run(self, *, age: float = HOUR, edit: Callable[[Run], Run] = lambda run: run) -> Run:
        """A healthy run of the scenario as it is now."""
        content = current.of_all(checklist.load(self.file))[0]
        made = make.healthy()
        looked = DiskSeen(changes=(), noise={}, looked_at=9)
        subject = replace(
            made.subject,
            name=content.name,
            title=content.title,
            file=content.file,
            digest=content.digest,
            terms=content.terms,
            image=content.image,
        )
        phases = tuple(replace(phase, disk=looked) for phase in made.phases)
        return edit(replace(made, validator=__version__, started=time.time() - age, subject=subject, phases=phases))

    def result(
        self,
        name: str = "shop",
        *,
        age: float = HOUR,
        edit: Callable[[Run], Run] = lambda run: run,
        with_record: bool = True,
    ) -> Path:
        """Write a result of the scenario as it is now, and its record beside it."""
        made = self.run(age=age, edit=edit)
        kept = self.root / f"records/{name}/record.json"
        file = self.root / f"results/{name}.json"
        if with_record:
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_text(record.dump(made), encoding="utf-8")
        # Read again as it will be: what JSON cannot tell apart is the same then.
        text = WRITE(judge(record.load_text(record.dump(made)), records=(kept,)))
        file.write_text(text, encoding="utf-8")
        return file

    def edited(self, edit: Edit, *, file: Path | None = None) -> None:
        """Change a result by hand."""
        file = file or self.path
        document = json.loads(file.read_text(encoding="utf-8"))
        edit(document)
        file.write_text(json.dumps(document), encoding="utf-8")

    def forget_record(self) -> None:
        """What happens when results come from another machine."""
        (self.root / "records/shop/record.json").unlink()

    def judge(self) -> Decision:
        return run.gate(self.file, WRITE, None)

    def reasons(self) -> tuple[str, ...]:
        """Every reason against a go; none that it is one."""
        decision = self.judge()
        found = (*decision.reasons, *(reason for item in decision.items for reason in item.reasons))
        assert (decision.answer, int(decision.exit_code)) == (("no-go", 1) if found else ("go", 0))
        return found


def write_yaml(file: Path, document: object) -> None:
    """Write a document in which days are days, as people write them."""
    text = yaml.safe_dump(document, sort_keys=False)
    file.write_text(re.sub(r"'(\d{4}-\d\d-\d\d)'", r"\1", text), encoding="utf-8")


def diverging(run: Run) -> Run:
    """The same run, in which Puppet changed something."""
    changed = make.applied("t3", make.resource("File[/a]", make.event(), changed=True))
    return make.with_phase(run, make.phase("converge", changed))


def inconclusive(run: Run) -> Run:
    """The same run, which did not get to its end."""
    return make.without_phase(run, "again")


def waived(run: Run, *, expires: str = "2999-12-31") -> Run:
    """The same run, in which that is accepted."""
    waiver = Waiver(rule="*", subject="*", path="*", reason="known", owner="me", expires=expires)
    found = diverging(run)
    return replace(found, subject=replace(found.subject, waivers=(waiver,)))


def with_selftest(run: Run, *, caught: int = 9, missed: int = 1, age: float = DAY) -> Run:
    """The same run, with a self-test."""
    score = SelfTest(when=time.time() - age, caught=caught, missed=missed, equivalent=0)
    return replace(run, subject=replace(run.subject, selftest=score))
