"""Faults that are seeded into a scenario on purpose, to see whether the validator catches them."""
