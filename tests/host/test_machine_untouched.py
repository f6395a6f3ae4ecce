"""A playbook that does its worst changes nothing on the machine, reads no secret of it, and is judged all the same."""

from __future__ import annotations

import hashlib
import os
import platform
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.host.lab import TASKS, Lab

# All below these, but what is named in LEFT_OUT; below /root and the program directories only what lies near.
WHOLE = ("/etc", "/opt", "/usr/local", "/var/lib/dpkg", "/var/lib/apt", "/var/spool/cron")
NEAR = {"/root": 2, "/": 1, "/usr/bin": 1, "/usr/sbin": 1, "/usr/lib": 1, "/var/lib": 1, "/dev": 2}
LEFT_OUT = {"__pycache__", ".cache", "proc", "tmp", "pts", "shm", "lists"}
SETTINGS = (
    "kernel/core_pattern",
    "kernel/hostname",
    "kernel/panic",
    "kernel/sysrq",
    "net/ipv4/ip_forward",
    "vm/overcommit_memory",
    "vm/swappiness",
)
CLOCK = 3600.0  # seconds by which no clock is set right in passing

# Runs with sh, as root of the host and as root of Ansible's controller. Every line is one attempt; what it comes to
# does not matter, only that the machine is as before, and that the words at the end come out.
ATTACK = """\
exec 2>/dev/null
unshare --mount sh -c 'umount --lazy /usr /etc/ssl; touch /usr/bin/escaped /etc/ssl/escaped'
mount -o remount,bind,rw /usr
mount -o remount,rw /
for place in /etc /opt /root /usr/local /usr/bin /usr/lib /var/lib /dev @HERE@; do
  touch $place/escaped
  chmod 0777 $place
done
hostname escaped
echo escaped >/etc/hostname
echo 'escaped::0:0::/:/bin/sh' >>/etc/passwd
chmod 0600 /dev/null /dev/zero /dev/tty
chown 33:33 /dev/random
for setting in vm/swappiness kernel/panic kernel/sysrq vm/overcommit_memory net/ipv4/ip_forward; do
  echo 1 >/proc/sys/$setting
done
echo '|/escaped' >/proc/sys/kernel/core_pattern
echo w >/proc/sysrq-trigger
for disk in "254 0" "8 0" "259 0" "253 0"; do
  mknod /tmp/disk b $disk
  head -c 512 /tmp/disk >/tmp/sector && [ -s /tmp/sector ] && echo "a disk of the machine was read"
  rm -f /tmp/disk
done
mknod /tmp/memory c 1 1 && head -c 16 /tmp/memory && echo "memory of the machine was read"
mount -t tmpfs escaped /mnt
mount --bind /tmp /usr/local
swapoff -a
date --set '2001-01-01' >/tmp/date
mkdir -p /tmp/groups && mount -t cgroup2 none /tmp/groups && ls -d /tmp/groups/validate-* && echo "cgroups were read"
nsenter --target 1 --mount --uts --net touch /etc/escaped
ls /proc/1/root/@HERE@ && echo "the machine was seen through pid 1"
cat @SECRET@ && echo "the secret was read"
if [ -e /run/validate/upgrade ]; then
  for private in /etc/ssl/private /etc/shadow /root/.ssh /root/.bashrc; do
    [ -e $private ] && echo "$private was seen"
  done
fi
kill -9 1
exec 2>&1
echo "attacked as uid $(id -u) with pid 1 $(cat /proc/1/comm)"
"""

PLAYS = """\
- hosts: all
  gather_facts: false
  tasks:
    - name: in the host
      ansible.builtin.script: attack.sh
      register: host
    - name: delegated
      ansible.builtin.script: attack.sh
      delegate_to: localhost
      register: delegated
    - name: local action
      local_action: ansible.builtin.command hostname escaped
    - name: a task that names its connection
      ansible.builtin.script: attack.sh
      vars:
        ansible_connection: local
      register: connected
    - name: a lookup that runs a program beside the host
      ansible.builtin.set_fact:
        piped: "{{ lookup('pipe', 'sh attack.sh') }}"
    - name: a lookup plug-in of the playbook's own
      ansible.builtin.set_fact:
        plugged: "{{ lookup('escape') }}"
    - name: a lookup that reads a secret of the machine
      ansible.builtin.set_fact:
        looked: "{{ lookup('file', '@SECRET@', errors='ignore') }}"
    - name: what came of it
      ansible.builtin.copy:
        dest: /srv/attacks
        content: |
          host {{ host.stdout }}
          delegated {{ delegated.stdout }}
          connected {{ connected.stdout }}
          piped {{ piped }}
          plugged {{ plugged }}
          looked {{ looked or 'nothing' }}
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - name: a play on localhost
      ansible.builtin.script: attack.sh
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.import_tasks: upgrade.yml
"""

