"""Heat's functions: each over what is known, over what is not, and over what does not fit."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from pydantic import JsonValue

from validator.tripleo.environment import Environment
from validator.tripleo.heat import Ledger, Stack
from validator.tripleo.values import Unresolved, Value, carried, unknown_in

HEAD = """\
heat_template_version: wallaby
parameters:
  Name: {type: string, default: lamp}
  Number: {type: number, default: '7'}
  Flag: {type: boolean, default: 'no'}
  Words: {type: comma_delimited_list, default: 'a, b'}
  Map: {type: json, default: '{"one": {"two": [1, 2]}}'}
  Missing: {type: string}
conditions:
  named: {equals: [{get_param: Name}, lamp]}
  never: {not: named}
  unknown: {equals: [{get_param: Missing}, x]}
  circular: {not: circular}
  flagged: {get_param: Flag}
resources:
  Text: {type: 'OS::Heat::Value', properties: {type: string, value: {get_param: Number}}}
  Hidden: {type: 'OS::Heat::Value', condition: never, properties: {value: 1}}
  Loop: {type: 'OS::Heat::Value', properties: {value: {get_attr: [Loop, value]}}}
  Server: {type: 'OS::Nova::Server'}
  Odd: {type: 'OS::TripleO::Services::Odd'}
  Lost: {type: ./lost.yaml}
outputs:
  it:
    value:
