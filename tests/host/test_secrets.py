"""A password that any of the author's files holds is nowhere in what is stored or shown."""

from __future__ import annotations

import secrets
from pathlib import Path

import yaml

from tests.conftest import Ran
from tests.host.lab import Lab

# Each name stands for a random password. They get into the host in the ways that real releases use, some of which
# the new release then changes, so that Puppet shows both sides.
OLD = """\
$admin_password = '@variable@'
file { '/etc/shop.conf':
  content => "version=1\\npassword=${admin_password}\\nurl=mysql://shop:@url@@localhost/shop\\ntoken: @yaml@\\n",
}
file { '/etc/shop.key':
  content   => Sensitive('@sensitive@'),
}
file { '/etc/shop.netrc':
  content => "machine db login shop ${admin_password}\\n",
}
file { '/etc/shop.looked':
  content => lookup('shop::password'),
}
user { 'shop':
  password => '@shadow@',
}
exec { "/bin/echo \\"CREATE USER shop IDENTIFIED BY '@sql@'\\" | /usr/bin/tee /root/sql":
  creates   => '/root/sql',
  logoutput => true,
}
exec { '/bin/echo login --password=@option@ | /usr/bin/tee /root/login':
  creates   => '/root/login',
  logoutput => true,
}
"""
TASKS = """\
- name: settings
  ansible.builtin.copy:
    dest: /etc/shop.ini
    content: |
      [database]
      password = {{ shop_password }}
      connection = mysql://shop:@task_url@@localhost/shop
- name: user
  ansible.builtin.user:
    name: shop
    password: "@task_argument@"
    update_password: always
- name: one that is a password only once its parts are joined
  ansible.builtin.set_fact:
    shop_token: "{{ parts | join }}"
  vars:
    parts: ["@joined_1@", "@joined_2@"]
- name: and is told
  ansible.builtin.debug:
    msg: "it was {{ shop_token }}"
- name: the program is told on its command line
  ansible.builtin.command: echo --password=@task_option@ {{ shop_password }}
- name: and in its environment
  ansible.builtin.shell: echo "$SHOP_PASSWORD"
  environment:
    SHOP_PASSWORD: "@task_environment@"
- name: one that is said not to be logged
  ansible.builtin.command: echo @task_hidden@
  no_log: true
- name: one that fails and says why
  ansible.builtin.shell: echo "access denied for {{ shop_password }}" >&2; exit 1
  ignore_errors: true
- name: message
  ansible.builtin.debug:
    msg: "the password is {{ shop_password }}"
- name: fact
  ansible.builtin.set_fact:
    api_token: "@task_fact@"
"""
NAMES = (
    *("variable", "url", "yaml", "sensitive", "shadow", "sql", "option", "hiera", "new_hiera", "fact", "vars"),
    *("task_url", "task_argument", "task_option", "task_environment", "task_hidden", "task_fact"),
    *("new_variable", "new_sensitive", "joined_1", "joined_2"),
)


def write(lab: Lab, words: dict[str, str]) -> Path:
    """A scenario that is full of passwords and diverges in all of them."""

    def filled(text: str) -> str:
        for name, word in words.items():
            text = text.replace(f"@{name}@", word)
        return text

    new = OLD.replace("@variable@", "@new_variable@").replace("@sensitive@", "@new_sensitive@")
    new = new.replace("/root/", "/srv/")
    parts = {"hiera": "old-hiera.yaml", "facts": {"shop_secret": words["fact"]}}
    scenario = lab.scenario(
        old=filled(OLD),
        new=filled(new),
        tasks=filled(TASKS),
        old_release=parts,
        new_release={**parts, "hiera": "new-hiera.yaml"},
        upgrade={"vars": {"shop_password": words["vars"]}},
        probes=[{"name": "it can log in", "command": f"echo --password={words['option']}; exit 1"}],
    )
    for release, name in (("old", "hiera"), ("new", "new_hiera")):
        hierarchy = [{"name": "all", "path": f"{release}.yaml", "datadir": f"{release}-data", "data_hash": "yaml_data"}]
        text = yaml.safe_dump({"version": 5, "hierarchy": hierarchy})
        (scenario / f"{release}-hiera.yaml").write_text(text, encoding="utf-8")
        (scenario / f"{release}-data").mkdir(exist_ok=True)
        (scenario / f"{release}-data/{release}.yaml").write_text(f"shop::password: {words[name]}\n", encoding="utf-8")
    return scenario


def stored(cache: Path) -> dict[str, str]:
    """What a run has stored, but for the disks of hosts."""
    files = (*cache.glob("runs/*/*"), *cache.glob("states/*/*.json"))
    return {str(path.relative_to(cache)): path.read_text(encoding="utf-8") for path in files}


def test_no_password_is_stored_or_shown(cold_lab: Lab) -> None:
    words = {name: secrets.token_urlsafe(12).replace("-", "x").replace("_", "y") for name in NAMES}
    scenario = write(cold_lab, words)
    ran: dict[str, Ran] = {"text": cold_lab.run(scenario), "json": cold_lab.json(scenario)}
    assert {name: each.code for name, each in ran.items()} == {"text": 1, "json": 1}
    seen = stored(cold_lab.cache)
    assert any(name.endswith("record.json") for name in seen)
    assert any(name.endswith("phase.json") for name in seen)
    for name, each in ran.items():
        seen |= {f"{name} on standard output": each.out, f"{name} on standard error": each.err}
    words["joined"] = words.pop("joined_1") + words.pop("joined_2")
    found = {(name, place) for name, word in words.items() for place, text in seen.items() if word in text}
    assert found == set()
