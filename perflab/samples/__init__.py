"""Samples: the schema and the store of raw rows, and what is read from the marks in them."""
