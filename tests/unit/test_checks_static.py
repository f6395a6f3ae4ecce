"""What tasks and catalogs say before anything is applied: for each rule the fault, and its healthy twin."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import JsonValue

from tests.unit import builders as make
from validator.checks import cross, effects, static_execs, static_tasks, unsettled
from validator.findings import Finding
from validator.record import (
    Catalog,
    Expected,
    Proof,
    Run,
    Static,
    StepCatalog,
    WrittenTask,
)
from validator.redact import MARK
from validator.scenario import tasks

Resource = tuple[str, dict[str, JsonValue]]


def run_of(*catalogs: Catalog, written: tuple[WrittenTask, ...] = ()) -> Run:
    steps = [
        StepCatalog(step=number if len(catalogs) > 1 else None, catalog=each) for number, each in enumerate(catalogs, 3)
    ]
    return replace(make.healthy(), static=Static(tasks=written, catalogs=tuple(steps)))


def read(directory: Path, text: str) -> tuple[WrittenTask, ...]:
    (directory / "main.yml").write_text(text, encoding="utf-8")
    return tasks.read(directory, "main.yml", {}, shown=str)


def rules(*findings: Finding) -> list[str]:
    return [finding.rule for finding in findings]


def test_without_static_facts_nothing_is_said() -> None:
    for check in (static_execs.check, static_tasks.check, unsettled.check, cross.check):
        assert list(check(make.healthy())) == []


# --- Execs ---


@pytest.mark.parametrize(
    ("parameters", "found"),
    [
        ({"command": "/bin/x"}, ["exec.unguarded"]),
        ({"command": "/bin/x", "refreshonly": False}, ["exec.unguarded"]),
        ({"command": "/bin/x", "unless": []}, ["exec.unguarded"]),
        ({"command": "/bin/x", "noop": True}, []),
        ({"refreshonly": True}, []),
        ({"refreshonly": "true"}, []),
        ({"creates": "/x"}, []),
        ({"unless": "test -f /x"}, []),
        ({"onlyif": ["test -f /x"]}, []),
        # a guard that changes something
        ({"unless": "/bin/sh -c 'echo looked >>/etc/x'"}, ["exec.guard"]),
        ({"unless": "grep -q x /etc/x 2>/dev/null"}, []),
        ({"unless": "grep x /etc/x >/tmp/found"}, ["exec.guard"]),
        ({"onlyif": "grep x /y | tee /etc/x"}, ["exec.guard"]),
        ({"onlyif": "grep x /y | tee /dev/null"}, []),
        ({"unless": "sed -i s/a/b/ /etc/x"}, ["exec.guard"]),
        ({"unless": "sed -n '/a/p' /etc/x | grep -q a"}, []),
        ({"unless": ["test -f /x", "rm /y"]}, ["exec.guard"]),
        ({"unless": [["chmod", "0644", "/x"]]}, ["exec.guard"]),
        ({"unless": "mysql -Ne \"UPDATE x SET y = 'select'\""}, ["exec.guard"]),
        ({"unless": "mysql -Ne \"SELECT 'update' FROM x\" | grep -q 1"}, []),
        ({"unless": "nova-manage cell_v2 create_cell --name x"}, ["exec.guard"]),
        ({"unless": "nova-manage cell_v2 list_cells | grep -q x"}, []),
        ({"unless": "/usr/local/bin/ask"}, []),
        # one that always says the same
        ({"unless": "/bin/true"}, ["exec.guard"]),
        ({"unless": False}, ["exec.guard"]),
        ({"onlyif": "test 1 = 1"}, ["exec.guard"]),
        ({"onlyif": ["/bin/true", "test -f /x"]}, []),
        ({"onlyif": ["/bin/false", "test -f /x"]}, ["exec.guard"]),
        ({"unless": "grep -q x /y || true"}, ["exec.guard"]),
        ({"unless": 'test "$X" = "$X"'}, []),
        ({"unless": "test a = b"}, ["exec.guard"]),
        # grep -v
        ({"unless": "grep -v x /etc/x"}, ["exec.guard"]),
        ({"unless": "nova-manage cell_v2 list_cells | grep -qv x"}, ["exec.guard"]),
        ({"unless": "systemctl is-active x | grep -v inactive"}, []),
        ({"unless": "grep -v 0 /proc/sys/net/ipv4/ip_forward"}, []),
        ({"unless": "grep -v '^#' /etc/x"}, []),
        ({"unless": "grep -v '^#' /etc/x | grep -q y"}, []),
        ({"unless": "! grep -v x /etc/x"}, []),
        # exit codes
        ({"creates": "/x", "returns": list(range(256))}, ["exec.guard"]),
        ({"creates": "/x", "returns": [0, 2]}, []),
    ],
)
def test_guards_of_execs(parameters: dict[str, JsonValue], found: list[str]) -> None:
    run = run_of(make.catalog(("Exec[x]", {"command": "/bin/x", **parameters})))
    findings = list(static_execs.check(run))
    assert rules(*findings) == found
    for finding in findings:
        assert (finding.means, finding.warns, finding.phase, finding.subject) == ("note", True, None, "Exec[x]")
        assert str(finding.declared_at) == "new.pp:1"
        assert finding.hint


def test_an_exec_of_several_steps_is_one_finding_and_an_expected_one_is_none() -> None:
    catalog = make.catalog(("Exec[x]", {}), ("Exec[y]", {"creates": "/y"}))
    run = run_of(catalog, catalog)
    assert rules(*static_execs.check(run)) == ["exec.unguarded"]
    wanted = Expected(resource="Exec[x]", property="returns", value="0", reason="PT 6.5.15")
    assert list(static_execs.check(replace(run, subject=replace(run.subject, expect=(wanted,))))) == []


# --- Resources ---

NOVA = "Nova_config[filter_scheduler/available_filters]"


@pytest.mark.parametrize(
    ("resources", "subjects"),
    [
        ([(NOVA, {"value": []})], [NOVA]),  # LP 1665443
        ([(NOVA, {"value": ["a"]})], []),
        ([(NOVA, {"value": [], "ensure": "absent"})], []),
        ([(NOVA, {"value": [], "noop": True})], []),
        ([("Cinder_config[a/b]", {"value": []})], []),  # one value: it is written, empty
        ([("User[x]", {"groups": []})], []),
        ([("Notify[x]", {})], ["Notify[x]"]),
        # the same thing under two titles
        ([("Package[chrony]", {"ensure": "purged"}), ("Package[ntp]", {"name": "chrony"})], ["Package[ntp]"]),
        ([("Package[chrony]", {"ensure": "purged"}), ("Package[ntp]", {"name": "ntp"})], []),
        ([("Package[a]", {"ensure": "purged", "provider": "gem"}), ("Package[b]", {"name": "a"})], []),
        (
            [
                ("Nova_config[DEFAULT/debug]", {"value": True}),
                (
                    "Ini_setting[x]",
                    {"path": "/etc/nova/nova.conf", "section": "DEFAULT", "setting": "debug", "value": "False"},
                ),
            ],
            ["Ini_setting[x]"],
        ),
        (
            [
                ("Nova_config[DEFAULT/debug]", {"value": True}),
                (
                    "Ini_setting[x]",
                    {"path": "/etc/nova/nova.conf", "section": "DEFAULT", "setting": "debug", "value": "True"},
                ),
            ],
            [],
        ),
        ([("File[/a]", {"mode": "0644"}), ("Concat_file[x]", {"path": "/a", "mode": "0600"})], ["Concat_file[x]"]),
        # an option in a file that something else writes
        ([("File[/etc/nova/nova.conf]", {"ensure": "absent"}), (NOVA, {"value": "a"})], [NOVA]),
        ([("File[/etc/nova/nova.conf]", {"ensure": "absent"}), (NOVA, {"ensure": "absent"})], []),
        ([("File[/etc/nova/nova.conf]", {"content": "[DEFAULT]\n"}), (NOVA, {"value": "a"})], [NOVA]),
        ([("File[/etc/nova/nova.conf]", {"content": "available_filters = a\n"}), (NOVA, {"value": "a"})], []),
        ([("File[/etc/nova/nova.conf]", {"content": "", "replace": False}), (NOVA, {"value": "a"})], []),
        ([("File[/etc/nova/nova.conf]", {"content": MARK}), (NOVA, {"value": "a"})], []),
        ([("File[/etc/nova/nova.conf]", {"mode": "0640"}), (NOVA, {"value": "a"})], []),
    ],
)
def test_resources_that_change_in_every_run(resources: list[Resource], subjects: list[str]) -> None:
    findings = list(unsettled.check(run_of(make.catalog(*resources))))
    assert [finding.subject for finding in findings] == subjects
    assert set(rules(*findings)) <= {"resource.unsettled"}


VHOSTS: Resource = ("File[/etc/apache2/sites-enabled]", {"purge": True, "recurse": True})
VHOST: Resource = ("File[/etc/apache2/sites-enabled/aodh.conf]", {"content": "x"})


@pytest.mark.parametrize(
    ("early", "late", "subjects"),
    [
        ([VHOSTS], [VHOSTS, VHOST], [VHOST[0]]),  # review 434016
        ([VHOSTS, VHOST], [VHOSTS, VHOST], []),
        ([], [VHOSTS, VHOST], []),
        ([(VHOSTS[0], {"purge": False, "recurse": True})], [VHOSTS, VHOST], []),
        ([(VHOSTS[0], {**VHOSTS[1], "noop": True})], [VHOSTS, VHOST], []),
        ([(VHOSTS[0], {**VHOSTS[1], "ignore": "*.conf"})], [VHOSTS, VHOST], []),
        ([VHOSTS], [VHOSTS, (VHOST[0], {"ensure": "absent"})], []),
        ([("Resources[nova_config]", {"purge": True})], [(NOVA, {"value": "a"})], [NOVA]),
        ([("Resources[nova_config]", {"purge": True}), (NOVA, {"value": "a"})], [(NOVA, {"value": "a"})], []),
        ([("Service[x]", {"ensure": "stopped"})], [("Service[x]", {"ensure": "running"})], ["Service[x]"]),
        ([("Service[x]", {"ensure": "running"})], [("Service[x]", {"ensure": "running"})], []),
    ],
)
def test_steps_that_undo_each_other(early: list[Resource], late: list[Resource], subjects: list[str]) -> None:
    findings = list(unsettled.check(run_of(make.catalog(*early), make.catalog(*late))))
    assert [finding.subject for finding in findings] == subjects


# --- Tasks ---


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("- command: /usr/local/sbin/migrate", ["task.unguarded"]),
        ("- command: {cmd: /usr/local/sbin/migrate, creates: /x}", []),
        ("- command: /usr/local/sbin/migrate removes=/x", []),
        ("- command: /usr/local/sbin/migrate\n  changed_when: r.rc == 2\n  register: r", []),
        ("- command: /usr/local/sbin/migrate\n  when: step|int == 3", ["task.unguarded"]),
        ("- stat: {path: /x}\n  register: s\n- command: /sbin/migrate\n  when: not s.stat.exists", []),
        ("- stat: {path: /x}\n  register: s\n- set_fact: {f: '{{ s.x }}'}\n- command: /sbin/migrate\n  when: f", []),
        ("- command: ls /x\n  register: l\n- command: /sbin/migrate {{ item }}\n  loop: '{{ l.stdout_lines }}'", []),
        ("- package_facts:\n- command: /sbin/migrate\n  when: \"'a' in ansible_facts.packages\"", []),
        ("- hosts: all\n  handlers: [{command: /sbin/migrate}]", []),
        ("- script: restore.py", ["task.unguarded"]),
        ("- raw: yum -y update", ["task.unguarded"]),
        ("- copy: {dest: /a, content: x}", []),
        ("- command: /sbin/migrate {{ item }}\n  loop: [a, b]", ["task.unguarded"]),
        ("- command: systemctl is-enabled nova-api\n  register: x", []),
        ("- shell: systemctl show nova-api | grep -q active", []),
        ("- command: hiera bootstrap_nodeid", []),
        ("- command: '{{ program }} inspect x'", []),
        ("- command: rm /x\n  no_log: true", ["task.unguarded"]),
        # says it changed nothing
        ("- command: nova-manage db sync\n  changed_when: false", ["task.says-unchanged"]),
        ("- command: nova-manage cell_v2 list_cells\n  changed_when: false", []),
        ("- command: sed -i s/a/b/ /etc/x\n  changed_when: 'no'", ["task.says-unchanged"]),
        ("- shell: echo upgraded >>/etc/shop/notes\n  changed_when: false", ["task.says-unchanged"]),
        ('- shell: mysql -e "UPDATE a SET b=1"\n  changed_when: false', ["task.says-unchanged"]),
        ("- command: systemctl restart x\n  changed_when: false", ["task.says-unchanged"]),
        ("- command: puppet apply --noop x.pp\n  changed_when: false", []),
        ("- command: /usr/local/sbin/ask\n  changed_when: false", []),
        # hides a failure
        ("- shell: nova-manage cell_v2 list_cells | awk '{print $4}'\n  register: u", ["task.hides-failure"]),
        ("- shell: |\n    set -o pipefail\n    nova-manage cell_v2 list_cells | awk '{print $4}'\n  register: u", []),
        ("- shell: nova-manage cell_v2 list_cells | awk '{print $4}'", []),
        ("- shell: nova-manage cell_v2 list_cells | grep default\n  register: u", []),
        ("- shell: cat /etc/x | awk '{print $4}'\n  register: u", []),
        (
            "- shell: nova-manage cell_v2 list_cells | awk '{print $4}'\n  register: u\n  failed_when: u.stdout == ''",
            [],
        ),
        ("- shell: nova-manage db sync | tail -1\n  changed_when: c\n", ["task.hides-failure"]),
        ("- shell: nova-manage db sync | grep -v DEBUG\n  changed_when: c\n", ["task.hides-failure"]),
        ("- shell: nova-manage db sync || true\n  changed_when: c", ["task.hides-failure"]),
        ("- shell: nova-manage db sync; exit 0\n  changed_when: c", ["task.hides-failure"]),
        ("- shell: systemctl is-active x || true", []),
        ("- command: nova-manage db sync\n  failed_when: false\n  changed_when: c", ["task.hides-failure"]),
        ("- command: nova-manage db sync\n  ignore_errors: true\n  changed_when: c", ["task.hides-failure"]),
        (
            (
                "- command: nova-manage db sync\n  failed_when: false\n  changed_when: c\n  register: s\n"
                "- fail: {msg: no}\n  when: s.rc not in [0, 2]"
            ),
            [],
        ),
        ("- command: systemctl status x\n  ignore_errors: true", []),
        # an argument that may be empty
        (
            "- shell: nova-manage cell_v2 map_cell0 --database_connection=$(hiera nova::cell0)\n  changed_when: c",
            ["task.empty-argument"],
        ),
        ("- shell: 'chown \"$(cat /etc/owner)\" /x'\n  changed_when: c", ["task.empty-argument"]),
        ("- shell: chown `cat /etc/owner` /x\n  changed_when: c", ["task.empty-argument"]),
        ("- shell: chown '$(cat /etc/owner)' /x\n  changed_when: c", []),
        ("- shell: touch /x.$(date +%s)\n  changed_when: c", []),
        ("- shell: 'test \"$(hiera x)\" = y'", []),
        ('- shell: \'x=$(hiera y); [ -n "$x" ] && chown "$x" /z\'\n  changed_when: c', []),
        ("- command: chown $(hiera x) /y\n  changed_when: c", []),
    ],
)
def test_commands_of_tasks(tmp_path: Path, text: str, found: list[str]) -> None:
    findings = list(static_tasks.check(run_of(written=read(tmp_path, text))))
    assert rules(*findings) == found
    for finding in findings:
        assert (finding.means, finding.warns, finding.phase) == ("note", True, None)
        assert finding.hint
        assert finding.declared_at is not None


def test_a_task_that_hides_itself_is_not_looked_into(tmp_path: Path) -> None:
    (task,) = read(tmp_path, "- command: nova-manage db sync\n  changed_when: false")
    assert list(static_tasks.check(run_of(written=(replace(task, args={}, unknown=(MARK,)),)))) == []


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("sudo -u nova nova-manage db sync", "WRITES"),
        ("su -s /bin/sh -c 'nova-manage db sync' nova", "WRITES"),
        ("if [ -f /x ]; then mv /x /y; fi", "WRITES"),
        ("find / -name x -exec rm {} +", "WRITES"),
        ("ls $(rm /x)", "WRITES"),
        ("curl -s http://x | jq .", "READS"),
        ("pcs resource config x | grep image", "READS"),
        ("ceph osd set noout", "WRITES"),
        ("ceph pg stat", "READS"),
        ("iptables -C INPUT -j ACCEPT", "READS"),
        ("dnf check-update", "READS"),
        ("dpkg -l x", "READS"),
        ("dpkg -i x", "WRITES"),
        ("httpd -t -D DUMP_VHOSTS", "READS"),
        ("/usr/local/sbin/x", "UNKNOWN"),
        ("echo 'it", "UNKNOWN"),
        ("", "READS"),
    ],
)
def test_what_a_line_does(line: str, kind: str) -> None:
    assert effects.of(line).kind.name == kind


# --- Tasks beside the catalog ---

FILE = "File[/etc/x]"
OPTION_TASK = "- ini_file: {path: /etc/nova/nova.conf, section: a, option: b, value: c}\n"


@pytest.mark.parametrize(
    ("text", "resource", "found"),
    [
        # files
        ("- copy: {dest: /etc/x, content: a}", (FILE, {"content": "b"}), True),
        ("- copy: {dest: /etc/x, content: a}", (FILE, {"content": "a"}), False),
        ("- copy: {dest: /etc/x, content: a}", (FILE, {"content": "b", "replace": False}), False),
        ("- copy: {dest: /etc/x, content: a, force: false}", (FILE, {"content": "b"}), False),
        ("- copy: {dest: /etc/x, content: '{{ a }}'}", (FILE, {"content": "b"}), False),
        ("- copy: {dest: /etc/x, content: a}", (FILE, {"content": MARK}), False),
        ("- copy: {dest: /etc/x, src: a}", (FILE, {"content": "b"}), False),
        ("- copy: {dest: /etc/x, content: a}\n- copy: {dest: /etc/x, content: b}", (FILE, {"content": "b"}), False),
        ("- copy: {dest: /etc/x, content: b}\n- copy: {dest: /etc/x, content: a}", (FILE, {"content": "b"}), True),
        ("- copy: {dest: /etc/x, content: a}\n- lineinfile: {path: /etc/x, line: b}", (FILE, {"content": "b"}), False),
        ("- copy: {dest: /etc/x, content: a}\n- shell: echo b > /etc/x", (FILE, {"content": "b"}), False),
        ("- copy: {dest: /etc/x, content: a}\n- command: cat /etc/x", (FILE, {"content": "b"}), True),
        ("- copy: {dest: /etc/x, content: a, mode: 0644}", (FILE, {"mode": "0644"}), False),
        ("- copy: {dest: /etc/x, content: a, mode: '644'}", (FILE, {"mode": "0644"}), False),
        ("- copy: {dest: /etc/x, content: a, mode: 'u=rw,g=r,o='}", (FILE, {"mode": "0640"}), False),
        ("- copy: {dest: /etc/x, content: a, mode: 'u+x'}", (FILE, {"mode": "0640"}), False),
        ("- copy: {dest: /etc/x, content: a, mode: '0600'}", (FILE, {"mode": "0644"}), True),
        (
            "- file: {path: /etc/x, state: directory, mode: '0755'}",
            (FILE, {"ensure": "directory", "mode": "0644"}),
            False,
        ),
        (
            "- file: {path: /etc/x, state: directory, mode: '0644'}",
            (FILE, {"ensure": "directory", "mode": "0644"}),
            True,
        ),
        ("- copy: {dest: /etc/x, src: a, mode: '0600'}", (FILE, {"ensure": "directory", "mode": "0755"}), False),
        ("- file: {path: /etc/x, owner: root}", (FILE, {"owner": "0"}), False),
        ("- file: {path: /etc/x, owner: nova}", (FILE, {"owner": "64060"}), False),
        ("- file: {path: /etc/x, owner: nova}", (FILE, {"owner": "root"}), True),
        ("- file: {path: /etc/x, state: absent}", (FILE, {"ensure": "file", "content": "a", "mode": "0644"}), True),
        ("- file: {path: /etc/x, state: absent}", (FILE, {"ensure": "absent"}), False),
        ("- file: {path: /etc/x, state: directory}", (FILE, {"ensure": "file"}), True),
        ("- file: {path: /etc/x, state: directory}", (FILE, {"ensure": "present"}), False),
        ("- file: {path: /etc/x, src: /a, state: link}", (FILE, {"ensure": "link", "target": "/b"}), True),
        ("- file: {path: /etc/x, src: /a, state: link}", (FILE, {"ensure": "/a"}), False),
        ("- file: {path: /etc, recurse: true, owner: a}", (FILE, {"owner": "b"}), False),
        ("- file: {path: /etc/x, mode: '0600'}\n  when: c", (FILE, {"mode": "0644"}), True),
        (
            "- file: {path: /etc/x, mode: '0600'}\n- file: {path: /etc/x, mode: '0644'}\n  when: c",
            (FILE, {"mode": "0644"}),
            False,
        ),
        (
            "- file: {path: /etc/x, mode: '0644'}\n- file: {path: /etc/x, mode: '0600'}\n  when: c",
            (FILE, {"mode": "0644"}),
            False,
        ),
        ("- file: {path: /etc/x, mode: '0600'}\n  delegate_to: localhost", (FILE, {"mode": "0644"}), False),
        ("- file: {path: /etc/x, mode: '0600'}", (FILE, {"mode": "0644", "noop": True}), False),
        # options
        (
            "- ini_file: {path: /etc/nova/nova.conf, section: a, option: b, value: c}",
            ("Nova_config[a/b]", {"value": "d"}),
            True,
        ),
        (
            "- ini_file: {path: /etc/nova/nova.conf, section: a, option: b, value: ' c'}",
            ("Nova_config[a/b]", {"value": "c "}),
            False,
        ),
        (
            "- ini_file: {path: /etc/nova/nova.conf, section: a, option: b, value: 'True'}",
            ("Nova_config[a/b]", {"value": True}),
            False,
        ),
        (
            "- ini_file: {path: /etc/nova/nova.conf, section: a, option: b, value: 'true'}",
            ("Nova_config[a/b]", {"value": True}),
            True,
        ),
        (
            "- ini_file: {path: /etc/nova/nova.conf, section: a, option: b, value: 1}",
            ("Nova_config[a/b]", {"value": "1"}),
            False,
        ),
        (
            "- ini_file: {path: /etc/nova/nova.conf, section: a, option: b, value: c}",
            ("Nova_config[a/b]", {"value": "<SERVICE DEFAULT>"}),
            True,
        ),
        (
            "- ini_file: {path: /etc/nova/nova.conf, section: a, option: b, state: absent}",
            ("Nova_config[a/b]", {"value": ["<SERVICE DEFAULT>"]}),
            False,
        ),
        (
            "- ini_file: {path: /etc/nova/nova.conf, section: a, option: b, state: absent}",
            ("Nova_config[a/b]", {"value": ""}),
            True,
        ),
        (
            "- ini_file: {path: /etc/nova/nova.conf, section: a, option: b, values: [c, d]}",
            ("Nova_config[a/b]", {"value": ["c", "d"]}),
            False,
        ),
        (
            "- ini_file: {path: /etc/nova/nova.conf, section: a, option: b, value: c, exclusive: false}",
            ("Nova_config[a/b]", {"value": "d"}),
            False,
        ),
        (
            "- ini_file: {path: /etc/nova/nova.conf, section: a, option: b, value: c}",
            ("Nova_config[a/b]", {"value": MARK}),
            False,
        ),
        (
            OPTION_TASK + "- template: {src: x, dest: /etc/nova/nova.conf}",
            ("Nova_config[a/b]", {"value": "d"}),
            False,
        ),
        (
            "- ini_file: {path: /x, section: a, option: b, value: c}",
            ("Ini_setting[i]", {"path": "/x", "section": "a", "setting": "b", "value": "d"}),
            True,
        ),
        (
            "- ini_file: {path: /x, section: a, option: b, value: c}",
            ("Ini_setting[i]", {"path": "/x", "section": "e", "setting": "b", "value": "d"}),
            False,
        ),
        ("- command: crudini --set /etc/nova/nova.conf a b c", ("Nova_config[a/b]", {"value": "d"}), True),
        ("- command: openstack-config --set /etc/nova/nova.conf a b d", ("Nova_config[a/b]", {"value": "d"}), False),
        ("- shell: crudini --set /etc/nova/nova.conf a b $(hiera x)", ("Nova_config[a/b]", {"value": "d"}), False),
        ("- shell: test -f /x || crudini --set /etc/nova/nova.conf a b c", ("Nova_config[a/b]", {"value": "d"}), False),
        ("- command: crudini --del /etc/nova/nova.conf a b", ("Nova_config[a/b]", {"value": "d"}), True),
        (
            "- ini_file: {path: /etc/keystone/keystone-uwsgi.ini, section: a, option: b, value: 'True'}",
            ("Keystone_uwsgi_config[a/b]", {"value": True}),
            False,
        ),
        # packages
        ("- apt: {name: [a, b], state: absent}", ("Package[x]", {"name": "b", "ensure": "present"}), True),
        ("- apt: {name: 'a,b', state: latest}", ("Package[b]", {"ensure": "1.2"}), False),
        ("- package: {name: b=1.3}", ("Package[b]", {"ensure": "purged"}), True),
        ("- yum: {name: '*', state: latest}", ("Package[b]", {"ensure": "purged"}), False),
        ("- apt: {name: b}", ("Package[b]", {"ensure": "absent", "provider": "gem"}), False),
        # services
        ("- service: {name: x.service, state: stopped}", ("Service[y]", {"name": "x", "ensure": "running"}), True),
        (
            "- service: {name: x, state: restarted, enabled: 'yes'}",
            ("Service[x]", {"ensure": "running", "enable": True}),
            False,
        ),
        ("- service: {name: x, enabled: false}", ("Service[x]", {"enable": True}), True),
        (
            "- service: {name: x, state: stopped}\n- command: systemctl start x",
            ("Service[x]", {"ensure": "running"}),
            False,
        ),
        ("- command: systemctl stop x", ("Service[x]", {"ensure": True}), True),
        ("- systemd: {name: x, masked: true}", ("Service[x]", {"enable": "mask"}), False),
        (
            (
                "- hosts: all\n  handlers: [{service: {name: x, state: started}}]\n"
                "  tasks: [{service: {name: x, state: stopped}}]"
            ),
            ("Service[x]", {"ensure": "running"}),
            False,
        ),
        (
            "- service: {name: x, state: started}\n  tags: step4\n- service: {name: x, state: stopped}\n  tags: step1",
            ("Service[x]", {"ensure": "running"}),
            False,
        ),
        # accounts
        ("- user: {name: a, shell: /bin/sh}", ("User[a]", {"shell": "/bin/bash"}), True),
        ("- user: {name: a, group: www-data}", ("User[a]", {"gid": "33"}), False),
        ("- group: {name: a, gid: 5}", ("Group[a]", {"gid": "5"}), False),
        ("- group: {name: a, state: absent}", ("Group[a]", {"ensure": "present"}), True),
        # databases
        ("- mysql_db: {name: a, encoding: utf8}", ("Mysql_database[a]", {"charset": "utf8mb3"}), False),
        ("- mysql_db: {name: a, encoding: utf8mb4}", ("Mysql_database[a]", {"charset": "utf8mb3"}), True),
        ("- mysql_db: {name: a}", ("Mysql_database[a]", {"charset": "utf8mb3"}), True),
        ("- mysql_db: {name: a, state: absent}", ("Mysql_database[a]", {"ensure": "absent"}), False),
        (
            "- mysql_query: {query: CREATE DATABASE a CHARACTER SET latin1}",
            ("Mysql_database[a]", {"charset": "utf8mb3"}),
            True,
        ),
        (
            "- mysql_user: {name: n, host: '%', priv: 'a.*:ALL/b.*:ALL,GRANT'}",
            ("Mysql_grant[n@%/b.*]", {"privileges": "ALL"}),
            True,
        ),
        (
            "- mysql_user: {name: n, host: '%', priv: 'a.*:ALL/b.*:ALL,GRANT'}",
            ("Mysql_grant[n@%/a.*]", {"privileges": ["ALL"]}),
            False,
        ),
        (
            "- mysql_user: {name: n, priv: {'a.*': 'select, insert'}}",
            ("Mysql_grant[n@localhost/a.*]", {"privileges": ["INSERT", "SELECT"]}),
            False,
        ),
        (
            "- mysql_user: {name: n, priv: 'a.*:ALL,GRANT'}",
            ("Mysql_grant[n@localhost/a.*]", {"privileges": "ALL", "options": ["GRANT"]}),
            False,
        ),
        (
            "- mysql_user: {name: n, priv: 'a.*:SELECT', append_privs: true}",
            ("Mysql_grant[n@localhost/a.*]", {"privileges": ["ALL"]}),
            False,
        ),
        (
            "- mysql_user: {name: n, priv: 'a.*:DROP', append_privs: true}",
            ("Mysql_grant[n@localhost/a.*]", {"privileges": ["SELECT"]}),
            True,
        ),
        (
            "- shell: mysql -e \"GRANT ALL ON a.* TO 'n'@'%' WITH GRANT OPTION\"",
            ("Mysql_grant[n@%/a.*]", {"privileges": "ALL"}),
            True,
        ),
        (
            "- shell: mysql -e \"GRANT ALL PRIVILEGES ON a.* TO 'n'@'%'\"",
            ("Mysql_grant[n@%/a.*]", {"privileges": "ALL"}),
            False,
        ),
        # what is not declared is taken away
        ("- copy: {dest: /etc/d/x, content: a}", ("File[/etc/d]", {"purge": True, "recurse": True}), True),
        ("- copy: {dest: /etc/d/x, content: a}", ("File[/etc/d]", {"purge": False, "recurse": True}), False),
        (
            "- copy: {dest: /etc/d/x, content: a}\n- file: {path: /etc/d/x, state: absent}",
            ("File[/etc/d]", {"purge": True, "recurse": True}),
            False,
        ),
        (
            "- ini_file: {path: /etc/nova/nova.conf, section: a, option: b, value: c}",
            ("Resources[nova_config]", {"purge": True}),
            True,
        ),
        (
            "- ini_file: {path: /etc/nova/nova.conf, section: a, option: b, state: absent}",
            ("Resources[nova_config]", {"purge": True}),
            False,
        ),
    ],
)
def test_values_of_both_tools(tmp_path: Path, text: str, resource: Resource, *, found: bool) -> None:
    run = run_of(make.catalog(resource), written=read(tmp_path, text))
    findings = list(cross.check(run))
    assert rules(*findings) == ["cross.value"] * found
    for finding in findings:
        assert (finding.means, finding.warns, finding.phase, finding.subject) == ("note", True, None, resource[0])
        assert finding.left_by is not None
        assert finding.evidence["task_place"]
    expected = Expected(resource=resource[0], property="ensure", value="x", reason="left to Puppet")
    assert list(cross.check(replace(run, subject=replace(run.subject, expect=(expected,))))) == []


def test_the_last_step_says_how_it_is_to_be(tmp_path: Path) -> None:
    early, late = (make.catalog((FILE, {"mode": mode})) for mode in ("0600", "0644"))
    written = read(tmp_path, "- file: {path: /etc/x, mode: '0644'}")
    assert list(cross.check(run_of(early, late, written=written))) == []
    assert rules(*cross.check(run_of(late, early, written=written))) == ["cross.value"]


SYNC: Resource = (
    "Exec[sync]",
    {"command": "/usr/bin/nova-manage  db sync", "refreshonly": True, "subscribe": ["Nova_config[a/b]", "File[/d]"]},
)
OPTION: Resource = ("Nova_config[a/b]", {"value": "c"})


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (OPTION_TASK, True),
        ("- template: {src: x, dest: /etc/nova/nova.conf}\n", True),
        ("- command: crudini --set /etc/nova/nova.conf a b c\n", True),
        ("- file: {path: /d, state: directory}\n", False),
        ("- ini_file: {path: /etc/nova/nova.conf, section: a, option: z, value: c}\n", False),
        ("- command: chown nova /etc/nova/nova.conf\n", False),
        ("", False),
        (OPTION_TASK + "- command: nova-manage --log-dir '' db sync", False),
        (OPTION_TASK + "- command: nova-manage api_db sync", True),
        (OPTION_TASK + "- command: nova-manage db sync --dry-run", True),
        (OPTION_TASK + "- shell: if true; then nova-manage db sync; fi", False),
        (OPTION_TASK + "- command: nova-manage {{ x }} db sync", False),
        (OPTION_TASK + "- shell: su -s /bin/sh -c 'nova-manage db sync' nova", False),
        (OPTION_TASK + "- script: everything.sh", False),
        (OPTION_TASK + "- include_role: {name: unknown}", False),
        ("- hosts: all\n  handlers: [{command: nova-manage db sync}]\n  tasks:\n  " + OPTION_TASK, False),
    ],
)
def test_commands_that_nobody_runs(tmp_path: Path, text: str, *, found: bool) -> None:
    catalog = make.catalog(SYNC, OPTION, ("File[/d]", {"ensure": "directory"}))
    run = run_of(catalog, catalog, written=read(tmp_path, text))
    findings = [finding for finding in cross.check(run) if finding.rule == "cross.missing"]
    assert [finding.subject for finding in findings] == ["Exec[sync]"] * found
    proved = replace(run.subject, proofs=(Proof(probe="p", resources=("Exec[s*]",)),))
    assert list(cross.check(replace(run, subject=proved))) == []


@pytest.mark.parametrize(
    ("command", "text", "found"),
    [
        ("systemctl daemon-reload", "- systemd: {daemon_reload: true}", False),
        ("systemctl restart x", "- service: {name: x, state: restarted}", False),
        ("systemctl restart x", "- service: {name: y, state: restarted}", True),
        ("apt-get update", "- apt: {update_cache: true}", False),
    ],
)
def test_modules_that_do_what_a_command_does(tmp_path: Path, command: str, text: str, *, found: bool) -> None:
    exec_: Resource = ("Exec[e]", {"command": command, "refreshonly": True, "subscribe": "Nova_config[a/b]"})
    run = run_of(make.catalog(exec_, OPTION), written=read(tmp_path, OPTION_TASK + text))
    assert rules(*cross.check(run)) == ["cross.missing"] * found


def test_what_a_hidden_task_ran_may_be_it(tmp_path: Path) -> None:
    written = read(tmp_path, OPTION_TASK + "- command: secret")
    hidden = (written[0], replace(written[1], args={}, unknown=(MARK,)))
    assert list(cross.check(run_of(make.catalog(SYNC, OPTION), written=hidden))) == []
