"""Contents of files are compared for what they mean, shown as lines, and keep their secrets."""

from __future__ import annotations

import copy
import json
import random
import time
from collections.abc import Callable

import jsonpatch
import pytest
import yaml
from pydantic import JsonValue

from validator.record import Content, PackageChange
from validator.redact import MARK, Redactor
from validator.witness import content, trees

NOVA = """\
[DEFAULT]
# A MultiStrOpt: every line counts.
pci_passthrough_whitelist = {"vendor_id": "1111"}
pci_passthrough_whitelist = {"vendor_id": "2222"}
enabled_apis=osapi_compute,metadata
transport_url=rabbit://nova:p%40ssw0rd@127.0.0.1:5672/
long = a,
  b,
  c
empty =
debug: true

[database]
connection = mysql+pymysql://nova:novaDBpw@127.0.0.1/nova

[api]
[filter_scheduler]
available_filters=nova.x
[filter_scheduler]
available_filters=nova.y
"""
MY_CNF = """\
### MANAGED BY PUPPET ###
[client]
port = 3306

[mysqld]
bind-address = 127.0.0.1
  datadir = /var/lib/mysql
skip-name-resolve
skip-external-locking

!includedir /etc/mysql/conf.d/
!includedir /etc/mysql/mariadb.conf.d/
"""
UNIT = """\
[Unit]
Description=OpenStack Compute API
After=network.target

[Service]
ExecStart=
ExecStart=/usr/bin/nova-api \\
    --config-file=/etc/nova/nova.conf \\
  # a remark between
    --log-file=/var/log/nova.log
   Restart=on-failure
[Install]
WantedBy=multi-user.target
"""
VHOST = """\
# ************************************
# Vhost template in module puppetlabs-apache
# ************************************
<VirtualHost *:8778>
  ServerName placement.example.org
  WSGIDaemonProcess placement-api group=placement processes=1 threads=1 user=placement

  ## Rewrite rules
  RewriteEngine On
  RewriteCond %{REQUEST_URI} !=/server-status
  RewriteRule ^(.*)$ - [E=HTTP_X:1]
  WSGIScriptAlias /placement "/usr/lib/cgi-bin/placement/placement-api"
</VirtualHost>
"""
PORTS = """\
# ************************************
# Listen & NameVirtualHost resources in module puppetlabs-apache
# ************************************

Listen 8778
Listen 80
"""
SHELL = """\
#!/bin/sh
# [Service]
NAME=nova
[ -f /etc/default/nova ] && . /etc/default/nova
if [ -z "$NAME" ]; then
    exit 0
fi
"""
SOURCED = """\
NAME=nova
OTHER=x
[ "$NAME" = nova ]
[ -f /etc/default/nova ]
"""
NGINX = """\
user www-data;
events {
    worker_connections 768;
}
http {
    server { listen 80; server_name [::1]; }
}
"""
PHP = """\
<?php
$config = array(
[section]
'a' => 'b',
);
"""
XML = """\
<?xml version="1.0"?>
<a b="c:d">
[x]
</a>
"""
HIERA = """\
---
# Site
nova::keystone::authtoken::password: 'hunter2hunter2'
nova::api::enabled_apis:
  - osapi_compute
  - metadata
nova::db::sync:
  extra_params: ''
  timeout: 300
"""
STATUS = """\
Package: nova-api
Status: install ok installed
Priority: optional
Architecture: all
Version: 2:14.0.0-1
Description: OpenStack Compute
 Status: this line is text
 .
 Version: so is this

Package: libc6
Status: install ok installed
Architecture: amd64
Version: 2.36-9

Package: libc6
Status: hold ok installed
Architecture: i386
Version: 2.36-9

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1.0

Package: half
Status: install ok half-installed
Architecture: amd64
Version: 1.0
"""


def compare(before: str | None, after: str | None, path: str = "/etc/nova/nova.conf") -> Content:
    old, new = (None if text is None else text.encode() for text in (before, after))
    return content.compare(old, new, path=path, redactor=Redactor(), both_ways=True)


def tree_of(text: str, path: str = "/etc/nova/nova.conf") -> JsonValue:
    parsed = trees.parse(text, path)
    assert parsed is not None
    return parsed[1]


def same_meaning(before: bytes, after: bytes, path: str) -> bool:
    return before == after or content.compare(before, after, path=path, redactor=Redactor()).patch == ()


def test_an_ini_tree_holds_every_value_in_order() -> None:
    assert trees.parse(NOVA, "/etc/nova/nova.conf") == (
        "ini",
        {
            "DEFAULT": {
                "pci_passthrough_whitelist": ['{"vendor_id": "1111"}', '{"vendor_id": "2222"}'],
                "enabled_apis": "osapi_compute,metadata",
                "transport_url": "rabbit://nova:p%40ssw0rd@127.0.0.1:5672/",
                "long": "a,\nb,\nc",
                "empty": "",
                "debug": "true",
            },
            "database": {"connection": "mysql+pymysql://nova:novaDBpw@127.0.0.1/nova"},
            "api": {},
            "filter_scheduler": {"available_filters": ["nova.x", "nova.y"]},
        },
    )


