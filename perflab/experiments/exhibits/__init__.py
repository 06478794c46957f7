"""Teaching exhibits: the wrong way and the right way, on the same data."""
