"""Changes to the upgrade tasks that would leave Puppet quiet: derived from the catalog, tried, and then shown."""