def test_my_cnf_has_bare_keys_and_includes_and_its_indented_lines_are_options() -> None:
    assert tree_of(MY_CNF, "/etc/mysql/my.cnf") == {
        "client": {"port": "3306"},
        "mysqld": {
            "bind-address": "127.0.0.1",
            "datadir": "/var/lib/mysql",
            "skip-name-resolve": None,
            "skip-external-locking": None,
            "!includedir": ["/etc/mysql/conf.d/", "/etc/mysql/mariadb.conf.d/"],
        },
    }


def test_an_include_before_options_is_not_a_tree_as_their_order_counts() -> None:
    assert trees.parse("[mysqld]\n!includedir /etc/mysql/conf.d/\nport = 1\n", "/etc/mysql/my.cnf") is None


@pytest.mark.parametrize("path", ["/lib/systemd/system/nova-api.service", "/etc/systemd/system/x.service.d/y.conf"])
def test_a_unit_continues_lines_by_backslash_and_keeps_a_reset(path: str) -> None:
    assert tree_of(UNIT, path) == {
        "Unit": {"Description": "OpenStack Compute API", "After": "network.target"},
        "Service": {
            "ExecStart": ["", "/usr/bin/nova-api\n--config-file=/etc/nova/nova.conf\n--log-file=/var/log/nova.log"],
            "Restart": "on-failure",
        },
        "Install": {"WantedBy": "multi-user.target"},
    }


def test_options_before_the_first_section_have_a_section_without_a_name() -> None:
    assert tree_of("first = 1\n[a]\nb = 2\n") == {"a": {"b": "2"}, "": {"first": "1"}}


def test_options_indented_alike_are_options_and_not_one_long_value() -> None:
    assert tree_of('[core]\n\tbare = false\n\tmode = true\n[remote "x"]\n\turl = y\n', "/etc/gitconfig") == {
        "core": {"bare": "false", "mode": "true"},
        'remote "x"': {"url": "y"},
    }


def test_an_indented_remark_right_below_a_value_belongs_to_it_as_oslo_reads_it() -> None:
    assert tree_of("[a]\nb = 1\n  # 2\n\n  # a remark\nc = 3\n") == {"a": {"b": "1\n# 2", "c": "3"}}


def test_an_empty_line_within_a_value_stays() -> None:
    assert tree_of("[a]\nb = 1\n\n  2\n") == {"a": {"b": "1\n\n2"}}


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (VHOST, "/etc/apache2/sites-available/10-placement_wsgi.conf"),
        (PORTS, "/etc/apache2/ports.conf"),
        (SHELL, "/etc/init.d/nova"),
        (SHELL.partition("\n")[2], "/etc/default/nova"),
        (SOURCED, "/etc/default/nova"),
        (NGINX, "/etc/nginx/nginx.conf"),
        (PHP, "/etc/x.conf"),
        (XML, "/etc/x.conf"),
        ("a = 1\nb = 2\n", "/etc/sysctl.conf"),
        ("# only [remarks]\n", "/etc/x.conf"),
        ("#!/usr/bin/env some-program\n[a]\nb = 1\n", "/usr/local/bin/x"),
        ("", "/etc/x.conf"),
        ("[a]\nb = 1\nthis is a sentence\n", "/etc/x.conf"),
        ("bare\n[a]\nb = 1\n", "/etc/x.conf"),
        ("[a]\nbare\n   continued\n", "/etc/x.conf"),
        ("[Peer]\nA=1\n[Peer]\nB=2\n", "/etc/systemd/network/x.network"),
        ("[a]\nb = 1\n", "/srv/x.toml"),
        ("[\n  {rabbit, [{tcp_listeners, [5672]}]}\n].\n", "/etc/rabbitmq/rabbitmq.config"),
        ("just a text\n", "/etc/x.yaml"),
        ("2026-01-31\n", "/etc/x.yaml"),
        ("# nothing\n", "/etc/x.yaml"),
        ("a: [1\n", "/etc/x.yaml"),
        ("a: !vault x\n", "/etc/x.yaml"),
        ("a: 2026-13-45\n", "/etc/x.yaml"),
        ("a: !!timestamp x\n", "/etc/x.yaml"),
        ('a: !!int ""\n', "/etc/x.yaml"),
        ("a: &a [*a]\n", "/etc/x.yaml"),
        ("[a]\nb = 1\n", "/etc/x.yaml"),
        ("{", "/etc/x.json"),
        ("1", "/etc/x.json"),
        ('{"a": "\\ud800"}', "/etc/x.json"),
        ("[a]\nb = 1\n", "/etc/x.json"),
    ],
)
def test_what_is_not_plainly_ini_yaml_or_json_stays_text(text: str, path: str) -> None:
    assert trees.parse(text, path) is None


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("[" * 500_000, "/x.yaml"),
        ("- " * 400_000, "/x.yaml"),
        ("{a: " * 200_000, "/x.yaml"),
        ("[" * 500_000, "/x.json"),
        ("[" * 150 + "]" * 150, "/x.json"),
        ("a: &a0 [x, x]\n" + "".join(f"b{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 60)), "/x.yaml"),
        (f"a: 0x{'f' * 10_000}\n", "/x.yaml"),
        (json.dumps({"a_" * 200_000: 1}), "/x.json"),
    ],
)
def test_a_hostile_file_is_refused_and_brings_nothing_down(text: str, path: str) -> None:
    started = time.process_time()
    assert trees.parse(text, path) is None
    assert time.process_time() - started < 10


