"""Session state in SQLite: the records, the schema, and the operations on them; how it is stored is a flag."""
