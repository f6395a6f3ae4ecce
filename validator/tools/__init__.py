"""The two tools that are driven. Each is a pure `command()` and a pure `parse()`; neither knows the other."""
