"""Real servers beside a system: a Redis or a PostgreSQL from a wheel for one trial, or the user's own by URL."""
