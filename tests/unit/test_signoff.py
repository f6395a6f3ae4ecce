"""Sign-offs: what was signed holds as long as every file is what it was, and no longer."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Ran, Validate
from tests.unit.gates import WRITE, Gate, diverging
from validator.errors import UsageError
from validator.gate import run, signoff
from validator.gate.signoff import Verification
from validator.tools import ssh_keygen


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate.green(tmp_path)


def signed(gate: Gate, *, by: str = "me", key: Path | None = None) -> Path:
    """The sign-off of the gate as it is now."""
    file = gate.root / "signed/shop-2.json"
    file.parent.mkdir()
    run.gate(gate.file, WRITE, run.Signing(file=file, by=by, key=key))
    return file


def verified(file: Path, *, allowed: Path | None = None) -> Verification:
    return signoff.verify(file, WRITE, allowed=allowed)


def edit(file: Path, change: Callable[[dict[str, Any]], object]) -> None:
    document = json.loads(file.read_text(encoding="utf-8"))
    change(document)
    file.write_text(json.dumps(document), encoding="utf-8")


def test_what_is_as_it_was_holds(gate: Gate) -> None:
    done = verified(signed(gate))
    assert (done.says, done.reasons, done.undecided, done.notes) == ("holds", (), (), ())
    assert (done.signoff.answer, done.signoff.by, done.signed, int(done.exit_code)) == ("go", "me", "not signed", 0)


def test_it_can_be_moved_together_with_what_it_is_about(gate: Gate, tmp_path: Path) -> None:
    signed(gate)
    there = tmp_path / "there"
    there.mkdir()
    for name in ("scenarios", "results", "release.yml", "signed", "records"):
        (gate.root / name).rename(there / name)
    done = verified(there / "signed/shop-2.json")
    assert (done.says, done.reasons) == ("holds", ())


def test_a_no_go_is_signed_off_as_one(gate: Gate) -> None:
    gate.result(edit=diverging)
    done = verified(signed(gate))
    assert (done.says, done.signoff.answer, int(done.exit_code)) == ("holds", "no-go", 1)


def test_a_signed_no_go_cannot_be_made_a_go(gate: Gate) -> None:
    gate.result(edit=diverging)
    file = signed(gate)
    edit(file, lambda document: (document.update(answer="go"), document["lines"][0].update(answer="go", reasons=[])))
    done = verified(file)
    image = done.signoff.contents[0].image
    assert done.reasons == (
        "it says go, and what it is about gives no-go",
        f"its line of shop says go, and judged again it is no-go by ../results/shop.json on {image}",
    )


def red_later(gate: Gate) -> None:
    gate.result("later", age=1, edit=diverging)


def other_tasks(gate: Gate) -> None:
    file = gate.root / "scenarios/shop/tasks/upgrade.yml"
    file.write_text(file.read_text(encoding="utf-8") + "\n", encoding="utf-8")


def other_terms(gate: Gate) -> None:
    file = gate.root / "scenarios/shop/scenario.yml"
    file.write_text(file.read_text(encoding="utf-8") + "restarts: {default: 9}\n", encoding="utf-8")


# What happens to the files, and what is then said.
CHANGES: dict[str, tuple[Callable[[Gate], object], str]] = {
    "the result": (lambda gate: gate.edited(lambda result: result.update(seconds=1)), "results/shop.json was changed"),
    "the result by a byte": (
        lambda gate: gate.path.write_bytes(gate.path.read_bytes() + b"\n"),
        "results/shop.json was changed since",
    ),
    "the result is gone": (lambda gate: gate.path.unlink(), "results/shop.json is gone"),
    "the result is another": (lambda gate: gate.result(), "results/shop.json was changed since"),
    "the record": (
        lambda gate: (gate.root / "records/shop/record.json").write_text("{}", encoding="utf-8"),
        "records/shop/record.json was changed since",
    ),
    "the checklist": (lambda gate: gate.checklist(title="more"), "release.yml was changed since"),
    "the checklist is gone": (lambda gate: gate.file.unlink(), "release.yml is gone"),
    "a red result comes later": (red_later, "results/later.json was not there when it was signed"),
    "the tasks": (other_tasks, "scenarios/shop/scenario.yml has changed since: digest"),
    "what is allowed": (other_terms, "scenarios/shop/scenario.yml has changed since: digest"),
    "the scenario is gone": (
        lambda gate: (gate.root / "scenarios").rename(gate.root / "gone"),
        "the scenarios cannot be read any more: ",
    ),
}


@pytest.mark.parametrize("case", CHANGES)
def test_after_a_change_it_does_not_hold(case: str, gate: Gate) -> None:
    file = signed(gate)
    change, reason = CHANGES[case]
    change(gate)
    done = verified(file)
    assert done.says == "does not hold"
    assert int(done.exit_code) == 1
    assert [each for each in done.reasons if reason in each], done.reasons


def first(part: str, **values: object) -> Callable[[dict[str, Any]], object]:
    return lambda document: document[part][0].update(values)


# How the sign-off itself is edited, and what is then said.
FORGERIES: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "another sum": (first("results", sha256="0"), "results/shop.json was changed since"),
    "another result": (
        first("lines", result="../results/x.json"),
        "judged again it is go by ../results/shop.json on bookworm-",
    ),
    "no lines": (lambda document: document.update(lines=[]), "it has not a line for each of the checklist's"),
    "no contents": (
        lambda document: document.update(contents=[]),
        "its contents are not those of the checklist's lines",
    ),
    "another content": (first("contents", digest="d"), "it says go, and what it is about gives no-go"),
    "a later day": (lambda document: document.update(when=document["when"] + 9e6), "what it is about gives no-go"),
    "an earlier day": (lambda document: document.update(when=document["when"] - 9e6), "what it is about gives no-go"),
    "no results": (lambda document: document.update(results=[]), "results/shop.json was not there when it was signed"),
}


@pytest.mark.parametrize("case", FORGERIES)
def test_an_edited_sign_off_does_not_hold(case: str, gate: Gate) -> None:
    file = signed(gate)
    change, reason = FORGERIES[case]
    edit(file, change)
    done = verified(file)
    assert done.says == "does not hold"
    assert [each for each in done.reasons if reason in each], done.reasons


def test_without_a_signature_the_name_is_not_proved(gate: Gate) -> None:
    """As docs/how-to/release-gate.md says: this is why there is --key."""
    file = signed(gate)
    edit(file, lambda document: document.update(by="you"))
    assert verified(file).says == "holds"


def test_a_record_that_was_pruned_is_noted(gate: Gate) -> None:
    file = signed(gate)
    gate.forget_record()
    done = verified(file)
    assert (done.says, done.notes) == (
        "holds",
        ("the record ../records/shop/record.json is gone; its result is as it was signed",),
    )


@pytest.mark.parametrize("key", ["validator", "ansible_core"])
def test_with_another_version_what_was_decided_cannot_be_asked_again(key: str, gate: Gate) -> None:
    file = signed(gate)
    edit(file, lambda document: document.update({key: "0.0.1"}))
    done = verified(file)
    assert (done.says, int(done.exit_code)) == ("undecided", 3)
    assert "0.0.1" in done.undecided[0]
    gate.edited(lambda result: result.update(seconds=1))
    assert verified(file).says == "does not hold"


def test_a_sign_off_is_not_replaced(gate: Gate) -> None:
    file = signed(gate)
    before = file.read_bytes()
    with pytest.raises(UsageError, match="is there already"):
        run.gate(gate.file, WRITE, run.Signing(file=file, by="me", key=None))
    assert file.read_bytes() == before


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"schema": "convergence-validator/sign-off/2"}', "\0"])
def test_what_is_no_sign_off(text: str, gate: Gate) -> None:
    file = gate.root / "so.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match="is no sign-off"):
        verified(file)


# Signatures, made by the real ssh-keygen


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return new_key(tmp_path / "id")


def new_key(file: Path, *, locked: bool = False) -> Path:
    passphrase = "a phrase" if locked else ""
    subprocess.run(["/usr/bin/ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", "", "-f", file], check=True)
    return file


def allowed(file: Path, **keys: Path) -> Path:
    """A file of allowed signers."""
    lines = [f"{name}@example.test {key.with_suffix('.pub').read_text(encoding='ascii')}" for name, key in keys.items()]
    file.write_text("".join(lines), encoding="ascii")
    return file


def test_a_signature_proves_who(gate: Gate, key: Path) -> None:
    file = signed(gate, by="me@example.test", key=key)
    done = verified(file, allowed=allowed(gate.root / "signers", me=key))
    assert (done.says, done.reasons) == ("holds", ())
    assert done.signed.startswith("by me@example.test with ED25519 key SHA256:")


def test_without_a_list_of_signers_it_only_fits(gate: Gate, key: Path) -> None:
    file = signed(gate, by="me@example.test", key=key)
    done = verified(file)
    assert done.says == "holds"
    assert "whose that is was not asked" in done.signed


def test_a_signature_does_not_survive_an_edit(gate: Gate, key: Path) -> None:
    file = signed(gate, by="me@example.test", key=key)
    edit(file, lambda document: document.update(by="you@example.test"))
    for signers in (None, allowed(gate.root / "signers", me=key, you=key)):
        done = verified(file, allowed=signers)
        assert done.says == "does not hold"
        assert "shop-2.json.sig is no good signature of it" in done.reasons[0]


def test_a_strangers_signature_is_none(gate: Gate, key: Path) -> None:
    file = signed(gate, by="me@example.test", key=new_key(gate.root / "stranger"))
    signers = allowed(gate.root / "signers", me=key)
    assert verified(file, allowed=signers).says == "does not hold"
    signers = allowed(gate.root / "signers", other=gate.root / "stranger")
    assert verified(file, allowed=signers).says == "does not hold"


def test_a_signature_that_is_wanted_and_gone(gate: Gate, key: Path) -> None:
    file = signed(gate, by="me@example.test", key=key)
    file.with_name("shop-2.json.sig").unlink()
    assert verified(file).says == "holds"
    done = verified(file, allowed=allowed(gate.root / "signers", me=key))
    assert (done.says, len(done.reasons)) == ("does not hold", 1)
    assert "there is no signature" in done.reasons[0]


def test_a_signature_made_for_something_else_is_none(gate: Gate, key: Path) -> None:
    file = signed(gate, by="me@example.test")
    subprocess.run(
        ["/usr/bin/ssh-keygen", "-q", "-Y", "sign", "-f", key, "-n", "git", file], check=True, capture_output=True
    )
    assert verified(file, allowed=allowed(gate.root / "signers", me=key)).says == "does not hold"
    assert verified(file).says == "does not hold"


def test_a_key_that_cannot_sign_leaves_no_sign_off(gate: Gate) -> None:
    with pytest.raises(UsageError, match="cannot sign"):
        signed(gate, by="me", key=new_key(gate.root / "locked", locked=True))
    assert list((gate.root / "signed").iterdir()) == []
    (gate.root / "none").write_text("no key\n", encoding="ascii")
    (gate.root / "signed").rmdir()
    with pytest.raises(UsageError, match="cannot sign"):
        signed(gate, by="me", key=gate.root / "none")


def test_what_ssh_keygen_says_is_read_strictly() -> None:
    good = f'Good "{ssh_keygen.NAMESPACE}" signature for me@x with ED25519 key SHA256:abc\n'
    assert ssh_keygen.parse(good) == ssh_keygen.Signed(who="me@x", kind="ED25519", key="SHA256:abc")
    assert ssh_keygen.parse(good.replace("validator", "other")) is None
    assert ssh_keygen.parse("Could not verify signature.\n") is None
    assert ssh_keygen.signature_in("Enter passphrase: ") == ""


# The command


def test_the_command_signs_and_verifies(gate: Gate, key: Path, validate: Validate) -> None:
    def ran(*arguments: str) -> Ran:
        done = validate("gate", *arguments, cwd=gate.root)
        assert "Traceback" not in done.err
        return done

    who = "me@example.test"
    done = ran("release.yml", "--sign-off", "so.json", "--by", who, "--key", str(key))
    assert done.code == 0, done.err
    allowed(gate.root / "signers", me=key)
    done = ran("--verify", "so.json", "--allowed-signers", "signers")
    assert done.code == 0, done.err
    assert done.out.startswith("# HOLDS: so.json says GO to shop 2\n")
    document = ran("--verify", "so.json", "--format", "json").result
    assert (document["says"], document["answer"], document["exit_code"]) == ("holds", "go", 0)
    gate.edited(lambda result: result.update(title="x"))
    done = ran("--verify", "so.json", "--format", "text")
    assert done.code == 1
    assert done.out.startswith("DOES NOT HOLD: so.json says GO to shop 2\n")
    assert "against it: results/shop.json was changed since" in done.out
    assert ran("release.yml", "--sign-off", "so.json", "--by", who).code == 2
