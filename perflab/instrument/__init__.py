"""Instruments: clocks, paired timing, sensors of noise, spans, and the three profilers as one table."""
