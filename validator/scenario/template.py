"""A small, working scenario to start from."""

from __future__ import annotations

import re
from pathlib import Path

from validator.errors import UsageError

FILES = {
    "scenario.yml": """\
# What is upgraded, in one line.
title: {name} from version 1 to version 2

# The host's root file system: Debian packages, installed once and cached.
image:
  suite: bookworm
  packages: [puppet-agent]
  # prepare: prepare.sh            # a script run once in the image after the packages are installed

host:
  # `plain` has no service manager and starts in milliseconds; use `systemd` when services matter.
  driver: plain
  hostname: {name}.example.test
  # wait_for: [mariadb.service]    # units that must be active before a tool runs (systemd only)

# services: [mariadb.service]      # units whose state is reported one by one (systemd only)

# How Puppet configured the host before ...
old:
  manifest: old.pp
  modules: []                      # modules of the image to use; without this key, all of them
  # modules_path: [modules]        # directories with modules of your own
  # hiera: hiera.yaml

# ... the Ansible tasks under test ...
upgrade:
  tasks: upgrade.yml               # a list of tasks; or `playbook:` with `hosts: all`
  # vars: {{answer: 42}}

# ... and how Puppet configures it from now on. It must find nothing left to do.
new:
  manifest: new.pp
  modules: []

# What neither tool looks at; evaluated after the upgrade and after Puppet.
probes:
  - name: the program reads version 2
    command: grep -c '^version=2$' /etc/{name}.conf
    stdout: ^1$
""",
    "old.pp": """\
file {{ '/etc/{name}.conf':
  content => "version=1\\n",
  owner   => 'root',
  mode    => '0644',
}}
""",
    "new.pp": """\
file {{ '/etc/{name}.conf':
  content => "version=2\\n",
  owner   => 'root',
  mode    => '0640',
}}
""",
    "upgrade.yml": """\
- name: configuration of version 2
  ansible.builtin.copy:
    dest: /etc/{name}.conf
    content: "version=2\\n"
    owner: root
    mode: "0640"                   # leave this out to see a divergence
""",
}


def write(root: Path, name: str) -> Path:
    """Write the scenario `name` below `root`; returns its directory. Never touches what is there already."""
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,40}", name):
        raise UsageError(f"{name!r} is no good name for a scenario", hint="Use small letters, digits and dashes.")
    directory = root / name
    try:
        root.mkdir(parents=True, exist_ok=True)
        directory.mkdir()
    except FileExistsError as error:
        raise UsageError(f"{directory} is there already; it was not touched", hint="Choose another name.") from error
    except OSError as error:
        raise UsageError(f"{directory} cannot be made: {error.strerror}") from error
    for file, text in FILES.items():
        (directory / file).write_text(text.format(name=name), encoding="utf-8")
    return directory
