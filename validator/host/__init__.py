"""Disposable hosts: base images, layers, namespaces and the service manager inside."""