def test_what_only_yaml_knows_becomes_text_that_no_other_value_equals() -> None:
    text = "a: 2026-01-31\nb: .nan\nc: !!binary aGk=\n80: x\non: y\nd: !!set {z, y}\n1.5: z\n~: n\n"
    assert tree_of(text, "/x.yaml") == {
        "a": "!!timestamp 2026-01-31",
        "b": "!!float nan",
        "c": "!!binary aGk=",
        "!!int 80": "x",
        "!!bool true": "y",
        "d": {"!!set": ["y", "z"]},
        "!!float 1.5": "z",
        "!!null null": "n",
    }
    assert tree_of("[NaN, -Infinity, 1e999]", "/x.json") == ["!!float nan", "!!float -inf", "!!float inf"]


def test_several_yaml_documents_are_a_list() -> None:
    assert trees.parse("---\na: 1\n---\nb: 2\n", "/x.yml") == ("yaml", [{"a": 1}, {"b": 2}])
    assert trees.parse("---\na: 1\n", "/x.yml") == ("yaml", {"a": 1})


def test_a_patch_is_minimal_ordered_and_escapes_keys_that_are_paths() -> None:
    before: JsonValue = {"/etc/a~b": {"mode": "0644", "owner": "x"}, "gone": 1, "same": [1, 2]}
    after: JsonValue = {"/etc/a~b": {"mode": "0640", "owner": "x"}, "new": {"a": 1}, "same": [1, 2, 3]}
    assert trees.patch(before, after) == (
        {"op": "replace", "path": "/~1etc~1a~0b/mode", "value": "0640"},
        {"op": "remove", "path": "/gone"},
        {"op": "add", "path": "/new", "value": {"a": 1}},
        {"op": "replace", "path": "/same", "value": [1, 2, 3]},
    )
    assert trees.names("/~1etc~1a~0b/mode") == ("/etc/a~b", "mode")


@pytest.mark.parametrize(("before", "after"), [(1, True), (0, False), (1, 1.0), ("1", 1), (None, ""), ([], {})])
def test_values_that_only_look_equal_differ(before: JsonValue, after: JsonValue) -> None:
    assert trees.patch({"a": before}, {"a": after})
    assert trees.patch({"a": [{"b": before}]}, {"a": [{"b": after}]})
    assert not trees.patch({"a": [{"b": after}]}, {"a": [{"b": copy.deepcopy(after)}]})


def random_tree(chance: random.Random, depth: int = 0) -> JsonValue:
    keys = ["a", "b", "/etc/x", "~", "~1", "", "é", "a/b~c", "0", "-"]
    leaves: list[JsonValue] = [None, True, False, 0, 1, 1.0, -2.5, "", "x", "1", "a\nb"]
    kind = chance.random()
    if depth < 4 and kind < 0.5:
        return {key: random_tree(chance, depth + 1) for key in chance.sample(keys, chance.randrange(5))}
    if depth < 4 and kind < 0.65:
        return [random_tree(chance, depth + 1) for _ in range(chance.randrange(4))]
    return chance.choice(leaves)


def random_ini(chance: random.Random) -> str:
    lines = []
    for _ in range(chance.randrange(1, 5)):
        lines.append(f"[{chance.choice(['DEFAULT', 'database', 'a/b', 'x~y'])}]")
        for _ in range(chance.randrange(5)):
            sign = chance.choice([" = ", "=", ":", "  ="])
            lines.append(f"{chance.choice(['debug', 'apis', '/v2', 'a b'])}{sign}{chance.choice(['', '1', 'x, y'])}")
            lines += chance.choice([[], [], ["  more"], ["# a remark"], [""]])
    return "\n".join(lines) + "\n"


def test_applying_a_patch_gives_the_other_tree() -> None:
    chance = random.Random(20260131)  # noqa: S311  # seeded on purpose: a failure can be had again
    pairs = [(random_tree(chance), random_tree(chance)) for _ in range(1500)]
    pairs += [(tree_of(random_ini(chance)), tree_of(random_ini(chance))) for _ in range(500)]
    real = [tree_of(NOVA), tree_of(MY_CNF, "x.cnf"), tree_of(UNIT, "x.service"), tree_of(HIERA, "x.yaml"), {}]
    pairs += [(before, after) for before in real for after in real]
    differing = 0
    for before, after in pairs:
        kept = copy.deepcopy(before)
        found = trees.patch(before, after)
        assert before == kept
        if found:
            differing += 1
            made = jsonpatch.apply_patch(before, list(found))
            assert json.dumps(made, sort_keys=True) == json.dumps(after, sort_keys=True)
        else:
            assert json.dumps(before, sort_keys=True) == json.dumps(after, sort_keys=True)
        assert found == trees.patch(json.loads(json.dumps(before)), json.loads(json.dumps(after)))
    assert differing > 1500


