"""Signatures of sign-off files, made and verified by ssh-keygen."""

from __future__ import annotations

import os
import re
from pathlib import Path

from validator import process
from validator.errors import ToolError, UsageError
from validator.tools import ssh_keygen
from validator.tools.ssh_keygen import Signed

TIMEOUT = 60.0
ANY: frozenset[int] | None = None
# What a file of allowed signers can have as a name: patterns and lists are not one name.
NAME = re.compile(r"[^\s,*?!\"#]+")


def beside(file: Path) -> Path:
    """Where a file's signature is."""
    return file.with_name(f"{file.name}.sig")


def require_name(name: str) -> None:
    """Raise `UsageError` for a name that no file of allowed signers could have."""
    if NAME.fullmatch(name) is None:
        raise UsageError(
            f"{name!r} cannot be the name of a signer: with --key it is looked up in a file of allowed signers",
            hint="Give a name without spaces, as that file has it, e.g. an e-mail address.",
        )


def sign(text: bytes, key: Path) -> str:
    """The signature of a text. Raises `UsageError` when the key cannot be used."""
    done = _run(ssh_keygen.sign(str(key.absolute())), text)
    made = ssh_keygen.signature_in(done.text)
    if done.code != 0 or not made:
        raise UsageError(
            f"{key} cannot sign: {_said(done)}",
            hint="A key with a passphrase has to be in an ssh-agent (ssh-add); then give its .pub file.",
        )
    return made


def verify(text: bytes, file: Path, *, who: str, allowed: Path | None) -> Signed:
    """Whose signature the one in `file` is. Without `allowed` only that it fits is asked.

    Raises `BadSignatureError` when it is not good, `UsageError` when it cannot be asked for.
    """
    if allowed is None:
        command = ssh_keygen.check(signature=str(file.absolute()))
    else:
        if not allowed.is_file():
            raise UsageError(f"there is no file {allowed} of allowed signers")
        require_name(who)
        command = ssh_keygen.verify(signature=str(file.absolute()), who=who, allowed=str(allowed.absolute()))
    done = _run(command, text)
    found = ssh_keygen.parse(done.text)
    if done.code != 0 or found is None:
        raise BadSignatureError(_said(done))
    return found


class BadSignatureError(Exception):
    """The signature is not one of this text, or not one by whom it should be."""


def _run(argv: tuple[str, ...], text: bytes) -> process.Completed:
    env = dict(process.CLEAN_ENV)
    if "SSH_AUTH_SOCK" in os.environ:
        env["SSH_AUTH_SOCK"] = os.environ["SSH_AUTH_SOCK"]
    command = process.Command(
        argv=argv, label="ssh-keygen", env=env, cwd=Path.cwd(), stdin=text, timeout=TIMEOUT, accept=ANY
    )
    try:
        return process.run(command)
    except ToolError as error:
        raise ToolError(error.message, hint="Install OpenSSH's client (on Debian: openssh-client).") from error


def _said(done: process.Completed) -> str:
    lines = [line.strip() for line in (done.errors + done.text).splitlines() if line.strip()]
    return "; ".join(lines) or f"ssh-keygen ended with status {done.code}"
