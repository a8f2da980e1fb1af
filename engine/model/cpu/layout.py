"""How packed weights lie in memory, which those who pack them and the kernels agree on."""

from engine.architecture.form import GROUP

__all__ = ["CODES", "GROUP", "LANES", "STRIDE", "TILE"]
LANES = 8  # outputs of a block: floats of a vector
TILE = 4  # rows of activations that share what is unpacked; more would not fit sixteen registers
CODES = {4: GROUP * LANES // 2, 8: GROUP * LANES}  # bytes of the codes of a group, for all outputs of a block
STRIDE = {4: CODES[4] + 4 * LANES, 8: CODES[8] + 2 * LANES}  # the same with float16 scales and, at 4 bits, minima