def random_text(chance: random.Random) -> str | None:
    if chance.random() < 0.1:
        return None
    words = ["", "a", "b", "  c", "Listen 80", "\x0c", "a/b~c", "\r", "\u2028x", "é"]
    text = "\n".join(chance.choice(words) for _ in range(chance.randrange(9)))
    return text + chance.choice(["", "\n"])


def edges(chance: random.Random) -> list[tuple[str | None, str | None, str]]:
    """Contents of one path at two moments: all forms, missing, empty and broken ones, and a change of the form."""
    inis: list[str | None] = [random_ini(chance) for _ in range(300)]
    without_secrets = NOVA.replace("nova:p%40ssw0rd@", "").replace("nova:novaDBpw@", "")
    inis += [without_secrets, MY_CNF, "# nothing yet\n", "", None, "broken {\n", VHOST, "[a/b]\nx~y = 1\nx~y = 2\n"]
    yamls: list[str | None] = [yaml.safe_dump(random_tree(chance)) for _ in range(300)]
    yamls += [
        HIERA.replace("password", "user"),
        None,
        "",
        "- 1\n",
        "a: [1\n",
        "--- {a: 1}\n--- {b: 2}\n",
        "/etc/a~b: {80: [~]}\n",
    ]
    jsons: list[str | None] = [json.dumps(random_tree(chance)) for _ in range(300)]
    jsons += [None, "", "{", "[]", '{"a": {"b": [1, {"c": null}]}}']
    texts = [random_text(chance) for _ in range(300)]
    of = {"/etc/x.conf": inis, "/etc/x.yaml": yamls, "/etc/x.json": jsons, "/etc/motd": texts}
    return [(chance.choice(some), chance.choice(some), path) for path, some in of.items() for _ in range(250)]


def test_both_patches_of_two_contents_lead_from_one_tree_to_the_other() -> None:
    chance = random.Random(20261125)  # noqa: S311  # seeded on purpose: a failure can be had again
    forms: dict[str, int] = {}
    for before, after, path in edges(chance):
        found = compare(before, after, path)
        assert found.patch is not None
        assert found.back is not None
        old, new = (trees.tree_of(text, path, found.form) for text in (before, after))
        assert json.dumps(jsonpatch.apply_patch(old, list(found.patch)), sort_keys=True) == json.dumps(
            new, sort_keys=True
        )
        assert json.dumps(jsonpatch.apply_patch(new, list(found.back)), sort_keys=True) == json.dumps(
            old, sort_keys=True
        )
        assert bool(found.patch) == bool(found.back)
        if found.form == "text" and before is not None:
            assert isinstance(old, list)
            assert "\n".join(map(str, old)) == before
        forms[found.form] = forms.get(found.form, 0) + 1
    assert forms.keys() == {"ini", "yaml", "json", "text"}
    assert min(forms.values()) > 50


def test_a_text_that_would_make_a_very_long_patch_has_none() -> None:
    long = "a line of some length\n" * 4_000
    assert compare(None, long, "/x").patch is None
    assert compare(None, long, "/x").back == ({"op": "replace", "path": "", "value": []},)
    assert compare(long, "\n".join(str(n) for n in range(20_001)), "/x").patch is None


def test_the_patch_of_a_text_leads_from_its_tree_to_the_other() -> None:
    after = NOVA.replace("metadata\n", "\n").replace("nova.y", "nova.z") + "[new]\na=1\n"
    found = compare(NOVA, after)
    assert found.form == "ini"
    assert found.patch == (
        {"op": "replace", "path": "/DEFAULT/enabled_apis", "value": "osapi_compute,"},
        {"op": "replace", "path": "/filter_scheduler/available_filters", "value": ["nova.x", "nova.z"]},
        {"op": "add", "path": "/new", "value": {"a": "1"}},
    )


def test_a_diff_has_headers_and_three_lines_of_context() -> None:
    before = "".join(f"line {n}\n" for n in range(20))
    assert compare(before, before.replace("line 9\n", "changed\n"), "/etc/motd").diff.split("\n") == [
        "--- /etc/motd",
        "+++ /etc/motd",
        "@@ -7,7 +7,7 @@",
        " line 6",
        " line 7",
        " line 8",
        "-line 9",
        "+changed",
        " line 10",
        " line 11",
        " line 12",
    ]


