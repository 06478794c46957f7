"""Findings: claims with verdict, effect, evidence and caveats; trust checks; rules that judge targets."""
