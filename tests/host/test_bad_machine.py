"""What the machine or the command line lacks: the right exit status, in plain words, with what to do; nothing stays."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from tests.conftest import COMMAND, PROJECT, Ran
from tests.host.lab import NEW, OLD, Lab, fingerprint
from validator.host import cgroup
from validator.host.cache import Cache

BIG = OLD + "exec { '/usr/bin/head -c 30000000 /dev/urandom >/srv/big': creates => '/srv/big' }\n"
GROWING = NEW + "exec { '/usr/bin/head -c 90000000 /dev/urandom >/srv/big': creates => '/srv/big' }\n"


def elsewhere(lab: Lab, prefix: tuple[str, ...], *arguments: str | Path) -> Ran:
    """Run the command below another one, which gives it another machine to run on."""
    return lab.ran(*prefix, COMMAND, *arguments)


def with_mounts(*commands: str) -> tuple[str, ...]:
    """A prefix that changes mounts first, in a mount namespace that ends with the command."""
    script = "".join(f"{command}\n" for command in commands)
    return ("/usr/bin/unshare", "--mount", "--propagation", "private", "/bin/sh", "-ec", f'{script}exec "$@"', "sh")


def small_disk(lab: Lab, everybodys: Cache, *links: str) -> str:
    """A mount of a small disk as the lab's cache, with links to what others have downloaded or built."""
    targets = " ".join(str(everybodys.root / kind) for kind in links)
    return f"mount -t tmpfs -o size=50m small {lab.cache} && ln -s {targets} {lab.cache}"


def assert_inconclusive(ran: Ran, *words: str) -> None:
    """Ended with 3, and the first finding has these words in its message or hint."""
    assert (ran.code, ran.result["verdict"]) == (3, "inconclusive"), ran.err
    first = ran.result["findings"][0]
    said = f"{first['rule']} {first['phase']}: {first['message']}\nto do: {first['hint']}"
    assert [word for word in words if word not in said] == [], said


def test_only_root_can_make_hosts(lab: Lab) -> None:
    # A user who may read all files, so that what is tested is not how this project happens to be installed.
    prefix = "/usr/bin/setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=+dac_read_search"
    scenario = lab.scenario()
    before = fingerprint(lab.cache)
    ran = elsewhere(lab, (*prefix.split(), "--ambient-caps=+dac_read_search"), "scenario", scenario, "--format", "json")
    assert (ran.code, ran.out) == (2, "")
    assert "only be made by root (you are uid 65534)" in ran.err
    assert "to do: Run the same command with sudo" in ran.err
    assert fingerprint(lab.cache) == before


def test_a_cache_on_an_overlay_is_named_as_the_cause(lab: Lab) -> None:
    for name in ("upper", "work"):
        (lab.root / name).mkdir()
    options = f"lowerdir={lab.cache},upperdir={lab.root}/upper,workdir={lab.root}/work"
    mounted = with_mounts(f"mount -t overlay -o {options} overlay {lab.cache}")
    ran = elsewhere(lab, mounted, "scenario", lab.scenario(tasks="- ansible.builtin.ping:\n"), "--format", "json")
    assert_inconclusive(ran, "the disposable host did not start", "not another overlay", "set VALIDATE_CACHE")
    ran = elsewhere(lab, mounted, "doctor")
    assert ran.code == 3
    assert "MISSING a disposable host" in ran.out
    assert "set VALIDATE_CACHE" in ran.out


def test_a_machine_without_cgroups_is_told_how_to_mount_them(lab: Lab) -> None:
    prefix = with_mounts(f"umount --lazy {cgroup.hierarchy()}")
    assert_inconclusive(
        elsewhere(lab, prefix, "scenario", lab.scenario(), "--format", "json"),
        "cgroup version 2 is not mounted",
        "mount -t cgroup2",
    )


def test_a_disk_that_is_full_while_an_image_is_built(cold_lab: Lab, everybodys: Cache) -> None:
    prefix = with_mounts(small_disk(cold_lab, everybodys, "packages"))
    ran = elsewhere(cold_lab, prefix, "scenario", cold_lab.scenario(image={"packages": []}), "--format", "json")
    assert_inconclusive(ran, f"no space left on the disk of the cache {cold_lab.cache}", "validate cache prune")


def test_a_disk_that_is_full_while_a_layer_is_frozen(cold_lab: Lab, everybodys: Cache) -> None:
    prefix = with_mounts(small_disk(cold_lab, everybodys, "packages", "images"))
    ran = elsewhere(cold_lab, prefix, "scenario", cold_lab.scenario(old=BIG), "--format", "json")
    assert_inconclusive(ran, "old: no space left on the disk of the cache", "validate cache prune")


