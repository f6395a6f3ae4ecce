"""Secrets never get through, and words that are no secrets stay."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit import builders as make
from validator import sensitive
from validator.record import Content, DiskSeen, PathChange
from validator.redact import MARK, Redactor, is_secret_name, values_in


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "db_password",
        "admin_token",
        "placement/password",
        "DEFAULT/transport_secret",
        "api-key",
        "mysql_pwd",
    ],
)
def test_names_of_secrets(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name", ["keystone_authtoken/region_name", "path", "passenger", "tokenizer", "compass", "bypass_checks", "monkey"]
)
def test_names_that_only_look_like_secrets(name: str) -> None:
    assert not is_secret_name(name)


def test_values_are_found_below_secret_names_and_in_urls_and_sql() -> None:
    tree = {
        "db": {"password": "swordfish-1"},
        "users": [{"name": "x", "secret": ["alpha-beta"]}],
        "url": "mysql+pymysql://nova:hidden-3@127.0.0.1/nova",
        "sql": "CREATE USER 'a'@'b' IDENTIFIED BY 'hidden-4'",
    }
    assert values_in(tree) == {"swordfish-1", "alpha-beta", "hidden-3", "hidden-4"}


def test_a_known_value_goes_wherever_it_stands() -> None:
    redactor = Redactor({"swordfish-1"})
    assert redactor.text("login as x with swordfish-1, twice") == f"login as x with {MARK}, twice"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("password = hunter2", f"password = {MARK}"),
        ("-db_password: 'a b c'", f"-db_password: {MARK}"),
        ("rabbit://u:p%40x@h:5672/", f"rabbit://u:{MARK}@h:5672/"),
        ("IDENTIFIED BY 'x1'", f"IDENTIFIED BY {MARK}"),
        ("password: '{{ db_password }}'", "password: '{{ db_password }}'"),
        ("auth_type = password", "auth_type = password"),
    ],
)
def test_what_is_plainly_assigned_goes_too(text: str, expected: str) -> None:
    assert Redactor().text(text) == expected


def test_a_resource_keeps_its_name_though_it_is_a_default_password() -> None:
    redactor = Redactor({"guest"})
    redactor.keep({"guest"})
    assert redactor.text("Rabbitmq_user[guest]") == "Rabbitmq_user[guest]"


def test_an_empty_password_hides_nothing_on_the_next_line() -> None:
    assert Redactor().text("password =\nnext = 1") == "password =\nnext = 1"


def test_short_words_stay_where_they_are_not_assigned() -> None:
    redactor = Redactor({"nova"})
    assert redactor.text("Nova_config[nova/x] of nova") == "Nova_config[nova/x] of nova"
    assert redactor.tree({"password": "nova", "user": "nova"}) == {"password": MARK, "user": "nova"}


def test_names_in_camel_case() -> None:
    assert is_secret_name("adminPassword")
    assert is_secret_name("dbPass")
    assert not is_secret_name("compassNeedle")


def test_the_default_of_a_service_is_no_secret() -> None:
    redactor = Redactor(values_in({"password": "<SERVICE DEFAULT>"}))
    assert redactor.text("it is <SERVICE DEFAULT>") == "it is <SERVICE DEFAULT>"


@pytest.mark.parametrize("word", ["a.", "a_", "a-", "pass_", "password."])
def test_long_words_are_searched_in_one_go(word: str) -> None:
    """Half a megabyte; what is quadratic takes hours."""
    text = word * (500_000 // len(word)) + " = x"
    Redactor().text(text)
    is_secret_name(text)


def test_files_that_are_sensitive_as_a_whole_are_not_shown_line_by_line() -> None:
    change = PathChange(path="/etc/key", kind="content", content=Content(form="text", diff="-one\n+two"))
    other = replace(change, path="/etc/other")
    compiled = make.catalog(("File[key]", {"path": "/etc/key", "content": MARK}))
    written = make.task(args={"dest": "/etc/key", "content": "two"}, diff=[{"before": "one"}])
    upgrade = replace(
        make.phase("upgrade", ansible=(make.tasks(written),)), disk=DiskSeen(changes=(change, other), noise={})
    )
    run = make.with_phase(make.healthy(), upgrade)
    run = make.with_phase(run, make.phase("converge", make.applied("t3", compiled=compiled)))
    shown = sensitive.hidden(run).phase("upgrade")
    assert shown is not None
    assert shown.disk is not None
    assert [each.content.diff for each in shown.disk.changes if each.content] == [MARK, "-one\n+two"]
    (task,) = shown.ansible[0].tasks
    assert (task.args, task.diff) == ({"dest": "/etc/key", "content": MARK}, MARK)
