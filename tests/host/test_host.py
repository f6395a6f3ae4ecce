"""The disposable host itself: what it has of its own, what it cannot reach, and what is read of it while it runs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from validator.checks.restarts import restarts
from validator.errors import HostError
from validator.host import image, machine
from validator.host.cache import Cache
from validator.host.image import ImageSpec
from validator.host.layer import Stack, changes
from validator.scenario import load
from validator.witness import services

SERVICES_NAME = "app.example.test"


@contextmanager
def host(cache: Cache, *layers: Path, driver: str = "plain", **more: object) -> Iterator[machine.Host]:
    spec = machine.HostSpec(driver=driver, hostname="box.example.test", layers=layers, **more)  # type: ignore[arg-type]  # any field
    with machine.started(spec, cache) as started:
        yield started


def said(running: machine.Host, script: str) -> str:
    return running.run("/bin/sh", "-c", script, label="a test").text.strip()


@pytest.fixture
def plain(everybodys: Cache) -> Path:
    from tests.host.lab import SPEC  # noqa: PLC0415 - the image that everybody shares

    return everybodys.image(SPEC.name) / "root"


@pytest.fixture(scope="session")
def with_services(everybodys: Cache) -> Path:
    scenario = load.find("apache-vhost", Path("scenarios")).scenario
    spec = ImageSpec(
        suite=scenario.image.suite, packages=scenario.image.packages, hostname=scenario.host.hostname, services=True
    )
    return image.ensure(spec, everybodys)


def test_a_host_has_names_devices_and_a_network_of_its_own(everybodys: Cache, plain: Path) -> None:
    machines_null = Path("/dev/null").stat().st_dev
    with host(everybodys, plain) as running:
        assert said(running, "hostname") == "box.example.test"
        assert said(running, "id -u") == "0"
        assert said(running, "ls /sys/class/net") == "lo"
        assert "UP" in said(running, "ip link show lo")
        assert said(running, "echo x > /dev/null && echo y > /dev/shm/z && cat /dev/shm/z") == "y"
        seen = (Path(f"/proc/{running.init}/root") / "dev/null").stat()
        assert seen.st_dev != machines_null
        assert said(running, "cat /proc/1/cmdline | tr '\\0' ' ' | grep -c supervisor") == "1"


def test_addresses_besides_loopback(everybodys: Cache, plain: Path) -> None:
    with host(everybodys, plain, addresses=("192.0.2.10/24",)) as running:
        assert "192.0.2.10/24" in said(running, "ip -o -4 address show dev host0")
    with (
        pytest.raises(HostError, match=r"ip address add 192\.0\.2\.999"),
        host(everybodys, plain, addresses=("192.0.2.999/24",)),
    ):
        pass


def test_an_image_is_never_written_to(everybodys: Cache, plain: Path) -> None:
    before = (plain / "etc/hostname").read_bytes()
    with host(everybodys, plain) as running:
        said(running, "echo changed > /etc/hostname; rm /etc/hosts; chown 33:33 /etc/passwd")
        assert said(running, "cat /etc/hostname") == "changed"
    assert (plain / "etc/hostname").read_bytes() == before
    assert (plain / "etc/hosts").exists()
    assert (plain / "etc/passwd").stat().st_uid == 0


def test_every_kind_of_change_is_listed_exactly(everybodys: Cache, plain: Path, tmp_path: Path) -> None:
    first = tmp_path / "first"
    with host(everybodys, plain) as running:
        said(
            running,
            """
            mkdir -p /srv/t/dir /srv/t/replaced/below; cd /srv/t
            for name in content mode owner same gone attribute typed; do echo old > $name; done
            ln -s old link; echo deep > dir/deep; echo x > replaced/below/x
            """,
        )
        running.take_upper(first)
    with host(everybodys, first, plain) as running:
        said(
            running,
            """
            cd /srv/t; echo new > content; chmod 0600 mode; chown 33:34 owner; rm gone; ln -sfn new link
            touch -d 2001-01-01 same; rm -r dir; rm -r replaced; mkdir replaced; echo y > replaced/y
            rm typed; mkdir typed; echo z > added
            python3 -c "import os; os.setxattr('attribute', 'user.note', b'1')"
            """,
        )
        after = tmp_path / "after"
        running.copy_upper(after)
        found = {
            each.path.removeprefix("srv/t/"): (each.kind, each.aspects())
            for each in changes(Stack((first, plain)), Stack((after, first, plain)))
            if each.path.startswith("srv/t/")
        }
    assert found == {
        "added": ("added", ()),
        "attribute": ("metadata", ("xattrs",)),
        "content": ("content", ()),
        "dir": ("removed", ()),
        "dir/deep": ("removed", ()),
        "gone": ("removed", ()),
        "link": ("content", ()),
        "mode": ("metadata", ("mode",)),
        "owner": ("metadata", ("owner", "group")),
        "replaced/below": ("removed", ()),
        "replaced/below/x": ("removed", ()),
        "replaced/y": ("added", ()),
        "same": ("touched", ()),
        "typed": ("type", ("mode",)),
    }


def test_a_frozen_copy_is_of_one_moment_and_the_host_goes_on(everybodys: Cache, plain: Path, tmp_path: Path) -> None:
    writer = "i=0; while :; do i=$((i+1)); echo $i > /srv/a; echo $i > /srv/b; echo $i > /srv/n; mv /srv/n /srv/c; done"
    with host(everybodys, plain) as running:
        said(running, f"setsid sh -c '{writer}' > /dev/null 2>&1 & sleep 0.5")
        for number in range(5):
            running.copy_upper(tmp_path / str(number))
            texts = [(tmp_path / f"{number}/srv/{name}").read_text(encoding="ascii").strip() for name in "ab"]
            first, second = (int(text or 0) for text in texts)
            # The writer stands between two of its own steps, never further apart.
            assert first == 0 or second == 0 or first - second in {0, 1}
        before = said(running, "cat /srv/c")
        time.sleep(0.5)
        assert said(running, "cat /srv/c") != before


def test_one_state_is_forked_into_many_hosts_at_once(everybodys: Cache, plain: Path, tmp_path: Path) -> None:
    with host(everybodys, plain) as running:
        said(running, "echo common > /srv/state")
        running.take_upper(tmp_path / "state")
    with ExitStack() as stack:
        forks = [stack.enter_context(host(everybodys, tmp_path / "state", plain)) for _ in range(4)]
        for number, fork in enumerate(forks):
            said(fork, f"echo {number} >> /srv/state")
        assert [said(fork, "cat /srv/state") for fork in forks] == [f"common\n{number}" for number in range(4)]


def test_restarts_are_counted_where_they_happen(everybodys: Cache, with_services: Path) -> None:
    with host(everybodys, with_services, driver="systemd", wait_for=("apache2.service",)) as running:

        def counted(script: str) -> dict[str, int]:
            watch = services.begin(running, ("apache2.service",))
            said(running, script)
            seen = services.end(watch)
            assert seen.trouble == ""
            assert [state.active for state in seen.states if state.unit == "apache2.service"] == ["active"]
            return dict(restarts(seen.events))

        assert counted("systemctl restart apache2") == {"apache2.service": 1}
        assert counted("systemctl stop apache2; systemctl start apache2") == {"apache2.service": 1}
        assert counted("systemctl restart apache2; systemctl restart apache2") == {"apache2.service": 2}
        assert counted("systemctl reload apache2") == {}
        assert counted("true") == {}
        said(running, "systemd-run --unit=stubborn -p Restart=always -p RestartSec=0 sleep 1000")
        died = """
            before=$(systemctl show -P MainPID stubborn); kill -9 $before
            until [ "$(systemctl show -P MainPID stubborn)" -gt "$before" ]; do sleep 0.1; done
        """
        assert counted(died) == {}  # systemd itself brought it back


def test_a_unit_that_never_gets_up_is_named(everybodys: Cache, with_services: Path) -> None:
    with (
        pytest.raises(HostError, match=r"not ready after 3 s: nowhere\.service is inactive"),
        host(everybodys, with_services, driver="systemd", wait_for=("nowhere.service",), boot_timeout=3.0),
    ):
        pass
