"""Codecs of voice: one file each behind one small interface, streaming, packet by packet.

Everything is mono int16. Nothing here imports PyAV, libopus or numba until an encoder or a decoder is made.
"""
