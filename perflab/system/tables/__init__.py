"""The tables of a system's TOML file, one module a subject; `perflab.system.spec` puts them together."""
