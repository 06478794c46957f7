"""Monitoring: arithmetic of error budgets, and alert rules with their tests, made from a system's targets."""
