"""Whether a command line only looks, or changes something: as far as its words say.

What is not known here is neither: a check that needs one of the two says nothing of it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise
from pathlib import PurePosixPath

from validator.checks import commands, shell
from validator.checks.shell import Words


class Kind(IntEnum):
    """What a command does; of several in a line the highest counts."""

    READS = 0
    UNKNOWN = 1
    WRITES = 2


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What a line does, and for one that writes the words that show it."""

    kind: Kind
    why: str = ""

    @property
    def writes(self) -> bool:
        """Whether it surely changes something."""
        return self.kind is Kind.WRITES

    @property
    def reads(self) -> bool:
        """Whether it only looks."""
        return self.kind is Kind.READS


_READERS = (
    "[ [[ a2query apt-cache arch awk base64 basename blkid cat cd cksum cmp column comm command cut date df diff dig "
    "dirname dmesg dpkg-query du echo egrep env exit expr facter false fgrep file findmnt fold free fuser gawk "
    "getconf getenforce getent getfacl grep groups head hiera host hostname hostnamectl id jq journalctl last ldd less "
    "locale ls lsb_release lsblk lsmod lsof lspci mawk md5sum mountpoint namei netstat nl nproc nslookup od paste pgrep "
    "pidof ping ping6 printenv printf ps pwd rabbitmq-diagnostics readlink realpath return rev runlevel seq set "
    "sestatus sha1sum sha256sum sha512sum sleep sort ss stat strings sum tac tail test time timedatectl tr true tty "
    "type ulimit umask uname uniq uptime virt-what wc which who whoami xxd yes zcat zgrep : :: crm_mon pg_isready"
)
READERS = frozenset(_READERS.split())
_WRITERS = (
    "addgroup adduser chattr chcon chgrp chmod chown cp createdb createuser dd delgroup deluser dropdb dropuser gpasswd "
    "groupadd groupdel groupmod halt install kill killall ldconfig ln logrotate lvcreate lvextend lvremove mkdir "
    "mkfifo mkfs mknod mkswap modprobe mv patch pg_restore pkill poweroff pvcreate reboot restorecon rm rmdir rmmod "
    "rsync setenforce setfacl setsebool shred shutdown swapoff swapon systemd-tmpfiles touch truncate umount unlink "
    "unzip useradd userdel usermod vgcreate"
)
WRITERS = frozenset(_WRITERS.split())
WRITER_NAMES = re.compile(r"mkfs\..+|a2(?:en|dis)(?:mod|site|conf)|update-(?:grub|initramfs|rc\.d|ca-certificates)")

