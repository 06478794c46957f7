"""The plain halves of the kernels: slow, short, and right; every compiled kernel is held to one of them."""
