"""A scenario that is run again whenever its files are saved."""
