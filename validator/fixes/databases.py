"""Databases, accounts and rights: of MySQL through its modules or its client, of RabbitMQ through its own command."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import JsonValue

from validator.checks.managed import text
from validator.fixes.wanted import Draft, Drafts, Wanted, listed

SOCKET = "/run/mysqld/mysqld.sock"


def database(wanted: Wanted) -> Iterator[Drafts]:
    """`mysql_db`, else the client."""
    charset, collation = wanted.given("charset"), wanted.given("collate")
    if wanted.is_absent:
        yield (_module("mysql_db", f"Drop database {wanted.name}", {"name": wanted.name, "state": "absent"}),)
        yield (_client(f"Drop database {wanted.name}", f"DROP DATABASE IF EXISTS `{wanted.name}`"),)
        return
    arguments: dict[str, JsonValue] = {"name": wanted.name}
    if charset:
        arguments["encoding"] = charset
    if collation:
        arguments["collation"] = collation
    alter = "".join((f" CHARACTER SET {charset}" if charset else "", f" COLLATE {collation}" if collation else ""))
    statements = [f"CREATE DATABASE IF NOT EXISTS `{wanted.name}`{alter}"]
    if "ensure" not in wanted.changed and alter:
        # mysql_db only creates: it leaves the character set of a database that is there as it is.
        yield (_client(f"Set the character set of database {wanted.name}", f"ALTER DATABASE `{wanted.name}`{alter}"),)
        return
    yield (_module("mysql_db", f"Create database {wanted.name}", arguments),)
    yield (_client(f"Create database {wanted.name}", *statements),)


def account(wanted: Wanted) -> Iterator[Drafts]:
    """`mysql_user`, else the client; passwords as the hash that the catalog has."""
    user, _, host = wanted.name.rpartition("@")
    name = f"Bring database user {wanted.name} to what Puppet wants"
    arguments: dict[str, JsonValue] = {"name": user, "host": host}
    if wanted.is_absent:
        yield (_module("mysql_user", f"Drop database user {wanted.name}", {**arguments, "state": "absent"}),)
        yield (_client(f"Drop database user {wanted.name}", f"DROP USER IF EXISTS '{user}'@'{host}'"),)
        return
    if not (password := wanted.given("password_hash")):
        return
    module = {**arguments, "password": password, "encrypted": True, "column_case_sensitive": True}
    yield ({**_module("mysql_user", name, module), "no_log": True},)
    who = f"'{user}'@'{host}'"
    sql = (f"CREATE USER IF NOT EXISTS {who}", f"ALTER USER {who} IDENTIFIED BY PASSWORD '{password}'")
    yield ({**_client(name, *sql), "no_log": True},)


def grant(wanted: Wanted) -> Iterator[Drafts]:
    """`mysql_user` with the rights on one table pattern, else the client."""
    account, _, table = wanted.title.partition("/")
    account, table = wanted.given("user") or account, wanted.given("table") or table
    user, _, host = account.rpartition("@")
    rights = ",".join(text(each) for each in listed(wanted.parameters.get("privileges")))
    options = [text(each) for each in listed(wanted.parameters.get("options"))]
    name = f"Let {account} into {table}" if not wanted.is_absent else f"Keep {account} out of {table}"
    if wanted.is_absent:
        yield (_client(name, f"REVOKE ALL PRIVILEGES ON {table} FROM '{user}'@'{host}'"),)
        return
    given = f"{table}:{rights or 'ALL'}" + ("".join(f",{option}" for option in options if option != "NONE"))
    arguments: dict[str, JsonValue] = {
        "name": user,
        "host": host,
        "priv": given,
        "append_privs": True,
        "column_case_sensitive": True,
    }
    yield (_module("mysql_user", name, arguments),)
    extra = " WITH GRANT OPTION" if "GRANT" in options else ""
    yield (_client(name, f"GRANT {rights or 'ALL'} ON {table} TO '{user}'@'{host}'{extra}"),)


def rabbit_user(wanted: Wanted) -> Iterator[Drafts]:
    """rabbitmqctl add_user, set_user_tags."""
    name = wanted.name
    if wanted.is_absent:
        yield (_rabbit(f"Remove RabbitMQ user {name}", "delete_user", name),)
        return
    password = wanted.given("password")
    verb = "add_user" if "ensure" in wanted.changed else "change_password"
    tasks: list[Draft] = []
    if password and ({"ensure", "password"} & set(wanted.changed)):
        said = f"Bring RabbitMQ user {name} to what Puppet wants"
        tasks.append({**_rabbit(said, verb, name, password), "no_log": True})
    tags = [text(tag) for tag in listed(wanted.parameters.get("tags"))]
    if wanted.given("admin") == "true":
        tags.append("administrator")
    if tags or "admin" in wanted.changed or "tags" in wanted.changed:
        tasks.append(_rabbit(f"Set the tags of RabbitMQ user {name}", "set_user_tags", name, *tags))
    yield tuple(tasks)


def rabbit_vhost(wanted: Wanted) -> Iterator[Drafts]:
    """rabbitmqctl add_vhost, delete_vhost."""
    verb = "delete_vhost" if wanted.is_absent else "add_vhost"
    yield (_rabbit(f"{'Remove' if wanted.is_absent else 'Add'} RabbitMQ vhost {wanted.name}", verb, wanted.name),)


def rabbit_permissions(wanted: Wanted) -> Iterator[Drafts]:
    """rabbitmqctl set_permissions."""
    user, _, vhost = wanted.title.partition("@")
    names = ("configure_permission", "write_permission", "read_permission")
    rights = [wanted.given(name) or "''" for name in names]
    if wanted.is_absent:
        yield (_rabbit(f"Keep {user} out of RabbitMQ vhost {vhost}", "clear_permissions", "-p", vhost, user),)
        return
    yield (_rabbit(f"Let {user} into RabbitMQ vhost {vhost}", "set_permissions", "-p", vhost, user, *rights),)


def _module(module: str, name: str, arguments: dict[str, JsonValue]) -> Draft:
    return {"name": name, f"community.mysql.{module}": {**arguments, "login_unix_socket": SOCKET}}


def _client(name: str, *statements: str) -> Draft:
    return {"name": name, "ansible.builtin.command": {"argv": ["mysql", "-e", "; ".join(statements)]}}


def _rabbit(name: str, *words: str) -> Draft:
    return {"name": name, "ansible.builtin.command": {"argv": ["rabbitmqctl", *words]}}
