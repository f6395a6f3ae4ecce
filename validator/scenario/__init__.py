"""What the author of an upgrade wrote: read once, checked once, immutable afterwards."""
