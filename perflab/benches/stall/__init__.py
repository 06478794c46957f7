"""An echo server that stops once on purpose, and the users that ask it (they run in processes of their own)."""
