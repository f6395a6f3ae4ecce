"""Base images: root file systems made from distribution packages, built once and shared read-only."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NoReturn

from validator import process
from validator.errors import ImageError, MachineError
from validator.host import programs, rootfs
from validator.host.cache import Cache, no_space

RECIPE = 3  # raised when the steps below change, so that old images are not used for new ones
TIMEOUT = 3600.0

# What every host needs whatever the scenario installs: an init, a Python for Ansible, sudo for `become`.
ALWAYS = ("ca-certificates", "iproute2", "procps", "python3", "python3-apt", "sudo")
INIT = ("dbus", "systemd", "systemd-sysv")

# Units that cannot work in a host without hardware; unmasked they leave systemd `degraded` (measured with
# systemd 247, 252 and 257).
MASKED = (
    "console-getty.service",
    "dev-hugepages.mount",
    "getty@.service",
    "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
    "systemd-journald-audit.socket",
    "systemd-modules-load.service",
)

PROXIES = {"http_proxy", "https_proxy", "ftp_proxy", "no_proxy"}  # the only variables of the caller apt gets to see

OWN = "own"  # what the name of an image begins with that is not made of packages

MACHINE_ID = "c0ffee00c0ffee00c0ffee00c0ffee00"  # fixed, so that a boot changes nothing on disk


@dataclass(frozen=True, kw_only=True)
class ImageSpec:
    """What goes into an image. `prepare` is the text of a script run once, as root of the finished tree.

    With `source`, a tree or tarball of the user's own whose digest is `content`, nothing is installed.
    """

    suite: str
    packages: tuple[str, ...]
    hostname: str
    services: bool
    mirrors: tuple[str, ...] = ()
    prepare: str = ""
    source: Path | None = None
    content: str = ""

    @property
    def wanted(self) -> tuple[str, ...]:
        """All packages to install, sorted."""
        if self.source is not None:
            return ()
        return tuple(sorted({*self.packages, *ALWAYS, *(INIT if self.services else ())}))

    @property
    def name(self) -> str:
        """The image's id: a digest over everything that decides what is in it."""
        about = {**asdict(self), "packages": self.wanted}
        del about["source"]  # where it lies says nothing
        if self.source is None:
            del about["content"]
        text = json.dumps([RECIPE, about], sort_keys=True)
        return f"{self.suite or OWN}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"

    @property
    def what(self) -> str:
        """The image in a few words."""
        if self.source is not None:
            return f"{self.source.name}, as it is"
        return f"{self.suite}, {len(self.wanted)} packages asked for"


def ensure(spec: ImageSpec, cache: Cache, *, on_output: Callable[[str], None] | None = None) -> Path:
    """The root directory of the image, built when it is not in the cache.

    Raises `ImageError` when the packages cannot be installed, `MachineError` when this machine cannot build.
    """
    with cache.making("images", spec.name) as unfinished:
        if unfinished is not None:
            root = unfinished / "root"
            root.mkdir()
            if spec.source is not None:
                rootfs.unpack(spec.source, spec.content, root)
                about = spec.source.name
            else:
                _install(spec, root, cache, on_output)
                about = f"{spec.suite} with {len(spec.wanted)} packages"
            _settle(spec, root)
            cache.describe(unfinished, about=about, packages=spec.wanted)
    return cache.image(spec.name) / "root"


def _install(spec: ImageSpec, root: Path, cache: Cache, on_output: Callable[[str], None] | None) -> None:
    if shutil.which("mmdebstrap", path=process.SYSTEM_PATH) is None:
        raise MachineError(
            "mmdebstrap is not installed: base images are built with it", hint="apt-get install mmdebstrap"
        )
    downloads = cache.root / "packages" / spec.suite
    with ExitStack() as stack:
        # apt in the image may not share its download directory with another one that runs now
        stack.enter_context(process.locked(downloads.with_name(f".{spec.suite}.lock")))
        downloads.mkdir(exist_ok=True)
        devices = root.with_name("devices")
        devices.mkdir()
        config = {"init": "cage", "state": str(devices), "argv": _mmdebstrap(spec, root, downloads)}
        proxies = {name: value for name, value in os.environ.items() if name.lower() in PROXIES}
        command = process.Command(
            argv=programs.program("supervisor", json.dumps(config)),
            env={**process.CLEAN_ENV, **proxies},
            label=f"building a {spec.suite} image",
            lifeline=True,
            timeout=TIMEOUT,
            accept=None,
        )
        done = process.run(command, on_output=on_output)
        devices.rmdir()
    if done.code != 0:
        _explain(spec, done, cache)