def test_a_disk_that_is_full_while_puppet_works_is_no_verdict(cold_lab: Lab, everybodys: Cache) -> None:
    prefix = with_mounts(small_disk(cold_lab, everybodys, "packages", "images"))
    ran = elsewhere(cold_lab, prefix, "scenario", cold_lab.scenario(new=GROWING), "--format", "json")
    assert_inconclusive(ran, "converge: no space left on the disk of the cache", "validate cache prune")


def test_a_machine_without_mmdebstrap_is_told_what_to_install(cold_lab: Lab) -> None:
    (cold_lab.cache / "images").unlink()
    program = shutil.which("mmdebstrap")
    prefix = with_mounts(f"mount --bind /dev/null {program}")
    assert_inconclusive(
        elsewhere(cold_lab, prefix, "scenario", cold_lab.scenario(), "--format", "json"),
        "mmdebstrap is not installed",
        "apt-get install mmdebstrap",
    )
    ran = elsewhere(cold_lab, prefix, "doctor")
    assert (ran.code, "apt-get install mmdebstrap" in ran.out) == (3, True)


@pytest.fixture
def own_downloads(cold_lab: Lab) -> Lab:
    """A lab that waits for nobody's downloads."""
    (cold_lab.cache / "packages").unlink()
    return cold_lab


def test_a_package_that_does_not_exist_is_named(own_downloads: Lab) -> None:
    scenario = own_downloads.scenario(image={"packages": ["no-such-package"]})
    assert_inconclusive(own_downloads.json(scenario), "bookworm has no package no-such-package", "`image.packages`")


def test_an_archive_that_cannot_be_reached_is_named(own_downloads: Lab) -> None:
    image = {"packages": [], "mirrors": ["http://127.0.0.1:9/debian"]}
    ran = own_downloads.json(own_downloads.scenario(image=image))
    assert_inconclusive(ran, "the Debian archive could not be reached", "127.0.0.1", "`image.mirrors`")


@pytest.mark.parametrize(
    ("unit", "words"),
    [
        ("nowhere.service", ("was not ready after 5 s", "nowhere.service is inactive", "`host.wait_for`")),
        ("broken.service", ("broken.service failed while the host booted", "it is broken", "`host.wait_for`")),
    ],
)
def test_a_host_that_does_not_get_ready_says_what_it_waits_for(unit: str, words: tuple[str, ...], lab: Lab) -> None:
    script = "[Service]\\nExecStart=/bin/sh -c 'echo it is broken; exit 7'\\n[Install]\\nWantedBy=multi-user.target\\n"
    units = "/etc/systemd/system"
    old = f"""file {{ '{units}/broken.service': content => "{script}" }}
    file {{ '{units}/multi-user.target.wants/broken.service': ensure => '{units}/broken.service' }}
    """
    parts = yaml.safe_load((PROJECT / "scenarios/apache-vhost/scenario.yml").read_text(encoding="utf-8"))
    host = {"driver": "systemd", "hostname": parts["host"]["hostname"], "wait_for": [unit], "boot_timeout": 5}
    scenario = lab.scenario(old=old, host=host, image=parts["image"])
    assert_inconclusive(lab.json(scenario), "evidence.run upgrade", *words)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("scenario", "no-such-scenario"), ("no scenario at scenarios/no-such-scenario", "`validate list`")),
        (("scenario", "@", "--format", "yaml"), ("no format 'yaml'", "text, json")),
        (("scenario", "@", "--output", "/no/such/file"), ("/no/such/file cannot be written",)),
        (("scenario", "@", "--output", "/etc"), ("/etc cannot be written",)),
        (("scenario", "@", "--output", "/proc/sys/file"), ("/proc/sys/file cannot be written",)),
        (("scenario", "@", "--no-such-option"), ("No such option",)),
        (("scenario",), ("Missing argument",)),
        (("judge", "/no/such/record"), ("/no/such/record",)),
    ],
)
def test_a_command_that_cannot_work_is_refused_before_anything_runs(
    arguments: tuple[str, ...], words: tuple[str, ...], lab: Lab
) -> None:
    scenario = str(lab.scenario())
    ran = elsewhere(lab, (), *(scenario if word == "@" else word for word in arguments))
    assert (ran.code, ran.out) == (2, "")
    assert [word for word in words if word not in ran.err] == [], ran.err
    assert not list((lab.cache / "runs").iterdir())
