"""Benchmarks: families of bars measured side by side; they judge speed, tests never do."""
