"""What a program does, told by its name and its words."""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import IntEnum
from itertools import pairwise
from pathlib import PurePosixPath

Words = tuple[str, ...]


class Kind(IntEnum):
    """What a command does; of several in a line the highest counts."""

    READS = 0
    UNKNOWN = 1
    WRITES = 2


_READERS = (
    "[ [[ a2query apt-cache arch awk base64 basename blkid cat cd cksum cmp column comm command cut date df diff dig "
    "dirname dmesg dpkg-query du echo egrep env exit expr facter false fgrep file findmnt fold free fuser gawk "
    "getconf getenforce getent getfacl grep groups head hiera host hostname hostnamectl id jq journalctl last ldd "
    "less locale ls lsb_release lsblk lsmod lsof lspci mawk md5sum mountpoint namei netstat nl nproc nslookup od paste "
    "pgrep pidof ping ping6 printenv printf ps pwd rabbitmq-diagnostics readlink realpath return rev runlevel seq set "
    "sestatus sha1sum sha256sum sha512sum sleep ss stat strings sum tac tail test time timedatectl tr true tty "
    "type ulimit umask uname uniq uptime virt-what wc which who whoami xxd yes zcat zgrep : :: pg_isready"
    " crm_mon crm_node xmllint"
)
READERS = frozenset(_READERS.split())
_WRITERS = (
    "addgroup adduser chattr chcon chgrp chmod chown cp createdb createuser dd delgroup deluser dropdb dropuser "
    "gpasswd groupadd groupdel groupmod halt install killall ldconfig ln logrotate lvcreate lvextend lvremove mkdir "
    "mkfifo mkfs mknod mkswap modprobe mv patch pg_restore pkill poweroff pvcreate reboot restorecon rm rmdir rmmod "
    "rsync setenforce setfacl setsebool shred shutdown swapoff swapon systemd-tmpfiles touch truncate umount unlink "
    "unzip useradd userdel usermod vgcreate"
)
WRITERS = frozenset(_WRITERS.split())
WRITER_NAMES = re.compile(
    r"mkfs\..+|a2(?:en|dis)(?:mod|site|conf)|update-(?:grub|initramfs|rc\.d|ca-certificates)|[\w-]+-(?:dbsync|upgrade)"
)

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
_GIT = "am apply checkout clone commit fetch init merge pull push rebase reset"
_MYSQLADMIN = "create drop flush-hosts flush-logs flush-privileges flush-tables kill password reload refresh shutdown"
VERBS: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    name: (frozenset(reads.split()), frozenset(writes.split()))
    for names, reads, writes in (
        ("systemctl", _UNIT_READS, _UNIT_WRITES),
        ("apt apt-get aptitude", "changelog check list policy search show", _PACKAGES),
        (
            "yum dnf microdnf zypper",
            "check-update check-upgrade info list provides repolist search se if lr",
            _PACKAGES,
        ),
        ("pip pip3 gem", "check environment freeze list search show", "download install uninstall update"),
        ("apt-mark", "showauto showhold showmanual", "auto hold manual unhold"),
        ("docker podman", _CONTAINERS[0], f"{_CONTAINERS[1]} {_CONTAINERS_WRITE}"),
        ("git", "cat-file describe diff log ls-files ls-remote remote rev-parse show status", _GIT),
        ("puppet", "config facts help lookup module parser", "agent apply"),
        ("mysqladmin mariadb-admin", "extended-status ping processlist status variables version", _MYSQLADMIN),
        ("crm", "status", "configure resource"),
        ("ovs-vsctl", "get list list-br list-ifaces list-ports show", "add-br add-port del-br del-port set"),
        ("openssl", "s_client verify version x509", "genrsa req"),
        ("update-alternatives alternatives", "--display --get-selections --list --query", "--auto --install --set"),
        ("ansible-galaxy", "list", "install"),
        ("semanage", "-l", ""),
        ("firewall-cmd", "--get-default-zone --list-all --list-ports --list-services --query-port --state", ""),
        ("crudini openstack-config", "--get", "--del --merge --set"),
        ("swift-ring-builder", "", "add create rebalance remove set_weight"),
        ("nmcli", "general", ""),
    )
    for name in names.split()
}
# `nova-manage cell_v2 list_cells`, `rabbitmqctl set_policy`, `openstack user create`: a word that says it anywhere.
_LOOKS = re.compile(
    r"(?:list|show|get|check|status|version|count|verify|report|describe|cluster_status|ping|stat|health|df|tree|dump|ls|-s)(?:_\w+)?"
)
_DOES = re.compile(
    r"(?:\w+_)?(?:sync|upgrade|migrate|migrations|dbsync)|online_data_migrations|bootstrap|"
    r"(?:add|archive|change|clear|create|delete|discover|drop|heal|import|join_cluster|map|purge|remove|reset|set|"
    r"start_app|stop_app|stamp|sync|unset|update|upgrade)(?:_\w+)?"
)
# What makes a program only say what it would do.
DRY = frozenset(
    {"--check", "--dry-run", "--dry_run", "--just-print", "--noop", "--simulate", "--test", "--version", "--help"}
)
WORDED = re.compile(
    r"(?:[\w-]+-(?:db-)?manage|rabbitmqctl|openstack|nova|neutron|glance|cinder|keystone|heat|ironic|ceph)"
)
STATUS_PROGRAM = re.compile(r"[\w-]+-status")

