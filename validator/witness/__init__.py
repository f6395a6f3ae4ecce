"""Independent observers of a host: the disk, the service manager, the scenario's probes."""
