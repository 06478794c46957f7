"""Statistics: pure functions, from arrays to small frozen objects; no file and no clock is touched."""
