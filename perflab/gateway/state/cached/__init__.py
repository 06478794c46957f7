"""A read cache over the session state: levels, versions and counts; the flags `cache...` put them together."""
