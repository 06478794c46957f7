"""What a learning platform asks of its state: ranks, locks and messages to many, on real Redis and PostgreSQL."""
