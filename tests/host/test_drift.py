"""The patches of a result, applied to the files that the tasks left, give the files that Puppet makes."""

from __future__ import annotations

import copy
from typing import Any

import jsonpatch
import yaml
from jsonschema import Draft202012Validator
from pydantic import JsonValue

from tests.host.lab import Lab
from validator.render.schema import result_schema
from validator.witness.trees import tree_of

# What the tasks leave and what Puppet for the new release makes of it. What is left is managed by nobody: only the
# comparison with a fresh host sees it. What is missing no task makes.
IS = {
    "shop.ini": "[pool]\nsize = 3\nhost = a\nhost = b\n[old]\nx = 1\n",
    "shop.yaml": "a: {b: [1, {c: 2}]}\n/etc/x~y: 1\n",
    "shop.json": '{"a": {"b/c": [1]}}\n',
    "shop.txt": "one\ntwo\nthree\n",
    "left.ini": "[left]\nover = 1\n",
    "left.txt": "left\nover\n",
}
SHOULD = {
    "shop.ini": "[pool]\nsize = 5\nhost = b\nhost = c\n[a/b~c]\n/v2 = 1\n",
    "shop.yaml": "a: {b: [1, {c: 3}], d: null}\n80: yes\n",
    "shop.json": '{"a": {"b/c": [1, true]}}\n',
    "shop.txt": "zero\none\ntwo and a half\nthree",
    "missing.txt": "made\nby Puppet\n",
    "missing.ini": "[made]\nby = Puppet\n",
}
SECRET = "correct-horse-7"  # noqa: S105 - of a host that is thrown away
MADE = {**SHOULD, "shop.key": f"password={SECRET}\n"}


def puppet(files: dict[str, str], mode: str) -> str:
    quoted = {name: text.replace("\\", "\\\\").replace("'", "\\'") for name, text in files.items()}
    return "".join(f"file {{ '/etc/{name}': content => '{quoted[name]}', mode => '{mode}' }}\n" for name in files)


def tasks(files: dict[str, str]) -> list[dict[str, Any]]:
    return [
        {"name": f"write {name}", "ansible.builtin.copy": {"dest": f"/etc/{name}", "content": text, "mode": "0644"}}
        for name, text in files.items()
    ]


def applied(tree: JsonValue, patch: list[dict[str, Any]]) -> JsonValue:
    made: JsonValue = jsonpatch.apply_patch(copy.deepcopy(tree), patch)
    return made


def assert_leads(each: dict[str, Any], is_: str | None, should: str | None) -> None:
    old, new = (tree_of(text, each["path"], each["form"]) for text in (is_, should))
    assert old != new
    assert applied(old, each["patch"]) == new
    metadata = each["metadata"]
    assert applied(metadata["is"], metadata["patch"]) == metadata["should"]
    assert (metadata["is"] == {}, metadata["should"] == {}) == (is_ is None, should is None)


def test_patches_lead_from_what_the_tasks_left_to_what_puppet_makes(lab: Lab) -> None:
    # Puppet leaves these alone, as they are there (`replace => false`). On a fresh host it makes them.
    kept = {f"kept-{name}": name for name in IS.keys() & SHOULD.keys()}
    manifest = puppet(MADE, "0640")
    manifest += puppet({path: SHOULD[name] for path, name in kept.items()}, "0644").replace(
        "content =>", "replace => false, content =>"
    )
    written = {**IS, "shop.key": "password=wrong-battery-9\n", **{path: IS[name] for path, name in kept.items()}}
    ran = lab.json(lab.scenario(new=manifest, tasks=yaml.safe_dump(tasks(written)), checks={"agreement": True}))
    assert ran.code == 1, ran.err
    assert SECRET not in ran.out
    assert list(Draft202012Validator(result_schema()).iter_errors(ran.result)) == []
    found = {(each["phase"], each["path"].removeprefix("/etc/")): each for each in ran.result["drift"]}

    for name, should in SHOULD.items():
        each = found["converge", name]
        assert_leads(each, IS.get(name), should)
        assert each["resources"] == [f"File[/etc/{name}]"]
        assert each["form"] == {"ini": "ini", "yaml": "yaml", "json": "json", "txt": "text"}[name.partition(".")[2]]
        assert each["metadata"]["should"]["mode"] == "0640"
        if name in IS:
            assert each["metadata"]["patch"] == [{"op": "replace", "path": "/mode", "value": "0640"}]
    (secret,) = [operation for operation in found["converge", "shop.key"]["patch"] if operation["path"] == "/0"]
    assert secret["value"] == "password=[redacted]"
    assert not [name for phase, name in found if phase == "again"]

    fresh = {name: each for (phase, name), each in found.items() if phase == "fresh"}
    assert fresh.keys() == {"left.ini", "left.txt", "shop.conf", *kept}  # that is the old release's
    for path, name in kept.items():
        assert (fresh[path]["kind"], fresh[path]["resources"]) == ("content", [f"File[/etc/{path}]"])
        assert_leads(fresh[path], IS[name], SHOULD[name])
    for name in ("left.ini", "left.txt"):
        assert (fresh[name]["kind"], fresh[name]["resources"]) == ("removed", [])
        assert_leads(fresh[name], IS[name], None)
