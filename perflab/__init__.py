"""perflab: a performance spike in a box."""

__version__ = "0.1.0"
