"""What finished runs measured, over time: a local store, series of like with like, and two runs side by side."""
