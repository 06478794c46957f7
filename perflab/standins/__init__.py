"""Stand-ins: the world around the voice gateway, true to its protocols: Gemini Live and a code generator."""
