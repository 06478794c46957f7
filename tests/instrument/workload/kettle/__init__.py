"""A small asyncio service with known shares, for testing profilers on."""
