"""The program that runs a command *beside* a host: Ansible's controller.

    python -I -S -c '...main()' < CONFIG-JSON

The command sees a root directory made of read-only views of what it needs (interpreter, libraries, the
scenario's inputs) and nothing else of the machine; it is root of the host's user namespace only, lives in the
host's outer pid namespace, so it dies with the host, and shares the host's network. From there it can enter the
host, which appears as an ordinary pid, and cannot reach the machine: `delegate_to: localhost`, `local_action`,
`lookup('pipe', ...)` and every plug-in run against this throw-away root.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from validator.host import linux, supervisor

TMPFS = linux.MS_NOSUID | linux.MS_NODEV


@dataclass(frozen=True, kw_only=True)
class Config:
    """What to run and what it may see. `views` are (source on the machine, place in the new root)."""

    init: int
    reaper: int
    cgroup: str
    stage: str
    views: tuple[tuple[str, str], ...]
    links: tuple[tuple[str, str], ...]
    argv: tuple[str, ...]
    env: dict[str, str]
    cwd: str


def keep_channels(env: dict[str, str]) -> None:
    """Hand on the descriptors that the environment names (see `validator.process.Command.channel`)."""
    for name, value in os.environ.items():
        if name.startswith("VALIDATOR_") and value.isdigit():
            os.set_inheritable(int(value), True)  # noqa: FBT003 - the function takes no keywords
            env[name] = value


def main() -> None:
    """Run the command and end with its status."""
    raw = json.load(sys.stdin)
    pairs = {name: tuple((first, second) for first, second in raw[name]) for name in ("views", "links")}
    config = Config(**{**raw, **pairs, "argv": tuple(raw["argv"])})
    Path(config.cgroup, "exec/cgroup.procs").write_text(str(os.getpid()), encoding="ascii")
    owners = os.open(f"/proc/{config.init}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    network = os.open(f"/proc/{config.init}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    pids = os.open(f"/proc/{config.reaper}/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
    linux.private_mounts()
    linux.setns(network, linux.NEWNET)
    linux.setns(pids, linux.NEWPID)
    child = supervisor.fork_dying_with_parent()
    if child == 0:
        try:
            build_root(config, owners)
            null = os.open("/dev/null", os.O_RDONLY)
            os.dup2(null, sys.stdin.fileno())
            keep_channels(config.env)
            os.execve(config.argv[0], config.argv, config.env)
        except OSError as error:
            print(supervisor.explain(error), file=sys.stderr)
        os._exit(126)
    sys.exit(supervisor.reap_until(child))


def build_root(config: Config, owners: int) -> None:
    """Turn this process into the confined one: its views, its identity, its root."""
    linux.mount("stage", config.stage, "tmpfs", TMPFS, "mode=755")
    os.chdir(config.stage)  # the host's root may not walk the machine's directories
    stage = Path()
    for number, (source, _) in enumerate(config.views):
        place = stage / f"view{number}"
        if Path(source).is_dir():
            place.mkdir()
        else:
            place.touch()
        view(source, place, owners)
    (stage / "dev").mkdir()
    linux.make_devices(stage / "dev")
    (stage / "proc").mkdir()
    # A proc of the outer pid namespace can only be mounted by the machine's root.
    linux.mount("proc", stage / "proc", "proc", linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC)
    (stage / "root").mkdir()
    linux.become_root_of(owners)
    linux.unshare(linux.NEWNS | linux.NEWUTS | linux.NEWIPC)
    root = stage / "root"
    linux.mount("root", root, "tmpfs", TMPFS, "mode=755")
    for name in ("dev", "proc", "tmp", "root", "run", "etc", "var/tmp"):
        (root / name).mkdir(parents=True)
    (root / "tmp").chmod(0o1777)
    for number, (_, target) in enumerate(config.views):
        bind(stage / f"view{number}", root / target.lstrip("/"))
    for link, target in config.links:
        path = root / link.lstrip("/")
        if not path.is_symlink():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.symlink_to(target)
    bind(stage / "dev", root / "dev")
    linux.mount_terminals_and_memory(root / "dev")
    bind(stage / "proc", root / "proc")
    linux.set_hostname("controller")
    linux.pivot_to(root)
    os.chdir(config.cwd)


def view(source: str, place: Path, owners: int) -> None:
    """A read-only view of a file or directory of the machine, with the machine's root shown as root."""
    try:
        linux.attach(source, place, owners=owners, read_only=True)
    except OSError:
        # The file system below knows no ID-mapped mounts (an overlay, an old NFS): what anyone may read
        # can still be read, with owners shown as nobody.
        linux.attach(source, place, owners=None, read_only=True)


def bind(source: Path, target: Path) -> None:
    """Show `source` at `target`, which is made."""
    if source.is_dir():
        target.mkdir(parents=True, exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    linux.mount(str(source), target, "", linux.MS_BIND | linux.MS_REC)
