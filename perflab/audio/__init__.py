"""Audio: kernels with their oracles, codecs, the corpus of speech, and how its quality is judged."""
