"""From a resource to the tasks that bring it about, by its type; each way is a candidate, the best first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from validator.fixes import accounts, databases, execs, files, options, services
from validator.fixes.wanted import Draft, Drafts, Wanted

Mapper = Callable[[Wanted], Iterator[Drafts]]

TYPES: Mapping[str, Mapper] = {
    "Concat_file": files.of,
    "Cron": accounts.entry,
    "Exec": execs.of,
    "File": files.of,
    "Group": accounts.group,
    "Host": accounts.entry,
    "Mailalias": accounts.entry,
    "Mount": accounts.mount,
    "Mysql_database": databases.database,
    "Mysql_grant": databases.grant,
    "Mysql_user": databases.account,
    "Package": accounts.package,
    "Rabbitmq_user": databases.rabbit_user,
    "Rabbitmq_user_permissions": databases.rabbit_permissions,
    "Rabbitmq_vhost": databases.rabbit_vhost,
    "Service": services.of,
    "Sysctl": accounts.sysctl,
    "User": accounts.user,
}
# Files that hold the entries of a type; `{user}` is a parameter or whose entry it is.
FILES: Mapping[str, str] = {
    "Cron": "/var/spool/cron/crontabs/{user}",
    "Host": "/etc/hosts",
    "Mailalias": "/etc/aliases",
    "Mount": "/etc/fstab",
}


def candidates(wanted: Wanted) -> Iterator[Drafts]:
    """The ways to bring a resource about with Ansible's modules, else what its provider was seen to run."""
    if wanted.kind in TYPES:
        yield from TYPES[wanted.kind](wanted)
    elif options.is_option(wanted):
        yield from options.of(wanted)
    if wanted.executed:
        yield tuple(_executed(wanted, command) for command in wanted.executed)


def is_known(kind: str, title: str, parameters: Mapping[str, object]) -> bool:
    """Whether a module is known for a type; if not, only its provider tells."""
    wanted = Wanted(kind=kind, title=title, parameters=dict.fromkeys(parameters), changed={})
    return kind in TYPES or options.is_option(wanted)


def _executed(wanted: Wanted, command: str) -> Draft:
    return {
        "name": f"Do what Puppet does for {wanted.kind}[{wanted.title}]",
        "ansible.builtin.command": {"cmd": command},
    }
