"""Users, groups, packages, and the entries of files that hold many: cron, hosts, mounts, kernel settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import JsonValue

from validator.checks.managed import text
from validator.fixes.wanted import ABSENT, Draft, Drafts, Wanted, listed

USER: Mapping[str, str] = {
    "uid": "uid",
    "gid": "group",
    "home": "home",
    "shell": "shell",
    "comment": "comment",
    "password": "password",
}


def user(wanted: Wanted) -> Iterator[Drafts]:
    """`user`, with the properties that Puppet manages."""
    if wanted.is_absent:
        gone: dict[str, JsonValue] = {"name": wanted.name, "state": "absent"}
        yield ({"name": f"Remove user {wanted.name}", "ansible.builtin.user": gone},)
        return
    arguments: dict[str, JsonValue] = {"name": wanted.name}
    for parameter, argument in USER.items():
        if parameter in wanted.parameters and (parameter in wanted.changed or "ensure" in wanted.changed):
            arguments[argument] = wanted.given(parameter)
    if groups := [text(group) for group in listed(wanted.parameters.get("groups"))]:
        arguments |= {"groups": list[JsonValue](groups), "append": wanted.given("membership") != "inclusive"}
    if wanted.given("managehome") in {"true", "false"} and "ensure" in wanted.changed:
        arguments["create_home"] = wanted.given("managehome") == "true"
    if wanted.given("system") == "true" and "ensure" in wanted.changed:
        arguments["system"] = True
    yield ({"name": f"Bring user {wanted.name} to what Puppet wants", "ansible.builtin.user": arguments},)


def group(wanted: Wanted) -> Iterator[Drafts]:
    """`group`."""
    arguments: dict[str, JsonValue] = {"name": wanted.name}
    if wanted.is_absent:
        arguments["state"] = "absent"
    elif wanted.given("gid"):
        arguments["gid"] = wanted.given("gid")
    yield ({"name": f"Bring group {wanted.name} to what Puppet wants", "ansible.builtin.group": arguments},)


def package(wanted: Wanted) -> Iterator[Drafts]:
    """`apt`, and dpkg where a host lacks what that module needs."""
    ensure = wanted.given("ensure")
    if ensure in ABSENT:
        purge = ensure == "purged"
        apt: dict[str, JsonValue] = {"name": wanted.name, "state": "absent", **({"purge": True} if purge else {})}
        yield ({"name": f"Remove package {wanted.name}", "ansible.builtin.apt": apt},)
        option = "--purge" if purge else "--remove"
        yield (
            {
                "name": f"Remove package {wanted.name}",
                "ansible.builtin.command": {"cmd": f"dpkg {option} {wanted.name}"},
            },
        )
        return
    version = "" if ensure in {"", "present", "installed", "latest", "held"} else f"={ensure}"
    state = "latest" if ensure == "latest" else "present"
    yield (
        {
            "name": f"Install package {wanted.name}",
            "ansible.builtin.apt": {"name": f"{wanted.name}{version}", "state": state},
        },
    )


def mount(wanted: Wanted) -> Iterator[Drafts]:
    """`mount`, else the file of them all."""
    arguments: dict[str, JsonValue] = {"path": wanted.name}
    if wanted.is_absent:
        arguments["state"] = "absent"
    else:
        state = "mounted" if wanted.given("ensure") == "mounted" else "present"
        arguments |= {"src": wanted.given("device"), "fstype": wanted.given("fstype"), "state": state}
        names = (("options", "opts"), ("dump", "dump"), ("pass", "passno"))
        arguments |= {argument: wanted.given(name) for name, argument in names if wanted.given(name)}
    yield ({"name": f"Bring the mount {wanted.name} to what Puppet wants", "ansible.posix.mount": arguments},)
    yield from entry(wanted)


def sysctl(wanted: Wanted) -> Iterator[Drafts]:
    """`sysctl`: the file only, for the kernel is told by what reads it."""
    arguments: dict[str, JsonValue] = {"name": wanted.name, "reload": False}
    arguments |= {"state": "absent"} if wanted.is_absent else {"value": wanted.given("value")}
    if wanted.given("target"):
        arguments["sysctl_file"] = wanted.given("target")
    yield ({"name": f"Set {wanted.name}", "ansible.posix.sysctl": arguments},)


def entry(wanted: Wanted) -> Iterator[Drafts]:
    """Lines of a file that many resources share, as they are once Puppet has written it."""
    if wanted.state is None or wanted.state.content is None:
        return
    # No module writes such a file so that Puppet finds its own entry in it again (a cron job by its comment).
    draft: Draft = {
        "name": f"Write {wanted.path} as Puppet does",
        "ansible.builtin.copy": {
            "dest": wanted.path,
            "content": wanted.state.content,
            "owner": wanted.state.owner,
            "group": wanted.state.group,
            "mode": wanted.state.mode,
        },
    }
    yield (draft,)
