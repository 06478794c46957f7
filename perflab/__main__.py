"""`python -m perflab` is `perflab`."""

from perflab.cli import main

main()