PLUGIN = '''\
import ctypes
import os
import socket
from ansible.plugins.lookup import LookupBase


def tried(attempt, *arguments):
    try:
        return attempt(*arguments)
    except OSError:
        return None


def escape():
    """Leave by every way that Python has without a program; what came of it."""
    libc, found = ctypes.CDLL(None), []
    for number in os.listdir("/proc/self/fd"):
        target = tried(os.readlink, f"/proc/self/fd/{number}") or ""
        if target.startswith("/") and not target.startswith(("/dev/", "/proc/", "/usr/", "/tmp/#", "/run/validate")):
            found.append(f"holds {target}")
    try:
        socket.create_connection(("192.0.2.1", 80), timeout=1)
    except OSError as error:
        found.append(f"network: {error.strerror}")
    os.chroot("/tmp")
    for _ in range(64):
        os.chdir("..")
    os.chroot(".")
    if tried(os.stat, "@HERE@") is not None:
        found.append("left the root directory")
    tried(open, "@HERE@/escaped", "w")
    for pid in (number for number in tried(os.listdir, "/proc") or () if number.isdigit()):
        tried(open, f"/proc/{pid}/root@HERE@/escaped", "w")
        for kind in ("user", "mnt", "uts", "net", "pid"):
            held = tried(os.open, f"/proc/{pid}/ns/{kind}", os.O_RDONLY)
            if held is not None:
                libc.setns(held, 0)
                os.close(held)
        if tried(os.stat, "@HERE@") is not None:
            found.append(f"left through the namespaces of {pid}")
        tried(open, "@HERE@/escaped", "w")
        tried(socket.sethostname, "escaped")
    return ", ".join(found)


class LookupModule(LookupBase):
    def run(self, terms, variables=None, **kwargs):
        read, write = os.pipe()
        if os.fork() == 0:
            os.write(write, escape().encode())
            os._exit(0)
        os.close(write)
        with os.fdopen(read) as said:
            return [said.read()]
'''


def state_of_the_machine() -> dict[str, str]:
    """Every path that a run could be suspected of changing, with all that can be said of it, and some settings."""
    settings = [f"/proc/sys/{name}" for name in SETTINGS if Path("/proc/sys", name).exists()]
    found = {name: Path(name).read_text(encoding="ascii") for name in settings}
    found["hostname"] = platform.node()
    found["mounts"] = mounts()
    found["clock"] = f"{(time.time() - time.monotonic()) / CLOCK:.0f}"
    for path in paths():
        try:
            found[path] = about(path)
        except FileNotFoundError:
            continue  # another program's; it would be missed afterwards if it was there before
    return found


def mounts() -> str:
    """The machine's mounts on directories that belong to the system."""
    lines = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    system = ("/boot", "/dev", "/etc", "/lib", "/proc", "/root", "/sys", "/usr", "/var")
    return "\n".join(line for line in lines if line.split()[1] == "/" or line.split()[1].startswith(system))


def paths() -> Iterator[str]:
    """What is looked at."""
    for start, depth in (dict.fromkeys(WHOLE, 99) | NEAR).items():
        for root, directories, files in os.walk(start):
            directories[:] = [name for name in directories if name not in LEFT_OUT]
            yield root
            yield from (f"{root}/{name}" for name in files)
            if root.removeprefix(start).count("/") >= depth - 1:
                yield from (f"{root}/{name}" for name in directories)
                directories.clear()


