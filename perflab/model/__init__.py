"""Models: a scaling law, queueing, and the capacity that a measured ladder of users supports."""
