"""One eviction policy per file, compiled; `registry` finds them, `perflab.cache.oracle` holds each one's plain twin."""