def test_a_change_of_layout_and_remarks_only_has_an_empty_patch_and_still_a_diff() -> None:
    after = "# new remark\n" + NOVA.replace(" = ", "=").replace("[api]\n", "\n\n[api]\n")
    found = compare(NOVA, after)
    assert (found.form, found.patch) == ("ini", ())
    assert "+# new remark" in found.diff
    assert same_meaning(NOVA.encode(), after.encode(), "/etc/nova/nova.conf")


@pytest.mark.parametrize(
    ("before", "after", "path"),
    [
        ("[a]\nb = 1\n", "[a]\nb = 1\nb = 1\n", "/x.conf"),
        ("[a]\nb = 1\nb = 2\n", "[a]\nb = 2\nb = 1\n", "/x.conf"),
        ("[a]\nb\n", "[a]\nb =\n", "/x.conf"),
        ("[a]\n", "[a]\n[b]\n", "/x.conf"),
        ("[a]\nb=c\n", "[A]\nb=c\n", "/x.conf"),
        ("[a]\nb=c\n", "[a]\nB=c\n", "/x.conf"),
        ("[a]\nb = x\n", "[a]\nb = x # y\n", "/x.conf"),
        ("a: 1\n", "a: '1'\n", "/x.yaml"),
        ("a: 1\n", "a: true\n", "/x.yaml"),
        ("a: 2026-01-31\n", "a: '2026-01-31'\n", "/x.yaml"),
        ("80: a\n", "'80': a\n", "/x.yaml"),
        ("a: [x, y]\n", "a: [y, x]\n", "/x.yaml"),
        ("# a\n", "# b\n", "/x.conf"),
        (VHOST, VHOST + "\n", "/etc/apache2/sites-available/a.conf"),
        ("[a]\nb = 1\n", "a = 1\n", "/x.conf"),
    ],
)
def test_texts_that_may_mean_something_else_do_not_mean_the_same(before: str, after: str, path: str) -> None:
    assert not same_meaning(before.encode(), after.encode(), path)
    assert same_meaning(before.encode(), before.encode(), path)
    assert compare(before, after, path).patch != ()


@pytest.mark.parametrize(
    ("before", "after", "path"),
    [
        ("a: 1\nb: [x, y]\n", "# z\nb:\n- x\n- 'y'\na: 1\n", "/x.yaml"),
        ('{"a": 1, "b": 2}', '{\n  "b": 2,\n  "a": 1\n}\n', "/x.json"),
        ("[a]\nb=1\n[c]\nd=2\n[a]\ne=3\n", "[c]\r\nd: 2\r\n\r\n[a]\r\ne=3\r\nb = 1\r\n", "/x.conf"),
    ],
)
def test_texts_that_differ_in_layout_mean_the_same(before: str, after: str, path: str) -> None:
    assert same_meaning(before.encode(), after.encode(), path)


def test_a_new_file_adds_to_an_empty_tree_and_a_removed_one_leaves_one() -> None:
    made = compare(None, "[a]\nb = 1\n")
    assert made.diff == "--- /etc/nova/nova.conf\n+++ /etc/nova/nova.conf\n@@ -0,0 +1,2 @@\n+[a]\n+b = 1"
    assert made.patch == ({"op": "add", "path": "/a", "value": {"b": "1"}},)
    gone = compare("[a]\nb = 1\n", None)
    assert gone.patch == ({"op": "remove", "path": "/a"},)
    assert "-b = 1" in gone.diff
    assert compare(None, "- 1\n", "/x.yaml").patch == ({"op": "replace", "path": "", "value": [1]},)


def test_an_ini_file_that_held_only_remarks_had_an_empty_tree() -> None:
    found = compare("# nothing yet\n\n", "[a]\nb = 1\n")
    assert (found.form, found.patch) == ("ini", ({"op": "add", "path": "/a", "value": {"b": "1"}},))


def test_a_file_that_is_no_longer_ini_is_compared_as_text() -> None:
    found = compare("[a]\nb = 1\n", "broken {\n")
    assert (found.form, found.patch) == (
        "text",
        (
            {"op": "replace", "path": "/0", "value": "broken {"},
            {"op": "remove", "path": "/1"},
        ),
    )
    assert "+broken {" in found.diff


def test_vhosts_are_text() -> None:
    found = compare(VHOST, VHOST.replace("processes=1", "processes=2"), "/etc/apache2/sites-available/a.conf")
    (operation,) = found.patch or ()
    assert (found.form, operation["op"], operation["path"]) == ("text", "replace", "/5")
    assert "processes=2" in str(operation["value"])
    assert "processes=2" in found.diff


@pytest.mark.parametrize("side", [b"\0elf", b"\xff\xfe", b"a" * (1024 * 1024 + 1)])
def test_binary_and_huge_files_are_not_looked_into(side: bytes) -> None:
    assert content.compare(b"a\n", side, path="/x.conf", redactor=Redactor()) == Content(form="binary")
    assert content.compare(side, None, path="/x.conf", redactor=Redactor()) == Content(form="binary")
    assert not same_meaning(b"a\n", side, "/x.conf")
    assert same_meaning(side, side, "/x.conf")


