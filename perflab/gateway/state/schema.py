"""The tables of the session state."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS sessions (
    id INTEGER PRIMARY KEY, user TEXT NOT NULL, template TEXT NOT NULL, status TEXT NOT NULL,
    turns INTEGER NOT NULL, created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS history (
    id INTEGER PRIMARY KEY, session INTEGER NOT NULL, turn INTEGER NOT NULL, role TEXT NOT NULL, text TEXT NOT NULL,
    audio_bytes INTEGER NOT NULL, outcome TEXT NOT NULL, created_ms INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS history_by_session ON history (session, id);
CREATE TABLE IF NOT EXISTS artefacts (
    id INTEGER PRIMARY KEY, session INTEGER NOT NULL, turn INTEGER NOT NULL, prompt TEXT NOT NULL,
    language TEXT NOT NULL, code TEXT NOT NULL, explanation TEXT NOT NULL, created_ms INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS artefacts_by_session ON artefacts (session, id);
"""