_SQL_READS = re.compile(r"(?:select|show|describe|desc|explain|use|set|\\\w+)\b", re.IGNORECASE)
_SQL_WRITES = re.compile(
    r"(?:alter|create|delete|drop|flush|grant|insert|load|rename|replace|revoke|truncate|update)\b", re.IGNORECASE
)
# What may be written to and changes nothing.
HARMLESS_TARGETS = re.compile(r"/dev/(?:null|stdout|stderr|tty|fd/\d+)|\d+|-")
_SQL_TEXT = re.compile(r"'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.)*\"|`[^`]*`", re.DOTALL)


def kind(program: str, rest: Words) -> Kind:
    """What it does with these words."""
    if program in _OWN_WAY:
        return Kind.READS if DRY.intersection(rest) else _OWN_WAY[program](rest)
    if program in READERS or STATUS_PROGRAM.fullmatch(program) or DRY.intersection(rest):
        return Kind.READS
    if program in WRITERS or WRITER_NAMES.fullmatch(program):
        return Kind.WRITES
    if program in VERBS:
        return _by_verb(rest, *VERBS[program])
    return _by_words(rest) if WORDED.fullmatch(program) else Kind.UNKNOWN


def basename(program: str) -> str:
    """A program without its directory."""
    return PurePosixPath(program).name


def sql_writes(text: str) -> bool:
    """Whether one of the statements changes something."""
    return any(_SQL_WRITES.match(statement) for statement in _statements(text))


def _statements(text: str) -> list[str]:
    return [each.strip() for each in _SQL_TEXT.sub("''", text).split(";") if each.strip()]


def _inner(words: Words) -> Kind:
    return kind(basename(words[0]), words[1:]) if words else Kind.UNKNOWN


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


def _sql(letter: str, rest: Words) -> Kind:
    """`letter` is the option that a statement follows; none where it is the last word."""
    text = _statement_of(letter, rest)
    if text is None:
        return Kind.UNKNOWN
    if sql_writes(text):
        return Kind.WRITES
    found = _statements(text)
    return Kind.READS if found and all(_SQL_READS.match(each) for each in found) else Kind.UNKNOWN


def _statement_of(letter: str, rest: Words) -> str | None:
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
    return max((_inner(rest[number + 1 :]) for number in runs), default=Kind.READS)


def _xargs(rest: Words) -> Kind:
    start = next((n for n, word in enumerate(rest) if re.fullmatch(r"[a-z/][\w./-]*", word)), None)
    return Kind.READS if start is None else _inner(rest[start:])


def _curl(rest: Words) -> Kind:
    for word, after in pairwise((*rest, "")):
        if word in {"-o", "--output"} and after != "/dev/null":
            return Kind.WRITES
        if word in {"-X", "--request"} and after.upper() not in {"GET", "HEAD"}:
            return Kind.WRITES
    return _having(r"-O|--remote-name|-d|--data.*|-F|--form.*|-T|--upload-file.*")(rest)


def _pcs(rest: Words) -> Kind:
    if {"config", "show", "status", "list", "agents"}.intersection(rest):
        return Kind.READS
    verbs = {
        "ban",
        "cleanup",
        "clear",
        "create",
        "delete",
        "disable",
        "enable",
        "move",
        "set",
        "start",
        "stop",
        "update",
    }
    return Kind.WRITES if verbs.intersection(rest) else Kind.UNKNOWN


def _tee(rest: Words) -> Kind:
    files = [word for word in rest if not word.startswith("-") and not HARMLESS_TARGETS.fullmatch(word)]
    return Kind.WRITES if files else Kind.READS


def _sysctl(rest: Words) -> Kind:
    return _having(r"-w|-p.*|--load.*|--system|--write|[\w.]+=.*")(rest)


_DPKG_READS = r"-[lsLSpC]|--list|--status|--search|--get-selections|--compare-versions|--print-.*|--audit"
_WEB_READS = r"-[tSVvM]|configtest|status"
_FIREWALL = _having(r"-[ADFINPRXZ]|--(?:append|delete|flush|insert|policy|replace|new-chain).*")
_OWN_WAY: dict[str, Callable[[Words], Kind]] = {
    "mysql": lambda rest: _sql("e", rest),
    "mariadb": lambda rest: _sql("e", rest),
    "psql": lambda rest: _sql("c", rest),
    "sqlite3": lambda rest: _sql("", rest),
    "sort": _having(r"-o.*|--output.*"),
    "kill": _having(r"-0|-l", Kind.WRITES, Kind.READS),
    "sed": _having(r"-[nEr]*i.*|--in-place.*"),
    "perl": _having(r"-[a-z0-9]*i.*", Kind.UNKNOWN),
    "find": _find,
    "xargs": _xargs,
    "tee": _tee,
    "curl": _curl,
    "wget": _having(r"--spider|-O-|-qO-|-q?O?-", Kind.UNKNOWN, Kind.READS),
    "pcs": _pcs,
    "httpd": _having(_WEB_READS, Kind.UNKNOWN, Kind.READS),
    "apache2": _having(_WEB_READS, Kind.UNKNOWN, Kind.READS),
    "apache2ctl": _having(_WEB_READS, Kind.UNKNOWN, Kind.READS),
    "apachectl": _having(_WEB_READS, Kind.UNKNOWN, Kind.READS),
    "nginx": _having(_WEB_READS, Kind.UNKNOWN, Kind.READS),
    "service": _service,
    "invoke-rc.d": _service,
    "rc-service": _service,
    "rpm": _having(r"-[a-z]*[qV].*|--query.*|--verify", Kind.WRITES, Kind.READS),
    "dpkg": _having(_DPKG_READS, Kind.WRITES, Kind.READS),
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
}