def test_equal_contents_have_no_diff() -> None:
    assert compare(NOVA, NOVA) == Content(form="ini", patch=(), back=())
    assert compare(VHOST, VHOST, "/x") == Content(form="text", patch=(), back=())
    assert compare(None, None, "/x") == Content(form="text", patch=(), back=())


def test_a_missing_line_end_is_told() -> None:
    assert compare("a\nb\n", "a\nb", "/x").diff.split("\n")[-3:] == ["-b", "+b", "\\ No newline at end of file"]
    assert compare("a\n", "a\r\n", "/x").diff.endswith("-a\n+a\\r")


@pytest.mark.parametrize("lines", [197, 198, 500])
def test_a_long_diff_is_cut_and_tells_by_how_much(lines: int) -> None:
    shown = compare(None, "".join(f"new {n}\n" for n in range(lines)), "/x").diff.split("\n")
    whole = 3 + lines
    assert shown[:200] == ["--- /x", "+++ /x", f"@@ -0,0 +1,{lines} @@", *(f"+new {n}" for n in range(min(lines, 197)))]
    assert shown[200:] == ([f"... {whole - 200} more lines"] if whole > 200 else [])


def test_a_long_line_is_cut() -> None:
    shown = compare("a\n", "x" * 1500 + "\n", "/x").diff.split("\n")[-1]
    assert shown == "+" + "x" * 999 + "... 501 more characters"
    assert compare("a\n", "x" * 5000 + "\n", "/x").diff.endswith("\n+... a line of 5000 characters")


