"""From what Puppet wants to tasks that can be pasted: the mapping, where they go, and what is kept out of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import JsonValue

from tests.unit import builders as make
from validator.clear import Clear, FileState
from validator.edited import Edit, apply
from validator.errors import UsageError
from validator.findings import Finding
from validator.fixes import inplace, layout, proposals, resources, site, trials
from validator.fixes import run as fix_run
from validator.fixes.change import Known
from validator.fixes.run import Changed
from validator.fixes.runner import Tried, errors, key
from validator.fixes.secrets import Vault
from validator.fixes.site import Site
from validator.fixes.trials import Attempt, Board
from validator.fixes.wanted import Draft, Wanted
from validator.fixes.write import write
from validator.record import Place, Run
from validator.redact import Redactor
from validator.scenario import load
from validator.scenario.load import Loaded
from validator.verdict import Result, judge

CONF = FileState(kind="file", mode="0640", owner="root", group="shop", content="[a]\nb=1\nc=x\nc=y\n")


class _Loader(yaml.SafeLoader):
    """Reads `!unsafe` as the text that it marks."""


_Loader.add_constructor("!unsafe", lambda _, node: str(node.value))


def read(drafts: tuple[Draft, ...]) -> list[dict[str, Any]]:
    """The tasks, through the YAML that a person would paste."""
    loaded: list[dict[str, Any]] = yaml.load(layout.tasks(drafts), Loader=_Loader)  # noqa: S506 - a safe loader
    return loaded


def wanted(ref: str, changed: dict[str, JsonValue], parameters: dict[str, JsonValue], **more: Any) -> Wanted:
    kind, _, title = ref.partition("[")
    return Wanted(kind=kind, title=title.removesuffix("]"), parameters=parameters, changed=changed, **more)


def first(what: Wanted) -> list[dict[str, Any]]:
    return read(next(resources.candidates(what)))


MAPPED: Mapping[str, tuple[Wanted, dict[str, Any]]] = {
    "the content of a file, with what is managed besides": (
        wanted("File[/etc/a]", {"content": "{sha256}0"}, {"mode": "0640", "content": "x"}, path="/etc/a", state=CONF),
        {"ansible.builtin.copy": {"dest": "/etc/a", "content": CONF.content, "mode": "0640"}},
    ),
    "the mode of a file, and nothing else": (
        wanted("File[/etc/a]", {"mode": "0640"}, {"mode": "0640", "group": "shop"}, path="/etc/a", state=CONF),
        {"ansible.builtin.file": {"path": "/etc/a", "mode": "0640", "group": "shop"}},
    ),
    "a directory": (
        wanted(
            "File[/srv/a]",
            {"ensure": "directory"},
            {"ensure": "directory", "owner": "shop"},
            path="/srv/a",
            state=FileState(kind="directory", mode="0750", owner="shop", group="shop"),
        ),
        {"ansible.builtin.file": {"path": "/srv/a", "state": "directory", "owner": "shop"}},
    ),
    "a link": (
        wanted(
            "File[/etc/now]",
            {"target": "/srv/b"},
            {"ensure": "/srv/b"},
            path="/etc/now",
            state=FileState(kind="link", mode="0777", owner="root", group="root", link="/srv/b"),
        ),
        {"ansible.builtin.file": {"path": "/etc/now", "src": "/srv/b", "state": "link"}},
    ),
    "a file that is purged": (
        wanted("File[/etc/a]", {"ensure": "absent"}, {}, path="/etc/a", purged=True),
        {"ansible.builtin.file": {"path": "/etc/a", "state": "absent"}},
    ),
    "a file that nobody could write yet": (
        wanted("File[/etc/a]", {"ensure": "file"}, {"content": "x", "mode": "600"}, path="/etc/a"),
        {"ansible.builtin.copy": {"dest": "/etc/a", "content": "x", "mode": "0600"}},
    ),
    "a file that is put together from others": (
        wanted("File[/etc/a]", {"content": "{sha256}0"}, {}, path="/etc/a", state=CONF),
        {"ansible.builtin.copy": {"dest": "/etc/a", "content": CONF.content}},
    ),
    "an option, spaced as its file is": (
        wanted("Nova_config[a/b]", {"value": ["1"]}, {"value": 1}, path="/etc/nova/nova.conf", state=CONF),
        {
            "community.general.ini_file": {
                "path": "/etc/nova/nova.conf",
                "section": "a",
                "option": "b",
                "value": "1",
                "no_extra_spaces": True,
                "create": False,
            }
        },
    ),
    "an option that is given several times": (
        wanted(
            "Ini_setting[c]",
            {"value": "x"},
            {"path": "/etc/a.conf", "section": "a", "setting": "c", "value": "x"},
            path="/etc/a.conf",
            state=CONF,
        ),
        {
            "community.general.ini_file": {
                "path": "/etc/a.conf",
                "section": "a",
                "option": "c",
                "values": ["x", "y"],
                "no_extra_spaces": True,
                "create": False,
            }
        },
    ),
    "an option that is purged": (
        wanted("Nova_config[a/b]", {"ensure": "absent"}, {}, purged=True),
        {
            "community.general.ini_file": {
                "path": "/etc/nova/nova.conf",
                "section": "a",
                "option": "b",
                "state": "absent",
            }
        },
    ),
    "a service that is to stop": (
        wanted("Service[app]", {"ensure": "stopped", "enable": "false"}, {"ensure": "stopped", "enable": False}),
        {"ansible.builtin.systemd_service": {"name": "app", "state": "stopped", "enabled": False}},
    ),
    "a service on a host without units": (
        wanted("Service[app]", {"ensure": "running"}, {"ensure": "running"}, services=False),
        {"ansible.builtin.service": {"name": "app", "state": "started"}},
    ),
    "a user": (
        wanted("User[shop]", {"shell": "/usr/sbin/nologin"}, {"shell": "/usr/sbin/nologin", "uid": 900}),
        {"ansible.builtin.user": {"name": "shop", "shell": "/usr/sbin/nologin"}},
    ),
    "a group": (
        wanted("Group[shop]", {"gid": 900}, {"gid": 900, "ensure": "present"}),
        {"ansible.builtin.group": {"name": "shop", "gid": "900"}},
    ),
    "a package that is to go": (
        wanted("Package[chrony]", {"ensure": "purged"}, {"ensure": "purged"}),
        {"ansible.builtin.apt": {"name": "chrony", "state": "absent", "purge": True}},
    ),
    "a database": (
        wanted("Mysql_database[app]", {"ensure": "present"}, {"charset": "utf8mb4", "collate": "utf8mb4_general_ci"}),
        {
            "community.mysql.mysql_db": {
                "name": "app",
                "encoding": "utf8mb4",
                "collation": "utf8mb4_general_ci",
                "login_unix_socket": "/run/mysqld/mysqld.sock",
            }
        },
    ),
    "a right": (
        wanted(
            "Mysql_grant[app@localhost/app.*]",
            {"privileges": "ALL"},
            {"user": "app@localhost", "table": "app.*", "privileges": ["ALL"], "options": ["GRANT"]},
        ),
        {
            "community.mysql.mysql_user": {
                "name": "app",
                "host": "localhost",
                "priv": "app.*:ALL,GRANT",
                "append_privs": True,
                "column_case_sensitive": True,
                "login_unix_socket": "/run/mysqld/mysqld.sock",
            }
        },
    ),
    "a user of RabbitMQ's": (
        wanted("Rabbitmq_vhost[/app]", {"ensure": "present"}, {"ensure": "present"}),
        {"ansible.builtin.command": {"argv": ["rabbitmqctl", "add_vhost", "/app"]}},
    ),
    "a cron job, as Puppet writes the table": (
        wanted("Cron[job]", {"ensure": "present"}, {"user": "root"}, path="/var/spool/cron/crontabs/root", state=CONF),
        {
            "ansible.builtin.copy": {
                "dest": "/var/spool/cron/crontabs/root",
                "content": CONF.content,
                "owner": "root",
                "group": "shop",
                "mode": "0640",
            }
        },
    ),
    "a mount": (
        wanted(
            "Mount[/srv]",
            {"ensure": "defined"},
            {"ensure": "present", "device": "/dev/sdb1", "fstype": "ext4", "options": "noatime", "pass": 2},
        ),
        {
            "ansible.posix.mount": {
                "path": "/srv",
                "src": "/dev/sdb1",
                "fstype": "ext4",
                "state": "present",
                "opts": "noatime",
                "passno": "2",
            }
        },
    ),
    "a setting of the kernel": (
        wanted("Sysctl[vm.swappiness]", {"value": "10"}, {"value": 10, "target": "/etc/sysctl.d/shop.conf"}),
        {
            "ansible.posix.sysctl": {
                "name": "vm.swappiness",
                "reload": False,
                "value": "10",
                "sysctl_file": "/etc/sysctl.d/shop.conf",
            }
        },
    ),
    "what only its provider knows": (
        wanted("Nova_cell_v2[default]", {"ensure": "present"}, {}, executed=("nova-manage cell_v2 create_cell",)),
        {"ansible.builtin.command": {"cmd": "nova-manage cell_v2 create_cell"}},
    ),
}


@pytest.mark.parametrize("what", MAPPED, ids=list(MAPPED))
def test_a_resource_becomes_a_task(what: str) -> None:
    resource, expected = MAPPED[what]
    tasks = first(resource)
    assert [{key: value for key, value in task.items() if key != "name"} for task in tasks] == [expected]
    assert all(task["name"] for task in tasks)


def test_an_exec_asks_its_guard_first() -> None:
    tasks = first(
        wanted(
            "Exec[migrate]",
            {"returns": "0"},
            {
                "command": "/usr/bin/migrate --all",
                "unless": "/bin/grep -qx 2 /srv/schema",
                "user": "shop",
                "path": ["/usr/bin", "/bin"],
                "environment": "HOME=/srv",
                "cwd": "/srv",
            },
        )
    )
    question, run = tasks
    assert question["ansible.builtin.command"] == {"cmd": "/bin/grep -qx 2 /srv/schema", "chdir": "/srv"}
    assert (question["changed_when"], question["failed_when"]) == (False, False)
    assert run["when"] == f"{question['register']}.rc != 0"
    assert run["ansible.builtin.command"]["cmd"] == "/usr/bin/migrate --all"
    assert (run["become"], run["become_user"]) == (True, "shop")
    assert run["environment"] == {"PATH": "/usr/bin:/bin", "HOME": "/srv"}


def test_a_command_for_a_shell_stays_one() -> None:
    (task,) = first(wanted("Exec[a]", {"returns": "0"}, {"command": "test -e /a && touch /b", "creates": "/b"}))
    assert task["ansible.builtin.shell"] == {"cmd": "test -e /a && touch /b", "creates": "/b"}


def test_what_could_not_be_made_gets_its_directory_first() -> None:
    what = wanted("File[/etc/a/b]", {"ensure": "file"}, {"content": "x"}, path="/etc/a/b", failed=True)
    made, replaced = (read(drafts) for drafts in resources.candidates(what))
    assert made[0]["ansible.builtin.file"] == {"path": "/etc/a", "state": "directory"}
    assert made[1]["ansible.builtin.copy"]["dest"] == "/etc/a/b"
    assert replaced[0]["ansible.builtin.file"]["state"] == "absent"


def test_what_looks_like_a_template_reaches_the_host_as_it_is() -> None:
    state = FileState(kind="file", mode="0644", owner="root", group="root", content="a {{ b }}\n")
    what = wanted("File[/a]", {"content": "x"}, {"content": "x"}, path="/a", state=state)
    hidden = tuple(Vault(redactor=Redactor()).hide(draft) for draft in next(resources.candidates(what)))
    assert "content: !unsafe |" in layout.tasks(hidden)
    assert read(hidden)[0]["ansible.builtin.copy"]["content"] == "a {{ b }}\n"


def test_words_that_yaml_would_take_for_something_else_are_quoted() -> None:
    text = layout.tasks(({"name": "a", "m.m.m": {"value": "True", "mode": "0644", "word": "x", "empty": ""}},))
    assert 'value: "True"' in text
    assert 'mode: "0644"' in text
    assert "word: x" in text
    assert 'empty: ""' in text


# --- Secrets ---


def test_a_secret_is_a_variable_and_never_a_value() -> None:
    vault = Vault(redactor=Redactor(["correct-horse"]), known={"correct-horse": "app_password"})
    draft: Draft = {
        "name": "Set [database] connection in /etc/a",
        "community.general.ini_file": {"option": "connection", "value": "mysql://app:correct-horse@db/app"},
    }
    hidden = vault.hide(draft)
    assert read((hidden,))[0]["community.general.ini_file"]["value"] == "mysql://app:{{ app_password }}@db/app"
    assert vault.used(hidden) == ("app_password",)
    assert vault.values == {}


def test_an_unknown_secret_gets_a_name_and_its_value_only_in_a_trial() -> None:
    vault = Vault(redactor=Redactor())
    draft: Draft = {
        "name": "Set [placement] password in /etc/a",
        "community.general.ini_file": {"option": "password", "value": "s3cr"},
    }
    hidden = vault.hide(draft)
    text = layout.tasks((hidden,))
    assert "s3cr" not in text
    (name,) = vault.used(hidden)
    assert f"{{{{ {name} }}}}" in text
    assert "password" in name
    assert vault.filled(hidden)["vars"] == {name: "s3cr"}


def test_a_short_secret_in_a_longer_text_is_hidden_as_well() -> None:
    vault = Vault(redactor=Redactor())
    hidden = vault.hide(
        {"name": "Write /a", "ansible.builtin.copy": {"dest": "/a", "content": "user=x\npassword=pw\n"}}
    )
    assert "pw\n" not in layout.tasks((hidden,)).replace("password=", "")
    assert set(vault.values.values()) == {"pw"}


# --- Where they go ---

TASKS = """\
---
# What an operator does.
- name: configuration
  community.general.ini_file:
    path: /etc/a.conf
    section: "{{ item.section }}"
    option: "{{ item.option }}"
    value: "{{ item.value }}"
  loop:
    - {section: a, option: b, value: "2"} # two
    - {section: a, option: d, value: "3"}

