"""One voice session: its turns, its connection to Live and its tool calls."""