@pytest.mark.parametrize("unit", ["a.", "://a:", "_password ", "a_", " ", "x=", "-----BEGIN PRIVATE KEY-----", "$6$"])
def test_a_line_without_an_end_takes_no_time(unit: str) -> None:
    started = time.process_time()
    for first in ("", "[a]\nx", "[a]\nx = "):
        compare(None, first + unit * (600_000 // len(unit)) + "\n", "/x")
    assert time.process_time() - started < 5


def test_texts_too_long_for_a_diff_are_counted() -> None:
    found = compare("a\n" * 20_001, "b\n", "/x")
    assert found.diff == "too long to show: 20001 and 1 lines"
    scattered = [f"line {n}" for n in range(15_000)]
    other = [f"new {n}" if n % 3 == 0 else line for n, line in enumerate(scattered)]
    started = time.process_time()
    found = compare("\n".join(scattered), "\n".join(other), "/x")
    assert found.diff == "too long to show: 15000 and 15000 lines"
    assert time.process_time() - started < 2


def test_a_file_of_three_thousand_lines_is_compared_fast() -> None:
    lines = ["[DEFAULT]"]
    for number in range(600):
        lines += [f"# Option {number}.", "# Possible values:", "#", f"opt{number} = {number}", ""]
    before = "\n".join([*lines, "password = swordfish-1", ""])
    after = before.replace("7 = ", "7 = x")
    times = []
    for _ in range(3):
        started = time.process_time()
        assert len(compare(before, after).patch or ()) == 60
        times.append(time.process_time() - started)
    assert min(times) < 0.25


SECRETS = ("q7Zx", "swordfish-1", 'Kp"9 wQ', "s3;cr,et", "two words", "it's", "a#b", "100%", "back\\slash", "üñï9")


def as_ini(secret: str) -> str:
    return f"[keystone_authtoken]\nusername = nova\npassword = {secret}\nport = 1\n"


def as_continued_ini(secret: str) -> str:
    return f"[a]\nadmin_token =\n  {secret}\n  second {secret}\nport = 1\n"


def as_yaml(secret: str) -> str:
    return yaml.safe_dump({"admin_password": secret, "users": [{"name": "x", "secret": {"deep": [secret]}}], "port": 1})


def as_flow_yaml(secret: str) -> str:
    return f"a: {{password: {json.dumps(secret)}, port: 1}}\nb: 1\n"


def as_block_yaml(secret: str) -> str:
    return f"a:\n  password: |\n    {secret}\n    and {secret}\n  port: 1\n"


def as_yaml_on_the_next_line(secret: str) -> str:
    return f"admin_password:\n  {json.dumps(secret)}\nport: 1\n"


def as_json(secret: str) -> str:
    return json.dumps({"db": {"password": secret, "user": "nova \U0001f600"}, "port": 1}, indent=1)


def as_small_json(secret: str) -> str:
    return json.dumps({"token": [secret], "port": 1}, ensure_ascii=False)


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize(
    ("text", "path"),
    [
        (as_ini, "/x.conf"),
        (as_continued_ini, "/x.conf"),
        (as_yaml, "/x.yaml"),
        (as_flow_yaml, "/x.yaml"),
        (as_block_yaml, "/x.yaml"),
        (as_yaml_on_the_next_line, "/x.yaml"),
        (as_json, "/x.json"),
        (as_small_json, "/x.json"),
    ],
)
def test_no_secret_leaves_a_file_with_a_structure(text: Callable[[str], str], path: str, secret: str) -> None:
    before, other = text(secret), text("nothing-secret-X")
    changed = before.replace("1", "2") if "1" not in secret else before.replace('port": 1', 'port": 2')
    written = {
        secret,
        json.dumps(secret)[1:-1],
        secret.replace("'", "''"),
        json.dumps(secret, ensure_ascii=False)[1:-1],
    }
    for one, two in ((before, other), (other, before), (None, before), (before, None), (before, changed)):
        found = compare(one, two, path)
        assert found.form in {"ini", "yaml", "json"}
        shown = found.diff + json.dumps([found.patch, found.back], ensure_ascii=False)
        assert not any(form in shown for form in written), shown
        if one != two:
            assert found.diff.startswith("--- ")


@pytest.mark.parametrize(
    "line",
    [
        "connection = mysql+pymysql://nova:{}@127.0.0.1/nova",
        "transport_url = rabbit://nova:{}@one:5672,nova:other@two:5672//",
        "transport_url = rabbit://nova:other@one:5672,nova:{}@two:5672//",
        "# connection = mysql://nova:{}@127.0.0.1/nova",
        "# password = {}",
        "#password: some {} words",
    ],
)
@pytest.mark.parametrize("secret", ["q7Zx", "swordfish-1", "s3/cret9", "p@ss9w"])
def test_no_password_of_a_url_or_a_remark_leaves(line: str, secret: str) -> None:
    before = f"[database]\n{line.format(secret)}\nother = 1\n"
    for after in (before.replace("other = 1", "other = 2"), before.replace(secret, "new-one-9"), None):
        found = compare(before, after)
        assert found.form == "ini"
        shown = found.diff + json.dumps([found.patch, found.back])
        assert secret not in shown
        assert "ss9w" not in shown
        assert "new-one-9" not in shown
        assert MARK in shown


@pytest.mark.parametrize(
    "line",
    [
        "export OS_PASSWORD={}",
        "exec run --password={} now",
        "export OS_PASSWORD='{}'",
        "$admin_password = '{}'",
        "admin_password = some {} words",
        "SetEnv DB_PASSWORD {}",
        "AuthLDAPBindPassword {}",
        '  [{{rabbit, [{{default_pass, <<"{}">>}}]}}]',
        "GRANT ALL ON nova.* TO nova IDENTIFIED BY '{}';",
        "curl http://nova:{}@127.0.0.1/",
        'define("DB_PASSWORD" => "{}");',
    ],
)
@pytest.mark.parametrize("secret", ["q7Zx", "swordfish-1", "s3;cret9"])
def test_no_secret_leaves_a_plain_text(line: str, secret: str) -> None:
    before = f"# A file\n{line.format(secret)}\nother thing\n"
    for after in (before.replace("thing", "matter"), before.replace(secret, "new-one-9"), None):
        found = compare(before, after, "/etc/apache2/x")
        assert found.form == "text"
        assert not any(word in found.diff for word in (secret, "cret9", "new-one-9"))
        assert MARK in found.diff


def test_a_secret_is_hidden_in_every_other_line_too() -> None:
    before = "[a]\npassword = swordfish-1\ncommand = run --with swordfish-1 now\n"
    found = compare(before, before + "x = 1\n")
    assert "swordfish-1" not in found.diff
    assert f" command = run --with {MARK} now" in found.diff.split("\n")


def test_secrets_of_one_file_are_known_to_the_next() -> None:
    redactor = Redactor()
    content.teach(as_ini("swordfish-1").encode(), path="/x.conf", redactor=redactor)
    content.teach(None, path="/x.conf", redactor=redactor)
    content.teach(b"\0", path="/x.conf", redactor=redactor)
    found = content.compare(None, b"[a]\nb = swordfish-1\n", path="/y.conf", redactor=redactor)
    assert "swordfish-1" not in found.diff + json.dumps([found.patch, found.back])


def test_a_value_that_yaml_shares_with_a_password_is_one() -> None:
    found = compare(None, "base: &x swordfish-1\npassword: *x\n", "/x.yaml")
    assert "swordfish-1" not in found.diff + json.dumps([found.patch, found.back])


def test_a_byte_order_mark_moves_no_secret_out_of_its_cover() -> None:
    assert compare(None, "\ufeffpassword: q7Zx\n", "/x.yaml").diff.endswith(f"+\ufeffpassword: {MARK}")


def test_a_changed_password_is_seen_to_change() -> None:
    found = compare(as_ini("swordfish-1"), as_ini("swordfish-2"))
    assert f"-password = {MARK}\n+password = {MARK}" in found.diff
    assert found.patch == ({"op": "replace", "path": "/keystone_authtoken/password", "value": MARK},)


def test_a_section_named_like_a_secret_hides_nothing_but_secrets() -> None:
    text = "[token]\nprovider = fernet\nexpiration = 3600\n[credential]\nprovider = fernet\npassword = swordfish-1\n"
    found = compare(None, text, "/etc/keystone/keystone.conf")
    assert "+provider = fernet" in found.diff
    assert found.patch == (
        {"op": "add", "path": "/credential", "value": {"provider": "fernet", "password": MARK}},
        {"op": "add", "path": "/token", "value": {"provider": "fernet", "expiration": "3600"}},
    )


def test_what_is_no_secret_stays_readable() -> None:
    before = "[a]\nuse_password = true\npassword =\nauth_type = password\nurl = http://h:80/v3\n"
    found = compare(before, before.replace("true", "false"))
    assert "[redacted]" not in found.diff
    assert found.patch == ({"op": "replace", "path": "/a/use_password", "value": "false"},)


KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA75\nshort\nqx9\n-----END RSA PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (KEY, "/etc/ssl/private/x.key"),
        ("# a key\n" + KEY.replace("RSA ", ""), "/etc/x.pem"),
        (KEY.partition("-----END")[0], "/etc/cut.pem"),
        ("a:\n  content: |\n" + "".join(f"    {line}\n" for line in KEY.splitlines()), "/x.yaml"),
        (json.dumps({"content": KEY}), "/x.json"),
        ("[a]\ncontent =\n" + "".join(f"  {line}\n" for line in KEY.splitlines()), "/x.conf"),
    ],
)
def test_no_private_key_leaves(text: str, path: str) -> None:
    other = text.replace("qx9", "qx8")
    for before, after in ((None, text), (text, None), (text, other)):
        found = compare(before, after, path)
        shown = found.diff + json.dumps([found.patch, found.back])
        assert not any(word in shown for word in ("MIIE", "short", "qx9", "qx8", "PRIVATE")), shown
        assert MARK in shown


