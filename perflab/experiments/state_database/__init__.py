"""What state in a database costs, measured on real SQLite, PostgreSQL and Redis: plans, bulk writes, locks, pools."""
