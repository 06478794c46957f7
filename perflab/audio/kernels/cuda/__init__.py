"""Kernels for NVIDIA's GPUs, through numba.cuda: the same results as their halves on the CPU, where a GPU is found."""