def _mmdebstrap(spec: ImageSpec, root: Path, downloads: Path) -> list[str]:
    archives = "/var/cache/apt/archives/"
    hooks = [
        f'--setup-hook=mkdir -p "$1"{archives}',
        f"--setup-hook=sync-in {downloads} {archives}",
        f"--customize-hook=sync-out {archives} {downloads}",
        f'--customize-hook=rm -rf "$1"{archives}*.deb',
    ]
    if spec.prepare:
        script = root.with_name("prepare.sh")
        script.write_text(spec.prepare, encoding="utf-8")
        hooks += [
            f"--customize-hook=copy-in {script} /var/tmp",
            '--customize-hook=chroot "$1" /bin/sh -e /var/tmp/prepare.sh',
            '--customize-hook=rm "$1"/var/tmp/prepare.sh',
        ]
    return [
        "mmdebstrap",
        "--mode=root",
        "--variant=minbase",
        "--skip=essential/unlink,cleanup/apt/cache",
        f"--include={','.join(spec.wanted)}",
        *hooks,
        spec.suite,
        str(root),
        *spec.mirrors,
    ]


def _settle(spec: ImageSpec, root: Path) -> None:
    """What makes the tree a host: a name, a fixed identity, no units that need hardware."""
    etc = root / "etc"
    short = spec.hostname.split(".", 1)[0]
    names = f"{spec.hostname} {short}" if short != spec.hostname else short
    texts = {
        "hostname": f"{spec.hostname}\n",
        "hosts": f"127.0.0.1 localhost\n127.0.1.1 {names}\n::1 localhost ip6-localhost\n",
        "resolv.conf": "",
        "machine-id": f"{MACHINE_ID}\n",
        # The augeas fact walks all of /etc: 2 s of every Puppet run when augeas-tools is not installed.
        "facter/facter.conf": 'facts : { blocklist : [ "augeas" ] }\n',
    }
    if spec.services:
        # A journal of one boot, complete: restarts are counted from it.
        journal = "[Journal]\nStorage=volatile\nRuntimeMaxUse=256M\nRateLimitIntervalSec=0\n"
        texts["systemd/journald.conf.d/validate.conf"] = journal
    for name, text in texts.items():
        _empty_place(root, etc / name).write_text(text, encoding="utf-8")
    for unit in MASKED if spec.services else ():
        _empty_place(root, etc / "systemd/system" / unit).symlink_to("/dev/null")


def _empty_place(root: Path, path: Path) -> Path:
    rootfs.within(root, path)
    path.unlink(missing_ok=True)  # resolv.conf may be a link out of the tree
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _explain(spec: ImageSpec, done: process.Completed, cache: Cache) -> NoReturn:
    said = done.errors
    if "No space left on device" in said:
        raise no_space(cache.root)
    missing = [
        line.split("Unable to locate package", 1)[1].strip() for line in said.splitlines() if "Unable to locate" in line
    ]
    if missing:
        raise ImageError(
            f"{spec.suite} has no package {', '.join(missing)}",
            hint="Correct `image.packages` in the scenario; `apt-cache search` finds names.",
        )
    if any(sign in said for sign in ("Could not resolve", "Connection failed", "Could not connect", "Failed to fetch")):
        raise ImageError(
            "the Debian archive could not be reached:\n" + _tail(said),
            hint="Check the network and the proxy (http_proxy), or name a mirror in `image.mirrors`.",
        )
    raise ImageError(
        f"building a {spec.suite} image ended with status {done.code}:\n{_tail(said)}",
        hint="The lines above are mmdebstrap's; fix what they name and run again.",
    )


def _tail(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.strip().splitlines()[-15:])
