"""How good speech is after what was done to it: one instrument per file, each named with what it cannot tell."""
