"""A cell: a scenario with the image and the variant of its place in the matrix put in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from validator.errors import Problem, ScenarioError
from validator.matrix.declared import Coordinates, Declared
from validator.matrix.model import MatrixImage, MatrixVariant, Packages, ReleaseChanges
from validator.record import Place
from validator.scenario import load
from validator.scenario.load import Loaded
from validator.scenario.model import AnyRelease, Image, Scenario
from validator.scenario.paths import written

PUPPET = ("puppet", "puppet-agent")  # what Debian has called Puppet's package
PUPPET_OF = {"bullseye": "puppet"}  # elsewhere it is the latter


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One scenario on one image in one variant, ready to be run."""

    at: Coordinates
    loaded: Loaded
    image: MatrixImage
    variant: MatrixVariant
    file: Path | None = None

    @property
    def name(self) -> str:
        """What it is called."""
        return self.at.name


def load_all(declared: Declared, wanted: Sequence[Coordinates]) -> tuple[Cell, ...]:
    """The cells at some coordinates. Raises `ScenarioError` with the problems of all of them."""
    cells: list[Cell] = []
    problems: dict[Problem, None] = {}
    for at in wanted:
        try:
            cells.append(load_one(declared, at))
        except ScenarioError as error:
            problems.update(dict.fromkeys(error.problems))
    if problems:
        raise ScenarioError(tuple(problems))
    return tuple(cells)


def load_one(declared: Declared, at: Coordinates) -> Cell:
    """The cell at some coordinates. Raises `ScenarioError`."""
    image, variant = declared.matrix.images[at.image], declared.matrix.variants[at.variant]
    loaded = applied(load.load(declared.base / at.scenario), image, variant, name=at.name, file=declared.file)
    return Cell(at=at, loaded=loaded, image=image, variant=variant, file=declared.file)


def applied(loaded: Loaded, image: MatrixImage, variant: MatrixVariant, *, name: str, file: Path | None) -> Loaded:
    """A scenario with an image and a variant; `file` is where they are declared."""
    scenario = loaded.scenario
    upgrade = scenario.upgrade.model_copy(update={"vars": {**scenario.upgrade.vars, **variant.vars}})
    new = _release(scenario.new, variant.new)
    if image.suite is not None or image.packages != Packages():
        new = new.model_copy(update={"packages": _packages(new.packages, _suite(image, scenario), image.packages)})
    update = {
        "image": _image(image, scenario),
        "upgrade": upgrade,
        "old": _release(scenario.old, variant.old),
        "new": new,
    }
    changed = replace(loaded, name=name, scenario=scenario.model_copy(update=update))
    return _with_probes(changed, variant, file)


def _suite(image: MatrixImage, scenario: Scenario) -> str:
    return image.suite or scenario.image.suite


def _image(image: MatrixImage, scenario: Scenario) -> Image:
    if image.path is not None:
        return Image().model_copy(update={"path": image.path})
    own = scenario.image
    if image.suite is None and image.packages == Packages() and not image.mirrors:
        return own
    suite = _suite(image, scenario)
    return own.model_copy(
        update={
            "path": None,
            "suite": suite,
            "packages": _packages(own.packages, suite, image.packages),
            # Mirrors of one suite do not have another one.
            "mirrors": image.mirrors or (own.mirrors if suite == own.suite else ()),
        }
    )


def _packages(asked: Sequence[str], suite: str, changes: Packages) -> tuple[str, ...]:
    """The packages by the names that they have in a suite."""
    if not asked:
        return ()
    names = {**dict.fromkeys(PUPPET, PUPPET_OF.get(suite, PUPPET[-1])), **changes.replace}
    kept = (names.get(name, name) for name in asked if name not in changes.remove)
    return tuple(dict.fromkeys((*kept, *changes.add)))


def _release(release: AnyRelease, changes: ReleaseChanges) -> AnyRelease:
    return release.model_copy(
        update={
            "hiera": changes.hiera or release.hiera,
            "hiera_data": {**release.hiera_data, **changes.hiera_data},
            "facts": {**release.facts, **changes.facts},
        }
    )


def _with_probes(loaded: Loaded, variant: MatrixVariant, file: Path | None) -> Loaded:
    """Probes of the variant stand for those of the same name; their place is the matrix file."""
    if not variant.probes:
        return loaded
    place = Place(file=written(file.resolve()) if file else "", line=1)
    own = zip(loaded.scenario.probes, loaded.probe_places, strict=True)
    probes = {probe.name: (probe, where) for probe, where in own}
    probes.update({probe.name: (probe, place) for probe in variant.probes})
    return replace(
        loaded,
        scenario=loaded.scenario.model_copy(update={"probes": tuple(probe for probe, _ in probes.values())}),
        probe_places=tuple(place for _, place in probes.values()),
    )