# Between two tasks.
- name: mode
  ansible.builtin.file:
    path: /etc/a.conf
    mode: "0644"
  changed_when: false
"""


@pytest.fixture
def author(tmp_path: Path) -> Site:
    return Site(_scenario(tmp_path, TASKS))


def _scenario(directory: Path, tasks: str, kind: str = "tasks") -> Loaded:
    (directory / "upgrade.yml").write_text(tasks, encoding="utf-8")
    (directory / "site.pp").write_text("", encoding="utf-8")
    document = {
        "title": "a",
        "image": {"packages": ["puppet-agent"]},
        "old": {"manifest": "site.pp"},
        "upgrade": {kind: "upgrade.yml"},
        "new": {"manifest": "site.pp"},
    }
    (directory / "scenario.yml").write_text(yaml.safe_dump(document), encoding="utf-8")
    return load.load(directory)


DRAFT: Draft = {"name": "new", "ansible.builtin.file": {"path": "/b", "state": "absent"}}


def test_a_task_goes_behind_another_one(author: Site) -> None:
    text = author.patched([author.insert((DRAFT,), author.tasks[0])])["upgrade.yml"]
    assert [task["name"] for task in yaml.safe_load(text)] == ["configuration", "new", "mode"]
    assert "# Between two tasks.\n- name: mode" in text
    assert "# two" in text


def test_a_task_without_a_neighbour_goes_to_the_end(author: Site) -> None:
    edit = author.insert((DRAFT,), None)
    text = author.patched([edit])["upgrade.yml"]
    assert [task["name"] for task in yaml.safe_load(text)] == ["configuration", "mode", "new"]
    place = author.place([edit])
    assert place is not None
    assert str(place).endswith("upgrade.yml:18")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (
            "- hosts: all\n  tasks:\n    - name: a\n      ansible.builtin.ping:\n  handlers:\n    - name: h\n",
            ["a", "new"],
        ),
        ("- hosts: all\n  roles: [web]\n", ["new"]),
    ],
    ids=["behind its last task", "in a play of its own"],
)
def test_a_task_of_a_playbook(text: str, names: list[str], tmp_path: Path) -> None:
    author = Site(_scenario(tmp_path, text, "playbook"))
    plays = yaml.safe_load(author.patched([author.insert((DRAFT,), None)])["upgrade.yml"])
    assert [task["name"] for play in plays for task in play.get("tasks", [])] == names


def test_a_diff_can_be_applied(author: Site) -> None:
    edit = author.insert((DRAFT,), author.tasks[0])
    diff = author.diff([edit])
    assert diff.splitlines()[0].startswith("--- a/")
    assert "+- name: new\n" in diff
    assert not [line for line in diff.splitlines() if line.startswith("-") and not line.startswith("---")]


def test_edits_of_one_place_keep_a_task_together(author: Site) -> None:
    task = author.tasks[1]
    key = site.with_key(task, "register", "mode")
    assert key is not None
    insertion = author.insert((DRAFT,), task)
    for edits in ([key, insertion], [insertion, key], [insertion, key, key]):
        tasks = yaml.safe_load(author.patched(edits)["upgrade.yml"])
        assert (tasks[1]["register"], tasks[2]["name"]) == ("mode", "new")


def test_edits_that_overlap_are_refused() -> None:
    with pytest.raises(ValueError, match="overlap"):
        apply("abc", [Edit(file="a", at=0, until=2, text=""), Edit(file="a", at=1, until=3, text="")])


def test_a_task_is_taken_out_with_nothing_else(author: Site) -> None:
    cut = site.removal(author.tasks[0])
    assert cut is not None
    text = author.patched([cut])["upgrade.yml"]
    assert [task["name"] for task in yaml.safe_load(text)] == ["mode"]
    assert "# What an operator does." in text


def test_a_key_is_taken_out(author: Site) -> None:
    edit = site.without_key(author.tasks[1], "changed_when")
    assert edit is not None
    assert "changed_when" not in yaml.safe_load(author.patched([edit])["upgrade.yml"])[1]


# --- Values where they stand ---


def test_a_value_is_changed_in_the_item_of_a_loop(author: Site) -> None:
    what = wanted(
        "Ini_setting[b]",
        {"value": "1"},
        {"path": "/etc/a.conf", "section": "a", "setting": "b", "value": "1"},
        path="/etc/a.conf",
        state=CONF,
    )
    text = author.patched(inplace.edits(author.tasks[0], what, Redactor()))["upgrade.yml"]
    assert '- {section: a, option: b, value: "1"} # two' in text
    assert text.count("\n") == TASKS.count("\n")


def test_a_mode_is_changed_where_it_stands(author: Site) -> None:
    what = wanted("File[/etc/a.conf]", {"mode": "0640"}, {"mode": "0640"}, path="/etc/a.conf", state=CONF)
    text = author.patched(inplace.edits(author.tasks[1], what, Redactor()))["upgrade.yml"]
    assert text == TASKS.replace('"0644"', '"0640"')


def test_a_content_of_several_lines_stays_a_block(tmp_path: Path) -> None:
    copy = "- ansible.builtin.copy:\n    dest: /a\n    content: |\n      x\n      z\n    mode: '0640'\n"
    tasks = copy + "- ansible.builtin.ping:\n"
    author = Site(_scenario(tmp_path, tasks))
    state = FileState(kind="file", mode="0640", owner="root", group="root", content="x\n\ny\n")
    what = wanted("File[/a]", {"content": "{sha256}0"}, {"content": "x"}, path="/a", state=state)
    text = author.patched(inplace.edits(author.tasks[0], what, Redactor()))["upgrade.yml"]
    assert yaml.safe_load(text)[0]["ansible.builtin.copy"]["content"] == "x\n\ny\n"
    assert "content: |" in text


@pytest.mark.parametrize(
    ("changed", "redactor"),
    [({"mode": "0640", "owner": "root"}, Redactor()), ({"mode": "0640"}, Redactor(["0640!"]))],
    ids=["one of two values is not there", "control"],
)
def test_a_value_that_is_not_there_is_not_changed(
    changed: dict[str, JsonValue], redactor: Redactor, author: Site
) -> None:
    what = wanted("File[/etc/a.conf]", changed, {}, path="/etc/a.conf", state=CONF)
    assert bool(inplace.edits(author.tasks[1], what, redactor)) == (len(changed) == 1)


# --- Written only as tried ---


def test_files_are_written_as_they_were_tried(tmp_path: Path) -> None:
    file = tmp_path / "upgrade.yml"
    file.write_text("a\n", encoding="utf-8")
    file.chmod(0o640)
    write({file: Changed(before="a\n", after="b\n")})
    assert file.read_text(encoding="utf-8") == "b\n"
    assert file.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in tmp_path.iterdir()] == ["upgrade.yml"]


def test_a_file_that_was_changed_meanwhile_is_left_alone(tmp_path: Path) -> None:
    one, two = tmp_path / "one.yml", tmp_path / "two.yml"
    one.write_text("a\n", encoding="utf-8")
    two.write_text("changed\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"two\.yml was changed while"):
        write({one: Changed(before="a\n", after="b\n"), two: Changed(before="a\n", after="b\n")})
    assert (one.read_text(encoding="utf-8"), two.read_text(encoding="utf-8")) == ("a\n", "changed\n")


def test_a_task_is_found_where_the_record_says(author: Site) -> None:
    place = author.place_of(author.tasks[1])
    assert author.find(place) is author.tasks[1]
    assert author.find(Place(file=place.file, line=1)) is None


# --- Tried, and what that teaches ---

WRONG = make.resource("File[/etc/a.conf]", replace(make.event("mode"), desired="0640"), changed=True)


def known_of(author: Site, run: Run) -> Known:
    clear = Clear(
        parameters={
            "File[/etc/a.conf]": {"mode": "0640"},
            "Service[app]": {"ensure": "running"},
            "Exec[sync]": {"command": "/bin/sync-it", "refreshonly": True},
        },
        files={"/etc/a.conf": CONF},
    )
    return Known(run, clear, author, Redactor())


def diverged() -> Run:
    """A run in which Puppet set the mode of one file."""
    compiled = make.catalog(("File[/etc/a.conf]", {"mode": "0640"}))
    return make.with_phase(make.healthy(), make.phase("converge", make.applied("t3", WRONG, compiled=compiled)))


def tried(result: Result, failed: str = "") -> Tried:
    return Tried(result=result, run=make.healthy(), clear=Clear(), failed=failed)


def searched(author: Site, answers: list[Tried]) -> tuple[Board, Tried | None, list[str]]:
    """The search with these answers for its trials, and the texts that were tried."""
    run = diverged()
    known = known_of(author, run)
    board = Board(site=author, vault=Vault(redactor=Redactor()))
    first = {key(finding): finding for finding in errors(judge(run))}
    trials.open_attempts(known, first.values(), board)
    texts: list[str] = []
    waiting = iter(answers)

    def trial(edits: Iterable[Edit], _what: str) -> Tried | None:
        texts.append(author.patched(edits)["upgrade.yml"])
        return next(waiting)

    best, last = fix_run.search(board, known, first, trial)
    return best, last, texts


def test_what_helps_is_verified(author: Site) -> None:
    board, last, texts = searched(author, [tried(judge(make.healthy()))])
    assert len(texts) == 1
    (fix,) = trials.fixes(board, judge(diverged()), last, {key(each): each for each in errors(judge(diverged()))})
    assert (fix.status, fix.before, fix.after) == ("verified", 1, 0)
    assert yaml.safe_load(fix.tasks)[0]["ansible.builtin.file"] == {"path": "/etc/a.conf", "mode": "0640"}
    assert fix.diff.startswith("--- a/")


def test_a_task_that_fails_is_not_shown(author: Site) -> None:
    stuck = replace(judge(make.healthy()), verdict="inconclusive")
    board, last, texts = searched(author, [tried(stuck, failed="Set mode of /etc/a.conf")])
    assert len(texts) == 1
    assert last is None
    assert board.attempts == {}
    assert trials.fixes(board, judge(diverged()), last, {}) == ()


def test_what_does_not_help_is_not_shown(author: Site) -> None:
    board, last, _ = searched(author, [tried(judge(diverged()))])
    assert trials.fixes(board, judge(diverged()), last, {key(each): each for each in errors(judge(diverged()))}) == ()


def test_a_refresh_that_gets_lost_by_a_fix_comes_along(author: Site) -> None:
    lost = Finding(
        rule="refresh.lost",
        means="diverged",
        phase="converge",
        subject="Service[app]",
        message="",
        evidence={"sources": [{"task": "Set mode of /etc/a.conf"}]},
    )
    healthy = judge(make.healthy())
    board, last, texts = searched(
        author, [tried(replace(healthy, verdict="diverged", findings=(lost,))), tried(healthy)]
    )
    assert len(texts) == 2
    assert last is not None
    set_mode, restart = yaml.safe_load(texts[1])[-2:]
    assert restart["ansible.builtin.systemd_service"] == {"name": "app.service", "state": "restarted"}
    assert restart["when"] == f"{set_mode['register']} is changed"
    assert len(board.attempts) == 1


def test_what_comes_back_in_every_run_has_no_candidates(author: Site) -> None:
    finding = replace(errors(judge(diverged()))[0], evidence={"again": True})
    assert list(proposals.candidates(known_of(author, diverged()), finding)) == []


def test_commands_that_speak_of_a_probe_come_first(author: Site) -> None:
    probe = Finding(rule="probe.failed", means="diverged", phase="upgrade", subject="sync was done", message="")
    (only,) = proposals.candidates(known_of(author, diverged()), probe)
    assert only.drafts[0]["ansible.builtin.command"] == {"cmd": "/bin/sync-it"}


def test_a_restart_that_comes_too_early_is_moved(tmp_path: Path) -> None:
    tasks = (
        "- name: restart\n  ansible.builtin.systemd_service:\n    name: app.service\n    state: restarted\n"
        "- name: write\n  ansible.builtin.copy:\n    dest: /etc/a.conf\n    content: x\n"
    )
    author = Site(_scenario(tmp_path, tasks))
    restart, written = author.tasks
    span = replace(make.span("restart", 1.0, 2.0), place=author.place_of(restart))
    ansible = replace(make.tasks(make.task("restart", place=author.place_of(restart))), spans=(span,))
    run = make.with_phase(diverged(), make.phase("upgrade", ansible=(ansible,)))
    lost = Finding(
        rule="refresh.lost",
        means="diverged",
        phase="converge",
        subject="Service[app]",
        message="",
        evidence={"sources": [{"task_place": str(author.place_of(written))}], "target_at": 1.5},
    )
    moved, conditional, plain = proposals.candidates(known_of(author, run), lost)
    board = Board(site=author, vault=Vault(redactor=Redactor()))
    board.attempts[key(lost)] = Attempt(candidates=[moved, conditional, plain])
    texts = []
    for _ in range(3):
        texts.append(author.patched(board.edits())["upgrade.yml"])
        board.attempts[key(lost)].next()
    names = [[task["name"] for task in yaml.safe_load(text)] for text in texts]
    more = ["restart", "write", "Restart app.service"]
    assert names == [["write", "restart"], more, more]
    assert yaml.safe_load(texts[1])[2]["when"] == "write is changed"
    assert "when" not in yaml.safe_load(texts[2])[2]


@pytest.mark.parametrize(("desired", "purged"), [("absent", True), ("file", False)])
def test_what_is_not_declared_is_purged_only_when_puppet_took_it_away(desired: str, purged: bool, author: Site) -> None:  # noqa: FBT001 - a case
    ref = "File[/etc/made.conf]"
    puppets = make.resource(ref, replace(make.event("ensure"), desired=desired), changed=True)
    run = make.with_phase(make.healthy(), make.phase("converge", make.applied("t3", puppets)))
    known = replace(known_of(author, run), clear=Clear(files={"/etc/made.conf": None if purged else CONF}))
    (change, *_) = proposals.candidates(known, errors(judge(run))[0])
    modules = {module for draft in change.drafts for module in draft}
    assert ("ansible.builtin.file" in modules, "ansible.builtin.copy" in modules) == (purged, not purged)
