"""The plain twin of each policy: Python's own containers, one request at a time, slow and easy to check."""
