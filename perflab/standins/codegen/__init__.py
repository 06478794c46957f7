"""A code generator's stand-in: HTTP and JSON, answers that depend on every character of the prompt."""
