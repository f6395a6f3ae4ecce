"""Tasks as written: what is literal is known, what only a host can say is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import JsonValue

from validator.record import WrittenTask
from validator.redact import MARK
from validator.scenario import tasks
from validator.scenario.words import free_form, key_values


def written(directory: Path, files: dict[str, str], **variables: JsonValue) -> tuple[WrittenTask, ...]:
    """The tasks of main.yml."""
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tasks.read(directory, "main.yml", variables, shown=lambda name: f"shown/{name}")


def one(directory: Path, text: str, **variables: JsonValue) -> WrittenTask:
    found = written(directory, {"main.yml": text}, **variables)
    assert len(found) == 1, found
    return found[0]


@pytest.mark.parametrize(
    ("text", "module", "args"),
    [
        ("- copy: {dest: /a, mode: 0644}", "copy", {"dest": "/a", "mode": 0o644}),
        ("- copy: dest=/a content='b c' mode=0644", "copy", {"dest": "/a", "content": "b c", "mode": "0644"}),
        ("- copy: dest=/a\n  args: {mode: '0600', dest: /b}", "copy", {"dest": "/a", "mode": "0600"}),
        ("- ansible.builtin.command: ls /a", "ansible.builtin.command", {"_raw_params": "ls /a"}),
        (
            "- shell: echo a=b creates=/x chdir='/y z' | cat",
            "shell",
            {"_raw_params": "echo a=b   | cat", "creates": "/x", "chdir": "/y z"},
        ),
        ("- command: {cmd: ls /a, creates: /x}", "command", {"_raw_params": "ls /a", "creates": "/x"}),
        ("- command: {argv: [ls, a b]}", "command", {"_raw_params": "ls 'a b'"}),
        ("- command: \n  args: {argv: [ls, a]}", "command", {"_raw_params": "ls a"}),
        ("- shell: |\n    echo don't\n    ls", "shell", {"_raw_params": "echo don't\n    ls".replace("    ", "")}),
        ("- action: copy dest=/a", "copy", {"dest": "/a"}),
        ("- action: {module: copy, dest: /a}", "copy", {"dest": "/a"}),
        ("- local_action: command ls", "command", {"_raw_params": "ls"}),
        ("- meta: flush_handlers", "meta", {"_raw_params": "flush_handlers"}),
    ],
)
def test_every_way_to_write_arguments(tmp_path: Path, text: str, module: str, args: dict[str, JsonValue]) -> None:
    task = one(tmp_path, text)
    assert (task.module, task.args) == (module, args)


def test_a_task_is_known_by_its_place_and_keeps_its_keywords_as_written(tmp_path: Path) -> None:
    text = "# first\n- name: ask {{ x }}\n  command: ls\n  register: r\n  changed_when: false\n  when: x is defined\n"
    task = one(tmp_path, text)
    assert (task.name, str(task.place)) == ("ask {{ x }}", "shown/main.yml:2")
    assert task.keywords == {"register": "r", "changed_when": False, "when": ["x is defined"]}
    assert one(tmp_path, "- command: ls").name == "command"
    assert one(tmp_path, "- local_action: command ls").keywords == {"delegate_to": "localhost"}


def test_blocks_and_plays_hand_down_what_they_say(tmp_path: Path) -> None:
    text = """
- hosts: all
  become: true
  tags: [all]
  vars: {path: /play, mode: '0644'}
  module_defaults: {copy: {owner: root}, ansible.builtin.file: {owner: nobody}}
  tasks:
    - block:
        - copy: {dest: "{{ path }}", mode: "{{ mode }}"}
          when: c
          tags: own
          vars: {mode: '0600'}
      rescue:
        - file: {path: /rescued}
      always:
        - command: ls
      when: [a, b]
      vars: {path: /block}
  handlers:
    - name: h
      command: ls
"""
    copy, file, always, handler = written(tmp_path, {"main.yml": text})
    assert copy.args == {"dest": "/block", "mode": "0600", "owner": "root"}
    assert copy.keywords["when"] == ["a", "b", "c"]
    assert copy.keywords["tags"] == ["all", "own"]
    assert copy.keywords["become"] is True
    assert file.args == {"path": "/rescued", "owner": "nobody"}
    assert file.keywords["when"] == ["a", "b", tasks.ON_FAILURE]
    assert always.keywords["when"] == ["a", "b"]
    assert handler.handler
    assert not copy.handler


@pytest.mark.parametrize(
    ("loop", "paths"),
    [
        ("loop: [a, b]", ["/a", "/b"]),
        ("with_items: [[a, b], c]", ["/a", "/b", "/c"]),
        ("with_dict: {a: 1, b: 2}\n  vars: {item2: x}", ["/{'key': 'a', 'value': 1}", "/{'key': 'b', 'value': 2}"]),
        ('loop: "{{ known }}"', ["/x", "/y"]),
        ("loop: []", []),
        (f"loop: {list(range(300))}", [f"/{number}" for number in range(200)]),
    ],
)
def test_a_literal_loop_is_one_task_for_each_item(tmp_path: Path, loop: str, paths: list[str]) -> None:
    text = '- file: {path: "/{{ item }}"}\n  ' + loop
    found = written(tmp_path, {"main.yml": text}, known=["x", "y"])
    assert [task.args["path"] for task in found] == paths


def test_loop_variables_have_their_own_names(tmp_path: Path) -> None:
    text = '- file: {path: "/{{ it.p }}{{ n }}"}\n  loop: [{p: a}]\n  loop_control: {loop_var: it, index_var: n}'
    assert one(tmp_path, text).args == {"path": "/a0"}


def test_what_only_a_host_can_say_stays_as_written(tmp_path: Path) -> None:
    text = """
