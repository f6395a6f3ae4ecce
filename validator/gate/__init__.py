"""The release gate: a checklist, the results that there are, and whether they are evidence enough to go."""