def about(path: str) -> str:
    """Kind, mode, owner, size, times and content. The time of a change of state (ctime) cannot be set back."""
    found = os.lstat(path)
    words = [oct(found.st_mode), f"{found.st_uid}:{found.st_gid}", f"device {found.st_rdev}"]
    if not path.startswith("/dev") and path not in {"/", "/dev"}:
        words += [f"{found.st_size}", f"{found.st_mtime_ns}", f"{found.st_ctime_ns}"]
    if stat.S_ISREG(found.st_mode) and found.st_size < 1 << 16:
        words.append(hashlib.sha256(Path(path).read_bytes()).hexdigest())
    return " ".join(words)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A directory of the machine, open to everyone, with a secret that only root may read."""
    directory = tmp_path / "machine"
    directory.mkdir(mode=0o777)
    secret = directory / "secret"
    secret.write_text("the machine's secret\n", encoding="utf-8")
    secret.chmod(0o600)
    return directory


def test_a_playbook_that_does_its_worst_changes_nothing(lab: Lab, here: Path) -> None:
    def filled(text: str) -> str:
        return text.replace("@HERE@", str(here)).replace("@SECRET@", str(here / "secret"))

    wanted = {
        "host": "attacked as uid 0 with pid 1 python.*",
        "delegated": "attacked as uid 0 with pid 1 python.*",
        "connected": "attacked as uid 0 with pid 1 python.*",
        "piped": "attacked as uid 0 with pid 1 python.*",
        "plugged": "network: Network is unreachable",
        "looked": "nothing",
    }
    probes = [
        {"name": name, "command": f"grep '^{name} ' /srv/attacks", "stdout": f"^{name} {words}$"}
        for name, words in wanted.items()
    ]
    scenario = lab.scenario(tasks=TASKS, probes=probes)
    (scenario / "site.yml").write_text(filled(PLAYS), encoding="utf-8")
    (scenario / "attack.sh").write_text(filled(ATTACK), encoding="utf-8")
    (scenario / "lookup_plugins").mkdir()
    (scenario / "lookup_plugins/escape.py").write_text(filled(PLUGIN), encoding="utf-8")
    text = (scenario / "scenario.yml").read_text(encoding="utf-8").replace("tasks: upgrade.yml", "playbook: site.yml")
    (scenario / "scenario.yml").write_text(text, encoding="utf-8")

    before, secrets = state_of_the_machine(), sorted(here.iterdir())
    ran = lab.json(scenario)
    after = state_of_the_machine()

    assert {path: (words, after.get(path)) for path, words in before.items() if after.get(path) != words} == {}
    assert set(after) - set(before) == set()
    assert sorted(here.iterdir()) == secrets
    errors = [finding for finding in ran.result["findings"] if finding["severity"] == "error"]
    assert errors == [], "every attack was made, and none came to anything"
    assert (ran.result["verdict"], ran.code) == ("converged", 0)


REBOOT = "/usr/bin/python3 -c 'import ctypes; ctypes.CDLL(None).reboot(0x1234567)'"
KILLERS: dict[str, dict[str, str]] = {
    "a task that kills all it sees": {"tasks": "- ansible.builtin.shell: kill -9 -1\n"},
    "a lookup that kills all it sees": {
        "tasks": """- ansible.builtin.debug: {msg: "{{ lookup('pipe', 'kill -9 -1') }}"}\n"""
    },
    "a task that reboots": {"tasks": f"- ansible.builtin.command: {REBOOT}\n"},
    "a manifest that reboots": {"new": f'exec {{ "{REBOOT}": }}\n'},
}
SAID = {
    "a task that kills all it sees": "failed",
    "a lookup that kills all it sees": "the host has ended",
    "a task that reboots": "the host has ended",
    "a manifest that reboots": "the host has ended",
}


@pytest.mark.parametrize("killer", KILLERS)
def test_what_ends_the_host_ends_the_run_and_nothing_else(killer: str, lab: Lab) -> None:
    with subprocess.Popen(["/bin/sleep", "600"]) as bystander:
        ran = lab.json(lab.scenario(**KILLERS[killer]))
        survived = bystander.poll() is None
        bystander.kill()
    assert survived
    assert (ran.result["verdict"], ran.code) == ("inconclusive", 3)
    first = ran.result["findings"][0]
    assert SAID[killer] in first["message"]
    assert first["phase"] == ("converge" if "manifest" in killer else "upgrade")