"""


def resolved(directory: Path, expression: str, **parameters: JsonValue) -> Value:
    file = directory / "t.yaml"
    file.write_text(HEAD + "".join(f"      {line}\n" for line in expression.splitlines()), encoding="utf-8")
    ledger = Ledger(environment=Environment(values={name: carried(value) for name, value in parameters.items()}))
    return Stack(template=ledger.template(file), ledger=ledger).output("it")


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("{get_param: Name}", "lamp"),
        ("{get_param: Number}", 7),
        ("{get_param: Flag}", False),
        ("{get_param: Words}", ["a", "b"]),
        ("{get_param: [Map, one, two, 1]}", 2),
        ("{get_attr: [Text, value]}", "7"),
        ("{get_attr: [Hidden, value]}", None),
        ("{str_replace: {template: aXYb, params: {X: 1, XY: {get_param: Map}}}}", 'a{"one": {"two": [1, 2]}}b'),
        ("{str_replace: {template: X X, params: {X: XX}}}", "XX XX"),
        ("{str_replace: {template: x-A-B, params: {A: B, B: A}}}", "x-B-A"),
        ("{str_replace: {template: x, params: {x: null}}}", ""),
        ("{str_replace_strict: {template: x, params: {x: true}}}", "True"),
        ("{list_join: [', ', [a, {get_param: Name}], [b]]}", "a, lamp, b"),
        ("{list_concat: [[1], null, [1, 2]]}", [1, 1, 2]),
        ("{list_concat_unique: [[1], [1, 2]]}", [1, 2]),
        ("{map_merge: [{a: 1, b: 1}, null, {b: 2}]}", {"a": 1, "b": 2}),
        ("{map_replace: [{a: x, b: y}, {keys: {a: c}, values: {y: z}}]}", {"c": "x", "b": "z"}),
        ("{if: [named, yes it is, {get_param: Missing}]}", "yes it is"),
        ("{if: [{and: [named, {not: never}, {or: [never, named]}]}, 1, 2]}", 1),
        ("{if: [{or: [unknown, named]}, 1, 2]}", 1),
        ("{if: [{and: [unknown, never]}, 1, 2]}", 2),
        ("{if: [flagged, 1, 2]}", 2),
        ("{if: [{contains: [a, {get_param: Words}]}, 1, 2]}", 1),
        ("[1, {if: [never, 2]}]", [1]),
        ("{a: {if: [never, 2]}, b: 1}", {"b": 1}),
        ("{yaql: {expression: '$.data.x.where($ > 1)', data: {x: [1, 2, 3]}}}", [2, 3]),
        ('{yaql: {expression: \'concat($.data.rightSplit(":", 1)[0], ":new")\', data: a:b:c}}', "a:b:new"),
        ("{make_url: {scheme: http, host: '::1', port: 80, path: /a, query: {q: 1 2}}}", "http://[::1]:80/a?q=1+2"),
        ("{make_url: {scheme: amqp, username: u, password: 'p/', host: h}}", "amqp://u:p%2F@h"),
        ("{repeat: {template: {N_on: 'N=V'}, for_each: {N: [a], V: ['1', '2']}}}", [{"a_on": "a=1"}, {"a_on": "a=2"}]),
        (
            "{repeat: {template: AB, for_each: {A: [x, y], B: ['1', '2']}, permutations: false}}",
            ["x1", "y2"],
        ),
        ("{str_split: [',', 'a,b']}", ["a", "b"]),
        ("{str_split: [',', 'a,b', 1]}", "b"),
        ("{digest: [md5, x]}", "9dd4e461268c8034f5c8564e155c67a6"),
        ("{filter: [[null, a], [a, null, b]]}", ["b"]),
        ("{contains: [b, abc]}", True),
        ("{when: 2017-02-24, mode: 0644, on: off}", {"when": "2017-02-24", "mode": 0o644, "on": False}),
        ("{x: &x {get_param: Name}, y: *x}", {"x": "lamp", "y": "lamp"}),
        ("{<<: {a: 1, b: 1}, b: 2}", {"a": 1, "b": 2}),
    ],
)
def test_function(tmp_path: Path, expression: str, expected: object) -> None:
    assert resolved(tmp_path, expression) == expected


@pytest.mark.parametrize(
    ("expression", "column", "message"),
    [
        ("{get_param: Missing}", 19, "Missing: the parameter has no default and was given no value"),
        ("{get_param: Absent}", 19, "Absent: the template has no such parameter"),
        ("{get_param: 'OS::stack_name'}", 19, "OS::stack_name: the parameter has no default and was given no value"),
        ("{get_param: [Map, one, three]}", 19, "Map.one.three: no value was given for this key"),
        ("{get_param: {a: b}}", 7, "get_param: a list is wanted, not {'a': 'b'}"),
        ("{get_attr: [Text]}", 7, "get_attr: a resource and one of its attributes are wanted"),
        ("{get_attr: [Nobody, value]}", 18, "Nobody: the template has no such resource"),
        ("{get_attr: [Loop, value]}", None, "this value is defined by itself"),
        ("{get_attr: [Server, name]}", None, "resources.Server: Heat makes a OS::Nova::Server when it deploys"),
        ("{get_attr: [Odd, role_data]}", None, "no resource_registry says what OS::TripleO::Services::Odd is"),
        ("{get_attr: [Lost, role_data]}", None, "resources.Lost: ./lost.yaml cannot be used"),
        ("{get_resource: Server}", 22, "Server: a resource's id is known when Heat has made the resource"),
        ("{get_file: none.txt}", 18, "the file cannot be read"),
        ("{resource_facade: metadata}", 25, "only Heat knows"),
        ("{str_replace: {template: x}}", 7, "str_replace: `template` and `params` are wanted"),
        ("{str_replace_strict: {template: x, params: {y: 1}}}", 7, "these are not in the template: y"),
        ("{str_replace_vstrict: {template: x, params: {x: ''}}}", 7, "these have no value: x"),
        ("{list_join: [',', [1]]}", 7, "list_join: the items to join must be strings, lists or maps, not 1"),
        ("{list_join: [',']}", 7, "list_join: a delimiter and a list are wanted"),
        ("{map_merge: [[1]]}", 7, "map_merge: a map is wanted, not [1]"),
        ("{map_replace: [{a: 1, b: 2}, {keys: {a: b}}]}", 7, "the key b would be there twice"),
        ("{map_replace: [{a: 1}, {key: {}}]}", 7, "`keys` and `values` are wanted, not key"),
        ("{list_concat: [x]}", 7, "list_concat: a list is wanted, not 'x'"),
        ("{repeat: {template: A, for_each: {A: [x], B: []}, permutations: false}}", 7, "equally long"),
        ("{str_split: [',', 'a', 3]}", 7, "str_split: there are 1 parts, not one with the index 3"),
        ("{digest: [none, x]}", 7, "there is no algorithm 'none'"),
        ("{make_url: {sheme: x}}", 7, "an URL has no sheme"),
        ("{contains: [x]}", 7, "a value and a list are wanted"),
        ("{filter: [x]}", 7, "the values to leave out and a list are wanted"),
        ("{if: [named]}", 7, "if: a condition and two values are wanted"),
        ("{if: [nobody, 1, 2]}", 13, "there is no condition 'nobody'"),
        ("{if: [circular, 1, 2]}", None, "circular: the condition is defined by itself"),
        ("{if: [unknown, 1, 2]}", None, "Missing: the parameter has no default"),
        ("{if: [{equals: [1]}, 1, 2]}", 13, "equals: two values are wanted"),
        ("{if: [{nand: [1]}, 1, 2]}", 13, "nand is no function of a condition"),
        ("{yaql: {expression: '$.data.', data: {}}}", 7, "the expression '$.data.' fails"),
        ("{yaql: {expression: '$.data.x', date: {}}}", 7, "`expression` and `data` are wanted, not date"),
    ],
)
def test_what_cannot_be_resolved_is_named_with_its_place(
    tmp_path: Path, expression: str, column: int | None, message: str
) -> None:
    value = resolved(tmp_path, expression)
    assert isinstance(value, Unresolved)
    problems = [cause.problem for cause in value.causes]
    assert any(message in str(problem) for problem in problems), problems
    assert all(Path(problem.file).suffix == ".yaml" for problem in problems)
    if column is not None:
        assert (problems[0].line, problems[0].column) == (HEAD.count("\n") + 1, column)


@pytest.mark.parametrize(
    "expression",
    [
        "{list_join: ['', [a, {get_param: Missing}]]}",
        "{str_replace: {template: x, params: {x: {get_param: Missing}}}}",
        "{str_replace: {template: x, params: {x: [{get_param: Missing}]}}}",
        "{map_merge: [{a: 1}, {get_param: Missing}]}",
        "{list_concat: [{get_param: Missing}]}",
        "{list_concat_unique: [[{get_param: Missing}], [a]]}",
        "{contains: [a, [{get_param: Missing}]]}",
        "{filter: [[a], [{get_param: Missing}]]}",
        "{repeat: {template: X, for_each: {X: [{get_param: Missing}]}}}",
        "{make_url: {host: {get_param: Missing}}}",
        "{digest: [md5, {get_param: Missing}]}",
        "{yaql: {expression: 'str($.data)', data: {get_param: Missing}}}",
        "{yaql: {expression: 'str($.data.x)', data: {x: [{get_param: Missing}]}}}",
        "{yaql: {expression: 'isString($.data.x)', data: {x: {get_param: Missing}}}}",
        "{yaql: {expression: '$.data.where($ != null)', data: [{get_param: Missing}]}}",
        "{yaql: {expression: '$.data.distinct()', data: [{a: {get_param: Missing}}]}}",
        "{yaql: {expression: '$.data.x.y.z', data: {x: {get_param: Missing}}}}",
        "{yaql: {expression: '[$.data.x].join(\",\")', data: {x: {get_param: Missing}}}}",
        "{get_param: [Map, {get_param: Missing}]}",
        "{get_file: {get_param: Missing}}",
    ],
)
def test_nothing_is_computed_from_what_is_not_known(tmp_path: Path, expression: str) -> None:
    value = resolved(tmp_path, expression)
    assert isinstance(value, Unresolved)
    assert [cause.problem.key for cause in value.causes] == ["Missing"]
    assert not isinstance(resolved(tmp_path, expression, Missing="one"), type(None))


@pytest.mark.parametrize(
    ("expression", "known"),
    [
        ("{a: {get_param: Missing}, b: {get_param: Name}}", {"b": "lamp"}),
        ("{map_merge: [{a: {get_param: Missing}}, {b: 1}]}", {"b": 1}),
        ("{yaql: {expression: '$.data.x + $.data.y', data: {x: [{get_param: Missing}], y: [2]}}}", [2]),
    ],
)
def test_what_is_beside_an_unknown_stays_known(tmp_path: Path, expression: str, known: object) -> None:
    value = resolved(tmp_path, expression)
    assert len(list(unknown_in(value))) == 1
    if isinstance(value, dict):
        assert {key: each for key, each in value.items() if not isinstance(each, Unresolved)} == known
    elif isinstance(value, list):
        assert [each for each in value if not isinstance(each, Unresolved)] == known


def test_a_function_is_one_from_the_version_on_that_has_it(tmp_path: Path) -> None:
    file = tmp_path / "t.yaml"
    text = yaml.safe_dump({"outputs": {"it": {"value": {"filter": [["a"], ["a", "b"]]}}}})
    for version, expected in (("newton", {"filter": [["a"], ["a", "b"]]}), ("ocata", ["b"])):
        file.write_text(f"heat_template_version: {version}\n{text}", encoding="utf-8")
        ledger = Ledger(environment=Environment())
        assert Stack(template=ledger.template(file), ledger=ledger).output("it") == expected


def test_the_operators_map_has_empty_strings_where_it_says_nothing(tmp_path: Path) -> None:
    file = tmp_path / "t.yaml"
    file.write_text(
        "heat_template_version: queens\nparameters: {RoleParameters: {type: json, default: {}}}\n"
        "outputs: {it: {value: {get_param: [RoleParameters, KernelArgs]}}}\n",
        encoding="utf-8",
    )
    ledger = Ledger(environment=Environment())
    assert Stack(template=ledger.template(file), ledger=ledger).output("it") == ""
