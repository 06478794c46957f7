"""The compiled halves of codecs: imported late, because numba takes most of a second."""
