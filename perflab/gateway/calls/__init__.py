"""The calls to the code generator: what stands around the HTTP client, one concept to a module."""
