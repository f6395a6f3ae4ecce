"""Proves that after Ansible upgrade tasks, Puppet for the new release has nothing left to do."""

__version__ = "0.1.0"
