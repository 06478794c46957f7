"""The strict notebook runner: parameters checked first, one process per notebook, and a verdict of our own."""
