"""The reference system: a voice gateway between a microphone, Gemini Live and a code generator."""