@pytest.mark.parametrize(
    "path",
    ["/etc/shadow", "/etc/gshadow", "/etc/shadow-", "/etc/gshadow-", "/etc/shadow.dpkg-old", "/var/backups/shadow.bak"],
)
def test_of_a_shadow_file_only_names_are_shown(path: str) -> None:
    before = "root:*:19000:0:99999:7:::\nnova:$y$j9T$abcdefgh$ijklmnop:19000:0:99999:7:::\n"
    redactor = Redactor()
    after = before.replace("ijkl", "mnop") + "x:!:1::\nno colon here\n"
    found = content.compare(before.encode(), after.encode(), path=path, redactor=redactor)
    assert (found.form, found.patch) == (
        "text",
        (
            {"op": "replace", "path": "/1", "value": f"nova:{MARK}"},
            {"op": "add", "path": "/2", "value": f"x:{MARK}"},
            {"op": "add", "path": "/3", "value": MARK},
        ),
    )
    assert found.diff.split("\n")[3:] == [
        f" root:{MARK}",
        f"-nova:{MARK}",
        f"+nova:{MARK}",
        f"+x:{MARK}",
        f"+{MARK}",
    ]
    assert "ijkl" not in redactor.text("usermod -p $y$j9T$abcdefgh$ijklmnop nova")


def test_a_password_hash_leaves_no_other_file() -> None:
    found = compare(None, "admin:$apr1$abcdefgh$0123456789abcdefghijkl\n", "/etc/apache2/htpasswd")
    assert found.diff.endswith(f"+admin:{MARK}")


def test_when_secrets_cannot_be_located_nothing_is_shown() -> None:
    text = '{"strange": "\x7f", "password": "q7Zx"}'
    found = compare(None, text, "/x.json")
    assert found.diff.startswith("not shown: ")
    assert "q7Zx" not in json.dumps([found.patch, found.back])


def test_packages_whose_installed_version_differs_are_told() -> None:
    after = (
        STATUS.replace("2:14.0.0-1", "2:15.0.0-1")
        .replace("deinstall ok config-files", "install ok installed")
        .replace("half-installed", "triggers-pending")
    )
    assert content.packages(STATUS.encode(), after.encode()) == (
        PackageChange(name="gone", before="", after="1.0"),
        PackageChange(name="half", before="", after="1.0"),
        PackageChange(name="nova-api", before="2:14.0.0-1", after="2:15.0.0-1"),
    )
    assert content.packages(STATUS.encode(), STATUS.encode()) == ()


def test_a_package_of_two_architectures_is_two() -> None:
    without = STATUS.replace("hold ok installed", "deinstall ok config-files")
    assert content.packages(STATUS.encode(), without.encode()) == (
        PackageChange(name="libc6:i386", before="2.36-9", after=""),
    )
    assert content.packages(None, without.encode()) == (
        PackageChange(name="libc6", before="", after="2.36-9"),
        PackageChange(name="nova-api", before="", after="2:14.0.0-1"),
    )


def test_a_package_that_only_changes_its_architecture_keeps_its_name() -> None:
    after = STATUS.replace("Architecture: all\nVersion: 2:14.0.0-1", "Architecture: amd64\nVersion: 2:15.0.0-1")
    assert content.packages(STATUS.encode(), after.encode()) == (
        PackageChange(name="nova-api", before="2:14.0.0-1", after="2:15.0.0-1"),
    )
