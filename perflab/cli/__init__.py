"""The command line. This module stays light: `perflab --help` answers before anything heavy is imported."""

from perflab.cli.app import main

__all__ = ["main"]
