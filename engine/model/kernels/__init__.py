"""Our own CUDA kernels of a pass: compiled at run time, checked at load, with bitsandbytes for the products without."""

from engine.model.kernels.attention import attend
from engine.model.kernels.backend import Backend, available
from engine.model.kernels.linear import nf4_linear
from engine.model.kernels.norm import rms_norm
from engine.model.kernels.rotation import rotate

__all__ = ["Backend", "attend", "available", "nf4_linear", "rms_norm", "rotate"]