# Programs whose first word says what they do: what only looks, and what changes something.
_UNIT_READS = "cat is-active is-enabled is-failed is-system-running list-dependencies list-jobs list-timers"
_UNIT_READS += " list-unit-files list-units list-sockets show show-environment status"
_UNIT_WRITES = "condrestart daemon-reexec daemon-reload disable edit enable force-reload isolate kill link mask preset"
_UNIT_WRITES += " reenable reload reload-or-restart reset-failed restart revert set-default set-environment"
_UNIT_WRITES += " set-property start stop try-reload-or-restart try-restart unmask"
_PACKAGES = "autoremove build-dep clean dist-upgrade distro-sync downgrade erase full-upgrade groupinstall in install"
_PACKAGES += " localinstall makecache purge reinstall remove rm swap uninstall up update upgrade"
_CONTAINERS = ("diff events images info inspect logs port ps search stats top version", "build commit cp create import")
_CONTAINERS_WRITE = "kill load pull push rename restart rm rmi run save start stop tag"
VERBS: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    name: (frozenset(reads.split()), frozenset(writes.split()))
    for names, reads, writes in (
        ("systemctl", _UNIT_READS, _UNIT_WRITES),
        ("apt apt-get aptitude", "changelog check list policy search show", _PACKAGES),
        ("yum dnf microdnf zypper", "check-update info list provides repolist search se if lr", _PACKAGES),
        ("pip pip3 gem", "check environment freeze list search show", "download install uninstall update"),
        ("apt-mark", "showauto showhold showmanual", "auto hold manual unhold"),
        ("docker podman", _CONTAINERS[0], f"{_CONTAINERS[1]} {_CONTAINERS_WRITE}"),
        ("git", "cat-file describe diff log ls-files ls-remote remote rev-parse show status", "am apply checkout clone"
         " commit fetch init merge pull push rebase reset"),
        ("puppet", "config facts help lookup module parser", "agent apply"),
        ("mysqladmin mariadb-admin", "extended-status ping processlist status variables version", "create drop"
         " flush-hosts flush-logs flush-privileges flush-tables kill password reload refresh shutdown"),
        ("ceph", "-s df fs health status versions", ""),
        ("pcs", "config status", "cluster constraint property resource stonith"),
        ("crm", "status", "configure resource"),
        ("ovs-vsctl", "get list list-br list-ifaces list-ports show", "add-br add-port del-br del-port set"),
        ("openssl", "s_client verify version x509", "genrsa req"),
        ("update-alternatives alternatives", "--display --get-selections --list --query", "--auto --config --install"
         " --remove --set"),
        ("ansible-galaxy", "list", "install"),
        ("semanage", "-l", ""),
        ("firewall-cmd", "--get-default-zone --list-all --list-ports --list-services --query-port --state", ""),
        ("crudini openstack-config", "--get", "--del --merge --set"),
        ("a2query", "", ""),
        ("swift-ring-builder", "", "add create rebalance remove set_weight"),
        ("nmcli", "general", ""),
    )
    for name in names.split()
}  # fmt: skip
# `nova-manage cell_v2 list_cells`, `rabbitmqctl set_policy`, `openstack user create`: a word that says it anywhere.
_LOOKS = re.compile(r"(?:list|show|get|check|status|version|count|verify|report|describe|cluster_status|ping)(?:_\w+)?")
_DOES = re.compile(
    r"(?:\w+_)?(?:sync|upgrade|migrate|migrations|dbsync)|online_data_migrations|bootstrap|"
    r"(?:add|archive|change|clear|create|delete|discover|drop|heal|import|join_cluster|map|purge|remove|reset|set|"
    r"start_app|stop_app|stamp|sync|unset|update|upgrade)(?:_\w+)?"
)
WORDED = re.compile(r"(?:[\w-]+-(?:db-)?manage|rabbitmqctl|openstack|nova|neutron|glance|cinder|keystone|heat|ironic)")
ALWAYS_WRITES = re.compile(r"[\w-]+-dbsync|[\w-]+-upgrade")
STATUS_PROGRAM = re.compile(r"[\w-]+-status")

_SQL_READS = re.compile(r"(?:select|show|describe|desc|explain|use|set|\\\w+)\b", re.IGNORECASE)
_SQL_WRITES = re.compile(
    r"(?:alter|create|delete|drop|flush|grant|insert|load|rename|replace|revoke|truncate|update)\b", re.IGNORECASE
)
_SQL_TEXT = re.compile(r"'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.)*\"|`[^`]*`", re.DOTALL)
SQL_CLIENTS = {"mysql": "e", "mariadb": "e", "psql": "c", "sqlite3": ""}
HARMLESS_TARGETS = re.compile(r"/dev/(?:null|stdout|stderr|tty|fd/\d+)|\d+|-")
_RESERVED = frozenset({"if", "then", "elif", "else", "while", "until", "do", "!", "{", "time", "exec", "eval"})
_STRUCTURE = frozenset({"fi", "done", "esac", "}", "for", "case", "in", "select", "function", "break", "continue"})
_DEEPEST = 4


def of(text: str) -> Effect:
    """What a shell's text does."""
    return _of_text(text, 0)


def of_words(words: Words) -> Effect:
    """What one command does."""
    return _of_words(words, 0)


def of_line(text: str, *, by_shell: bool) -> Effect:
    """What a line does, run by a shell or as one command."""
    if by_shell:
        return of(text)
    try:
        return of_words(tuple(shlex.split(text)))
    except ValueError:
        return Effect(kind=Kind.UNKNOWN)


def plain(words: Words) -> Words:
    """A command without the reserved words of the shell before it; nothing for what is only structure."""
    while words and words[0] in _RESERVED:
        words = words[1:]
    return () if words and words[0] in _STRUCTURE else words


