"""Kernels of our own for a CPU: written as LLVM instructions, compiled for the processor they run on."""