- command: ls
  register: known
- set_fact: {later: x}
- file: {path: "{{ known.stdout }}", owner: "{{ later }}", group: "{{ 'a' | no_such_filter }}", mode: "{{ mode }}"}
- file: {path: "{{ item }}"}
  loop: "{{ known.stdout_lines }}"
- file: {path: "{{ item }}"}
  with_fileglob: /etc/*
"""
    variables: dict[str, JsonValue] = {"later": "given"}
    _, _, file, looped, globbed = written(tmp_path, {"main.yml": text}, mode="0644")
    assert file.unknown == ("path", "owner", "group")
    assert file.args["path"] == "{{ known.stdout }}"
    assert file.args["mode"] == "0644"
    assert looped.unknown == ("loop", "path")
    assert globbed.unknown == ("loop", "path")
    # What the scenario gives wins over what a task sets.
    assert written(tmp_path, {"main.yml": text}, **variables)[2].args["owner"] == "given"


def test_templates_keep_types_and_lead_to_each_other(tmp_path: Path) -> None:
    text = """
- hosts: all
  vars:
    base: "/{{ name }}"
    whole: "{{ base }}/x"
    flag: "{{ number > 1 }}"
    endless: "{{ endless }}"
  tasks:
    - copy: {dest: "{{ whole }}", force: "{{ flag }}", content: "a\\n{{ endless }}"}
"""
    found = written(tmp_path, {"main.yml": text}, name="n", number=2)[0]
    assert found.args == {"dest": "/n/x", "force": True, "content": "a\n{{ endless }}"}
    assert found.unknown == ("content",)


def test_imports_includes_and_roles_are_followed(tmp_path: Path) -> None:
    files = {
        "main.yml": """
- import_playbook: other.yml
- hosts: all
  roles:
    - role: r
      when: wanted
      vars: {given: 1}
  tasks:
    - include_tasks: below/more.yml
      loop: [1, 2]
    - include_role: {name: r, tasks_from: second}
    - include_tasks: "{{ unknown }}.yml"
    - import_tasks: missing.yml
""",
        "other.yml": "- hosts: all\n  tasks: [{command: other}]\n",
        "below/more.yml": '- command: "more {{ item }}"\n- import_tasks: last.yml\n',
        "below/last.yml": "- command: last\n- import_tasks: last.yml\n",
        "roles/r/tasks/main.yml": '- command: "role {{ given }} {{ standard }} {{ fixed }}"\n',
        "roles/r/tasks/second.yml": "- command: second\n",
        "roles/r/handlers/main.yml": "- command: handled\n",
        "roles/r/defaults/main.yml": "{standard: d, given: 0}",
        "roles/r/vars/main.yml": "fixed: v",
    }
    found = written(tmp_path, files)
    said = [(task.args.get("_raw_params") or task.args, task.handler) for task in found if "import" not in task.module]
    assert said[:5] == [
        ("other", False),
        ("role 1 d v", False),
        ("handled", True),
        ("more 1", False),
        ("last", False),
    ]
    assert [line for line, _ in said[5:9]] == ["more 2", "last", "second", "handled"]
    assert found[1].keywords["when"] == ["wanted"]
    assert str(found[3].place) == "shown/below/more.yml:1"
    unread = [(task.module, task.unknown) for task in found if "tasks" in task.module]
    assert ("include_tasks", ("_raw_params",)) in unread
    assert ("import_tasks", ("file",)) in unread


@pytest.mark.parametrize(
    "text",
    ["", "a: [", "just text", "- 1\n- [x]\n- {}\n- {name: nothing}", "&a [*a]", "- &a {command: ls, vars: *a}", "\0"],
)
def test_odd_files_yield_nothing(tmp_path: Path, text: str) -> None:
    assert written(tmp_path, {"main.yml": text}) == ()
    assert tasks.read(tmp_path, "not there.yml", {}, shown=str) == ()


def test_what_lies_elsewhere_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "outside.yml").write_text("- command: rm\n", encoding="utf-8")
    inside = tmp_path / "inside"
    found = written(inside, {"main.yml": "- import_tasks: ../outside.yml\n"})
    assert [task.module for task in found] == ["import_tasks"]


def test_secrets_of_a_vault_are_no_text(tmp_path: Path) -> None:
    task = one(
        tmp_path, "- copy: {dest: /a, content: !vault '$ANSIBLE_VAULT;1.1', src: !unsafe '{{ a }}', owner: 2020-01-01}"
    )
    assert task.args["content"] == MARK
    assert task.args["owner"] == "2020-01-01"


def test_a_line_of_words_is_split_as_ansible_does() -> None:
    assert key_values("a=1 b='2 3' c=\"{{ d e }}\" f={{ g h }} nothing") == {
        "a": "1",
        "b": "2 3",
        "c": "{{ d e }}",
        "f": "{{ g h }}",
    }
    assert free_form("ls it's {{ a b }}") == ("ls it's {{ a b }}", {})
