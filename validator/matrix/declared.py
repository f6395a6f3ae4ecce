"""What a matrix is declared to be, in `matrix.yml` or on the command line: the names of its cells."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from validator.errors import Problem, ScenarioError, UsageError
from validator.matrix.model import MATRIX_FILE, OWN, PARTS, Matrix, MatrixImage, Selector
from validator.scenario import text
from validator.scenario.load import validated
from validator.scenario.model import SCENARIO_FILE
from validator.scenario.paths import written
from validator.verdict import Verdict

SUITES = ("bullseye", "bookworm", "trixie")
EXAMPLE = "The smallest one is `scenarios: ['*']`."


@dataclass(frozen=True, kw_only=True)
class Coordinates:
    """Where a cell stands in the matrix, and the verdict it is to have."""

    scenario: str
    image: str
    variant: str
    expect: Verdict = "converged"

    @property
    def name(self) -> str:
        """What the cell is called, everywhere and always."""
        return f"{self.scenario}@{self.image}+{self.variant}"

    def matches(self, selector: Selector) -> bool:
        """Whether a selector means this cell."""
        return (
            fnmatchcase(self.scenario, selector.scenario)
            and fnmatchcase(self.image, selector.image)
            and fnmatchcase(self.variant, selector.variant)
        )


@dataclass(frozen=True, kw_only=True)
class Declared:
    """A matrix; `base` is the directory of its scenarios. `problem` says where in the file a mistake is."""

    matrix: Matrix
    base: Path
    file: Path | None
    problem: Callable[[text.Location, str], Problem]


def read(file: Path) -> Declared:
    """A matrix file. Raises `ScenarioError` with all problems, `UsageError` when it is missing."""
    if not file.is_file():
        raise UsageError(
            f"there is no matrix file {file}",
            hint=f"Write one ({MATRIX_FILE}, see docs/reference/matrix.md), name another one with --matrix, "
            "or make a matrix with --scenario and --image.",
        )
    document = text.read(file)
    matrix = validated(document, Matrix, file.parent, PARTS, hint=EXAMPLE)
    return Declared(matrix=matrix, base=file.parent, file=file, problem=document.problem)


def of_command_line(scenarios: Sequence[str], images: Sequence[str], root: Path) -> Declared:
    """A matrix without a file. An image is a suite, or a path. Raises `UsageError`."""

    def problem(location: text.Location, message: str) -> Problem:
        return Problem(file="--scenario", line=1, column=1, key=".".join(map(str, location)), message=message)

    chosen = dict(_image(image) for image in images) or {OWN: MatrixImage()}
    return Declared(matrix=Matrix(scenarios=tuple(scenarios), images=chosen), base=root, file=None, problem=problem)


def _image(word: str) -> tuple[str, MatrixImage]:
    if word == OWN:
        return OWN, MatrixImage()
    if word in SUITES:
        return word, MatrixImage(suite=word)
    path = Path(word).resolve()
    if not path.exists():
        raise UsageError(
            f"there is no image {word!r}",
            hint=f"Choose one of {', '.join((OWN, *SUITES))}, or give the path of a directory or tarball.",
        )
    return path.name, MatrixImage.model_validate({"path": str(path)})


def coordinates(declared: Declared) -> tuple[Coordinates, ...]:
    """The cells, in the order of the declaration. Raises `ScenarioError` for what names nothing."""
    matrix = declared.matrix
    problems: list[Problem] = []
    scenarios = _scenarios(declared, problems)
    product = tuple(
        Coordinates(scenario=scenario, image=image, variant=variant)
        for scenario in scenarios
        for image, about in matrix.images.items()
        for variant, change in matrix.variants.items()
        if _any(scenario, about.scenarios) and _any(scenario, change.scenarios)
    )
    problems += _limits_of_nothing(declared, scenarios)
    kept = [each for each in product if not any(each.matches(selector) for selector in matrix.exclude)]
    kept += [each for each in _included(declared, problems) if each not in kept]
    for key, selectors, among in (("exclude", matrix.exclude, product), ("expect", matrix.expect, tuple(kept))):
        problems += [
            declared.problem((key, number), "no cell matches")
            for number, selector in enumerate(selectors)
            if not any(each.matches(selector) for each in among)
        ]
    if problems:
        raise ScenarioError(tuple(problems))
    return tuple(_expecting(each, matrix) for each in kept)


def _scenarios(declared: Declared, problems: list[Problem]) -> tuple[str, ...]:
    """The directories that the patterns mean, by their paths from the base."""
    found: dict[str, None] = {}
    for number, pattern in enumerate(declared.matrix.scenarios):
        names = tuple(_below(declared.base, pattern))
        found.update(dict.fromkeys(names))
        if not names:
            message = f"there is no scenario {pattern!r} below {written(declared.base.resolve())}"
            problems.append(declared.problem(("scenarios", number), message))
    return tuple(found)


def _below(base: Path, pattern: str) -> Iterator[str]:
    if not pattern or Path(pattern).is_absolute():
        return
    for file in sorted(base.glob(f"{pattern}/{SCENARIO_FILE}")):
        yield file.parent.relative_to(base).as_posix()


def _limits_of_nothing(declared: Declared, scenarios: Sequence[str]) -> Iterator[Problem]:
    parts = (("images", declared.matrix.images), ("variants", declared.matrix.variants))
    for key, named in parts:
        for name, part in named.items():
            for number, pattern in enumerate(part.scenarios):
                if pattern != "*" and not any(fnmatchcase(scenario, pattern) for scenario in scenarios):
                    yield declared.problem((key, name, "scenarios", number), f"no scenario matches {pattern!r}")


def _included(declared: Declared, problems: list[Problem]) -> Iterator[Coordinates]:
    for number, cell in enumerate(declared.matrix.include):
        known = (
            ("image", cell.image, tuple(declared.matrix.images)),
            ("variant", cell.variant, tuple(declared.matrix.variants)),
        )
        wrong = [each for each in known if each[1] not in each[2]]
        problems += [
            declared.problem(("include", number, key), f"there is no {key} {name!r}; known: {', '.join(named)}")
            for key, name, named in wrong
        ]
        if not (declared.base / cell.scenario / SCENARIO_FILE).is_file():
            message = f"there is no scenario {cell.scenario!r} below {written(declared.base.resolve())}"
            problems.append(declared.problem(("include", number, "scenario"), message))
        elif not wrong:
            yield Coordinates(scenario=cell.scenario, image=cell.image, variant=cell.variant)


def _expecting(cell: Coordinates, matrix: Matrix) -> Coordinates:
    verdicts = [each.verdict for each in matrix.expect if cell.matches(each)]
    return Coordinates(
        scenario=cell.scenario,
        image=cell.image,
        variant=cell.variant,
        expect=verdicts[-1] if verdicts else "converged",
    )


def _any(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def chosen(cells: Sequence[Coordinates], patterns: Sequence[str]) -> tuple[Coordinates, ...]:
    """Those that the patterns mean: of a scenario, or with an `@` of a whole name. Raises `UsageError`."""
    names = {cell.name for cell in cells}
    lost = [pattern for pattern in patterns if not any(_meant(cell, pattern, names) for cell in cells)]
    if lost:
        raise UsageError(
            f"no cell matches {', '.join(map(repr, lost))}",
            hint="`validate matrix --list` shows those there are: SCENARIO@IMAGE+VARIANT.",
        )
    return tuple(cell for cell in cells if not patterns or any(_meant(cell, pattern, names) for pattern in patterns))


def meant(cells: Sequence[Coordinates], pattern: str) -> tuple[Coordinates, ...]:
    """Those that one pattern means, if any."""
    names = {cell.name for cell in cells}
    return tuple(cell for cell in cells if _meant(cell, pattern, names))


def _meant(cell: Coordinates, pattern: str, names: Container[str]) -> bool:
    if pattern in names:  # it may hold what is special in a pattern
        return cell.name == pattern
    return fnmatchcase(cell.name if "@" in pattern else cell.scenario, pattern)
