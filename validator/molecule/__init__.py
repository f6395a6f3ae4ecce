"""The optional driver for molecule: an author's own playbooks run inside a disposable host.

This package and `driver` are loaded by every molecule command of the environment, so that they import the standard
library and molecule only.
"""
