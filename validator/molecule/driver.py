"""The driver `molecule_validator`: molecule's steps for a host that `validate host` keeps.

Molecule makes every driver that is installed whatever it was called for, and an exception there ends each of its
commands: nothing here may fail while it is loaded or made, and only molecule's own error may be raised later.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from molecule.api import Driver
    from molecule.config import Config
    from molecule.exceptions import MoleculeError
else:
    try:
        from molecule.api import Driver
        from molecule.exceptions import MoleculeError
    except Exception:  # a molecule unlike the one this was written for: it passes over what is no driver of its
        Driver, MoleculeError = object, RuntimeError

NAME = "molecule_validator"
HERE = Path(__file__).resolve().parent
CONNECTIONS = HERE.parent / "ansible_plugins" / "connection"
PLUGIN_PATH = "ANSIBLE_CONNECTION_PLUGINS"


class ValidatorDriver(Driver):
    """One disposable host in the state of the old release. Playbooks that a scenario lacks are beside this file."""

    title = "A disposable host in the state of a scenario's old release."

    # Not the base class's, which asks for the version of a distribution called like the package.
    def __init__(self, config: Config | None = None) -> None:
        self._config = config  # type: ignore[assignment]  # there is none for the list of drivers
        self._path = str(HERE)
        self._name = NAME
        self.module = "validator"
        self.version = _version()

    @property
    def name(self) -> str:
        """What molecule.yml calls it."""
        return self._name

    @name.setter
    def name(self, value: str) -> None:
        self._name = value

    @property
    def login_cmd_template(self) -> str:
        """A shell in the host."""
        return "{validate} host enter --state {state}"

    @property
    def default_ssh_connection_options(self) -> list[str]:
        """None: nothing goes over ssh."""
        return []

    @property
    def default_safe_files(self) -> list[str]:
        """What molecule may not remove between two commands: the host's state, which it lives by, and the result."""
        return [str(self._directory / "validator-*")]

    def login_options(self, instance_name: str) -> dict[str, str]:
        """What the command for a shell needs."""
        return {"instance": instance_name, "validate": str(_command()), "state": str(self._state(instance_name))}

    def ansible_connection_options(self, instance_name: str) -> dict[str, Any]:
        """How tasks reach the host. Before there is one they reach nothing: never the machine itself."""
        paths = os.environ.get(PLUGIN_PATH, "").split(os.pathsep)
        if str(CONNECTIONS) not in paths:
            os.environ[PLUGIN_PATH] = os.pathsep.join((str(CONNECTIONS), *filter(None, paths)))
        found = _read(self._state(instance_name))
        options: dict[str, Any] = {
            "ansible_connection": "validator_host",
            "ansible_python_interpreter": "/usr/bin/python3",
            "validator_from_outside": True,
        }
        for variable, key in (
            ("validator_init_pid", "init"),
            ("validator_init_started", "init_started"),
            ("validator_cgroup", "cgroup"),
        ):
            if key in found:
                options[variable] = found[key]
        return options

    def sanity_checks(self) -> None:
        """Raise `MoleculeError` for what cannot work."""
        if not _command().exists():
            raise MoleculeError(f"{_command()} is missing: install convergence-validator beside molecule")
        if os.geteuid() != 0:
            raise MoleculeError("a disposable host can only be made by root: run molecule with sudo")
        platforms = self._config.config_data.get("platforms") or []
        if len(platforms) != 1:
            raise MoleculeError(f"the driver {NAME} has one host: name one under `platforms` ({len(platforms)} are)")

    def schema_file(self) -> str | None:
        """What molecule.yml may say."""
        return str(HERE / "driver.json")

    def reset(self) -> None:
        """Nothing: a host ends when its state file goes, and molecule removes that."""

    @property
    def _directory(self) -> Path:
        return Path(self._config.scenario.ephemeral_directory)

    def _state(self, instance_name: str) -> Path:
        return self._directory / f"validator-{instance_name}.json"


def _read(state: Path) -> dict[str, Any]:
    """What the host's keeper wrote; nothing when there is no host."""
    try:
        found = json.loads(state.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _command() -> Path:
    """The command of the same environment."""
    return Path(sys.executable).parent / "validate"


def _version() -> str:
    try:
        from validator import __version__  # noqa: PLC0415 - whatever is wrong with it, molecule goes on
    except Exception:
        return "unknown"
    return __version__
