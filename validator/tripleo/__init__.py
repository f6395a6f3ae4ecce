"""TripleO's own service templates as input: upgrade tasks, Hiera data and manifests of a role."""

from validator.tripleo.importing import playbook, write_scenario
from validator.tripleo.modules import missing_modules
from validator.tripleo.release import Release, read

__all__ = ["Release", "missing_modules", "playbook", "read", "write_scenario"]
