"""A root file system of the user's own: a directory or a tarball is copied into the cache and serves as an image."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.host.lab import SPEC, Lab, fingerprint
from validator.host.cache import Cache


@pytest.fixture
def own(cold_lab: Lab) -> Lab:
    """A lab with images of its own."""
    (cold_lab.cache / "images").unlink()
    (cold_lab.cache / "images").mkdir()
    return cold_lab


@pytest.fixture
def root(everybodys: Cache) -> Path:
    """The tree that everybody's image is."""
    return everybodys.image(SPEC.name) / "root"


def names(lab: Lab) -> list[str]:
    return sorted(path.name for path in (lab.cache / "images").glob("[!.]*"))


def test_a_tarball_is_an_image_and_its_content_is_its_name(own: Lab, root: Path) -> None:
    tarball = own.root / "rootfs.tar"
    subprocess.run(["/usr/bin/tar", "--numeric-owner", "--xattrs", "-C", root, "-cf", tarball, "."], check=True)
    scenario = own.scenario(image=None)
    text = (scenario / "scenario.yml").read_text(encoding="utf-8")
    (scenario / "scenario.yml").write_text(
        text.replace("image: null", "image: {path: ../rootfs.tar}"), encoding="utf-8"
    )
    ran = own.json(scenario)
    assert (ran.result["verdict"], ran.code) == ("converged", 0), ran.err
    first = names(own)
    assert [name.partition("-")[0] for name in first] == ["own"]
    shutil.move(tarball, own.root / "other.tar")
    (scenario / "scenario.yml").write_text(text.replace("image: null", "image: {path: ../other.tar}"), encoding="utf-8")
    assert "rootfs" not in own.json(scenario).err
    assert names(own) == first, "the same content elsewhere"
    with (own.root / "other.tar").open("ab") as file:
        file.write(b"\0" * 512)
    assert own.json(scenario).code == 0
    assert len(names(own)) == 2, "other content"


def test_a_directory_is_an_image_and_stays_as_it_was(own: Lab, root: Path) -> None:
    tree = own.root / "tree"
    subprocess.run(["/usr/bin/cp", "--archive", root, tree], check=True)
    own.scenario("shop")
    before = fingerprint(tree)
    env = {"VALIDATE_CACHE": str(own.cache)}
    ran = own.validate("matrix", "--root", own.root, "--scenario", "shop", "--image", tree, "--format", "json", env=env)
    assert ran.code == 0, ran.err
    assert [cell["name"] for cell in ran.result["cells"]] == ["shop@tree+default"]
    assert fingerprint(tree) == before


def test_what_is_no_root_file_system_is_told(own: Lab) -> None:
    tree = own.root / "tree"
    (tree / "sub").mkdir(parents=True)
    (own.root / "bad.tar").write_bytes(b"no tarball at all" * 100)
    own.scenario("shop")
    env = {"VALIDATE_CACHE": str(own.cache)}
    for image, words in ((tree, "it has no /etc, or no /bin/sh"), (own.root / "bad.tar", "cannot be unpacked")):
        ran = own.validate("matrix", "--root", own.root, "--scenario", "shop", "--image", image, env=env)
        assert (ran.code, words in ran.out) == (3, True), ran.out
        assert "Traceback" not in ran.err
    assert names(own) == []


def test_a_link_out_of_the_image_is_not_followed(own: Lab) -> None:
    tree, outside = own.root / "tree", own.root / "outside"
    outside.mkdir()
    (tree / "etc").mkdir(parents=True)
    (tree / "etc" / "facter").symlink_to(outside)
    (tree / "bin").mkdir()
    (tree / "bin" / "sh").write_text("", encoding="utf-8")
    own.scenario("shop")
    env = {"VALIDATE_CACHE": str(own.cache)}
    ran = own.validate("matrix", "--root", own.root, "--scenario", "shop", "--image", tree, env=env)
    assert (ran.code, "/etc/facter is a link" in ran.out) == (3, True), ran.out
    assert list(outside.iterdir()) == []
