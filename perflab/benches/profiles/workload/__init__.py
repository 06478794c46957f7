"""A program with known shares, for captures that need a fresh process each time; it is copied before it is run."""
