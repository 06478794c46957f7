"""The compiled halves of the kernels. Import them late: numba takes most of a second."""
