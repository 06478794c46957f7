"""A Gemini Live stand-in: the protocol on TLS, as the unmodified google-genai SDK speaks it."""