def basename(program: str) -> str:
    """A program without its directory."""
    return PurePosixPath(program).name


def sql_writes(text: str) -> bool:
    """Whether one of the statements changes something."""
    return any(_SQL_WRITES.match(statement) for statement in _statements(text))


def _statements(text: str) -> list[str]:
    return [each.strip() for each in _SQL_TEXT.sub("''", text).split(";") if each.strip()]


def _of_text(text: str, depth: int) -> Effect:
    try:
        written = shell.everything(text)
    except ValueError:
        return Effect(kind=Kind.UNKNOWN)
    target = next((each for each in written.targets if not HARMLESS_TARGETS.fullmatch(each)), None)
    if target is not None:
        return Effect(kind=Kind.WRITES, why=f"> {target}")
    if depth >= _DEEPEST:
        return Effect(kind=Kind.UNKNOWN)
    found = [_of_words(plain(command), depth) for pipe in written.pipes for command in pipe.commands]
    return _highest((*found, *(_of_text(inner, depth + 1) for inner in written.inner)))


def _highest(effects: Iterable[Effect]) -> Effect:
    return max(effects, key=lambda effect: effect.kind, default=Effect(kind=Kind.READS))


def _of_words(words: Words, depth: int) -> Effect:
    inner = commands.bare(words)
    if isinstance(inner, str):
        return _of_text(inner, depth + 1)
    if not inner:
        return Effect(kind=Kind.READS)
    kind = _kind(basename(inner[0]), inner[1:])
    return Effect(kind=kind, why=" ".join(inner[:3]) if kind is Kind.WRITES else "")


def _kind(program: str, rest: Words) -> Kind:
    if program in _OWN_WAY:
        return _OWN_WAY[program](rest)
    if program in SQL_CLIENTS:
        return _sql(program, rest)
    if program in READERS or STATUS_PROGRAM.fullmatch(program):
        return Kind.READS
    if program in WRITERS or WRITER_NAMES.fullmatch(program) or ALWAYS_WRITES.fullmatch(program):
        return Kind.WRITES
    if program in VERBS:
        return _by_verb(rest, *VERBS[program])
    if WORDED.fullmatch(program):
        return _by_words(rest)
    return Kind.READS if rest in {("--version",), ("--help",), ("-V",)} else Kind.UNKNOWN


def _by_verb(rest: Words, reads: frozenset[str], writes: frozenset[str]) -> Kind:
    for word in rest:
        if word in reads:
            return Kind.READS
        if word in writes:
            return Kind.WRITES
        if not word.startswith("-"):
            return Kind.UNKNOWN
    return Kind.UNKNOWN


def _by_words(rest: Words) -> Kind:
    for word in rest:
        if _LOOKS.fullmatch(word):
            return Kind.READS
        if _DOES.fullmatch(word):
            return Kind.WRITES
    return Kind.UNKNOWN


def _sql(program: str, rest: Words) -> Kind:
    text = _statement_of(program, rest)
    if text is None:
        return Kind.UNKNOWN
    if sql_writes(text):
        return Kind.WRITES
    found = _statements(text)
    return Kind.READS if found and all(_SQL_READS.match(each) for each in found) else Kind.UNKNOWN


def _statement_of(program: str, rest: Words) -> str | None:
    letter = SQL_CLIENTS[program]
    if not letter:
        return rest[-1] if len(rest) > 1 else None
    for word, after in pairwise((*rest, "")):
        if re.fullmatch(rf"-[A-Za-z]*{letter}|--execute|--command", word):
            return after
        if attached := re.fullmatch(rf"(?:-{letter}|--execute=|--command=)(.+)", word, re.DOTALL):
            return attached[1]
    return None


def _service(rest: Words) -> Kind:
    if not rest:
        return Kind.UNKNOWN
    if rest[-1] in {"status", "--status-all"}:
        return Kind.READS
    verbs = {"start", "stop", "restart", "reload", "force-reload", "try-restart", "condrestart"}
    return Kind.WRITES if verbs.intersection(rest) else Kind.UNKNOWN


def _having(pattern: str, otherwise: Kind = Kind.READS, found: Kind = Kind.WRITES) -> Callable[[Words], Kind]:
    """A program that does one thing when an option fits, and else another."""
    compiled = re.compile(pattern)
    return lambda rest: found if any(compiled.fullmatch(word) for word in rest) else otherwise


