"""The shape of `matrix.yml`. Field descriptions become the JSON Schema that editors show."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, JsonValue, StringConstraints, TypeAdapter

from validator.scenario.model import (
    FORMAT,
    Listed,
    PackageName,
    Part,
    Probe,
    one_assertion,
)
from validator.scenario.paths import ExistingFile, ExistingFileOrDirectory
from validator.verdict import Verdict

MATRIX_FILE = "matrix.yml"
OWN = "own"  # the image that a scenario names itself
DEFAULT = "default"  # the variant that changes nothing

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Patterns = Listed[str]


class Packages(Part):
    """How the packages on an image differ from those that a scenario asks for."""

    replace: dict[PackageName, PackageName] = Field(
        {}, description="Packages by another name. Puppet's own is replaced without being named here."
    )
    add: Listed[PackageName] = Field((), description="Packages more.")
    remove: Listed[PackageName] = Field((), description="Packages that are left out.")


class MatrixImage(Part):
    """A base image; without `suite` and `path` it is the scenario's own."""

    suite: str | None = Field(None, description="Debian suite: bullseye, bookworm or trixie.")
    path: ExistingFileOrDirectory | None = Field(
        None, description="A root file system of your own, a directory or a tarball."
    )
    packages: Packages = Field(default_factory=Packages)
    mirrors: Listed[str] = Field((), description="apt source lines or mirror URLs, instead of the scenario's.")
    scenarios: Patterns = Field(("*",), description="Only scenarios whose names match.")


def _one_origin(image: MatrixImage) -> MatrixImage:
    if image.path is not None and image.model_fields_set & {"suite", "packages", "mirrors"}:
        raise ValueError("with `path` the image is taken as it is: leave out `suite`, `packages` and `mirrors`")
    return image


class ReleaseChanges(Part):
    """What a variant changes of a release."""

    hiera: ExistingFile | None = Field(None, description="Another hiera.yaml.")
    hiera_data: dict[str, JsonValue] = Field({}, description="Hiera data that come before all others.")
    facts: dict[str, str] = Field({}, description="External facts more, or with other values.")


class MatrixVariant(Part):
    """What is changed in a scenario."""

    vars: dict[str, JsonValue] = Field({}, description="Extra variables of the upgrade more, or with other values.")
    old: ReleaseChanges = Field(default_factory=ReleaseChanges)
    new: ReleaseChanges = Field(default_factory=ReleaseChanges)
    probes: Listed[Annotated[Probe, AfterValidator(one_assertion)]] = Field(
        (), description="Probes instead of those of the same name, or more."
    )
    scenarios: Patterns = Field(("*",), description="Only scenarios whose names match.")


class Selector(Part):
    """Cells by patterns; `*` matches anything."""

    scenario: str = Field("*", description="A pattern of the scenario's name.")
    image: str = Field("*", description="A pattern of the image's name.")
    variant: str = Field("*", description="A pattern of the variant's name.")


class Expected(Selector):
    """The verdict that some cells are to have."""

    verdict: Verdict = Field(description="converged, diverged or inconclusive.")


class Included(Part):
    """One cell more, whatever `exclude` and `scenarios` say."""

    scenario: str = Field(description="The scenario.")
    image: Name = Field(OWN, description="The name of an image.")
    variant: Name = Field(DEFAULT, description="The name of a variant.")


class Matrix(Part):
    """Scenarios on images in variants."""

    scenarios: Patterns = Field(description="Directories beside this file; `*` matches anything.", min_length=1)
    images: dict[Name, Annotated[MatrixImage, AfterValidator(_one_origin)]] = Field(
        {OWN: MatrixImage()}, description="The base images, by name.", min_length=1
    )
    variants: dict[Name, MatrixVariant] = Field(
        {DEFAULT: MatrixVariant()}, description="The variants, by name.", min_length=1
    )
    exclude: Listed[Selector] = Field((), description="Cells that are left out.")
    include: Listed[Included] = Field((), description="Cells that are added.")
    expect: Listed[Expected] = Field(
        (), description="Verdicts that cells are to have; the last that matches counts. Otherwise: converged."
    )


PARTS: dict[str, type[Part]] = {
    "images": MatrixImage,
    "packages": Packages,
    "variants": MatrixVariant,
    "old": ReleaseChanges,
    "new": ReleaseChanges,
    "probes": Probe,
    "exclude": Selector,
    "include": Included,
    "expect": Expected,
}


def schema() -> dict[str, object]:
    """The JSON Schema of a matrix file."""
    inner = TypeAdapter(Matrix).json_schema()
    return {"$schema": FORMAT, "$id": "https://convergence-validator.invalid/schema/matrix-1.json", **inner}
