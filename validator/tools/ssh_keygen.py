"""ssh-keygen: signing a text with an SSH key, and asking whose signature one is (ssh-keygen(1), `-Y`).

The signature is over standard input; what the program says goes to its standard output.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

PROGRAM = "ssh-keygen"
NAMESPACE = "sign-off@convergence-validator"  # so that a signature made for something else is none here
BEGIN = "-----BEGIN SSH SIGNATURE-----"
GOOD = re.compile(r'Good "(?P<namespace>[^"]*)" signature (?:for (?P<who>\S+) )?with (?P<kind>\S+) key (?P<key>\S+)')


@dataclass(frozen=True, kw_only=True)
class Signed:
    """A good signature: whose (empty where nobody vouches for the key), and the key's kind and fingerprint."""

    who: str
    kind: str
    key: str


def sign(key: str) -> tuple[str, ...]:
    """Sign. `key` is a private key's file, or a public key's whose private one an agent holds."""
    return (PROGRAM, "-Y", "sign", "-f", key, "-n", NAMESPACE)


def verify(*, signature: str, who: str, allowed: str) -> tuple[str, ...]:
    """Ask whether the signature is by a key that the file of allowed signers has for `who`."""
    return (PROGRAM, "-Y", "verify", "-f", allowed, "-I", who, "-n", NAMESPACE, "-s", signature)


def check(*, signature: str) -> tuple[str, ...]:
    """Ask whether the signature fits the text, whoever made it."""
    return (PROGRAM, "-Y", "check-novalidate", "-n", NAMESPACE, "-s", signature)


def signature_in(output: str) -> str:
    """The signature that `sign` printed; empty when there is none."""
    return output if output.startswith(BEGIN) else ""


def parse(output: str) -> Signed | None:
    """What `verify` or `check` said; None unless it said that the signature is good."""
    found = GOOD.search(output)
    if found is None or found["namespace"] != NAMESPACE:
        return None
    return Signed(who=found["who"] or "", kind=found["kind"], key=found["key"])