def _find(rest: Words) -> Kind:
    if {"-delete", "-fprint", "-fprintf", "-fls"}.intersection(rest):
        return Kind.WRITES
    runs = [number for number, word in enumerate(rest) if word in {"-exec", "-execdir", "-ok"}]
    return max((_of_words(rest[number + 1 :], 1).kind for number in runs), default=Kind.READS)


def _xargs(rest: Words) -> Kind:
    start = next((n for n, word in enumerate(rest) if re.fullmatch(r"[a-z/][\w./-]*", word)), None)
    return Kind.READS if start is None else _of_words(rest[start:], 1).kind


def _curl(rest: Words) -> Kind:
    for word, after in pairwise((*rest, "")):
        if word in {"-o", "--output"} and after != "/dev/null":
            return Kind.WRITES
        if word in {"-X", "--request"} and after.upper() not in {"GET", "HEAD"}:
            return Kind.WRITES
    return _having(r"-O|--remote-name|-d|--data.*|-F|--form.*|-T|--upload-file.*")(rest)


def _tee(rest: Words) -> Kind:
    files = [word for word in rest if not word.startswith("-") and not HARMLESS_TARGETS.fullmatch(word)]
    return Kind.WRITES if files else Kind.READS


def _sysctl(rest: Words) -> Kind:
    return _having(r"-w|-p.*|--load.*|--system|--write|[\w.]+=.*")(rest)


_FIREWALL = _having(r"-[ADFINPRXZ]|--(?:append|delete|flush|insert|policy|replace|new-chain).*")
_OWN_WAY: dict[str, Callable[[Words], Kind]] = {
    "sed": _having(r"-[nEr]*i.*|--in-place.*"),
    "perl": _having(r"-[a-z0-9]*i.*", Kind.UNKNOWN),
    "find": _find,
    "xargs": _xargs,
    "tee": _tee,
    "curl": _curl,
    "wget": _having(r"--spider|-O-|-qO-|-q?O?-", Kind.UNKNOWN, Kind.READS),
    "service": _service,
    "invoke-rc.d": _service,
    "rc-service": _service,
    "rpm": _having(r"-[a-z]*[qV].*|--query.*|--verify", Kind.WRITES, Kind.READS),
    "dpkg": _having(r"-[lsLSp]|--list|--status|--search|--get-selections|--compare-versions|--print-.*|--audit|-C",
                    Kind.WRITES, Kind.READS),
    "tar": _having(r"-?[a-zA-Z]*t[a-zA-Z]*|--list", Kind.WRITES, Kind.READS),
    "mount": lambda rest: Kind.WRITES if [word for word in rest if not word.startswith("-")] else Kind.READS,
    "crontab": _having(r"-l", Kind.WRITES, Kind.READS),
    "sysctl": _sysctl,
    "ip": _having(r"add|del|delete|set|flush|change|replace"),
    "iptables": _FIREWALL,
    "ip6tables": _FIREWALL,
    "source": lambda _: Kind.READS,
    ".": lambda _: Kind.READS,
    "export": lambda _: Kind.READS,
    "local": lambda _: Kind.READS,
    "read": lambda _: Kind.READS,
}  # fmt: skip


def is_constant(words: Sequence[str]) -> bool | None:
    """The answer of a command that always gives the same: True for success, False for failure, None for others."""
    if not words:
        return None
    program, rest = basename(words[0]), list(words[1:])
    if program in {"true", ":"}:
        return True
    if program == "false":
        return False
    if program in {"exit", "return"} and rest and rest[0].isdigit():
        return rest[0] == "0"
    if program in {"test", "[", "[["}:
        match [word for word in rest if word not in {"]", "]]"}]:
            case [left, "=" | "==" | "-eq", right] if not {"$", "`", "{", "*"} & set(left + right):
                return left == right
            case [left, "!=" | "-ne", right] if not {"$", "`", "{", "*"} & set(left + right):
                return left != right
            case ["-n" | "-z" as sign, text] if text and "$" not in text and "`" not in text:
                return sign == "-n"
            case _:
                return None
    return None
