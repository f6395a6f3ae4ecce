"""How the small programs of this package (`supervisor`, `confine`) are started.

They run isolated (`-I -S`: no site-packages, no environment), which makes them start in a few milliseconds.
"""

from __future__ import annotations

import sys
from pathlib import Path

_PACKAGE_PARENT = str(Path(__file__).resolve().parents[2])


def program(name: str, *arguments: str) -> tuple[str, ...]:
    """The command line of one of them."""
    code = f"import sys; sys.path.insert(0, {_PACKAGE_PARENT!r}); from validator.host import {name}; {name}.main()"
    return (sys.executable, "-I", "-S", "-c", code, *arguments)
