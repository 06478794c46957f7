"""The seam: a system is a TOML file and the processes that it names; nothing else is known of what is measured."""
