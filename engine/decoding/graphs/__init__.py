"""The recursion of engine.decoding.hierarchy with its passes, draws and verdicts recorded as CUDA graphs.

The host decides only what to replay next; tokens, laws and positions stay on the device, and each verification tells
the host what came of it in one small copy.
"""

from engine.decoding.graphs.capture import free_dropped
from engine.decoding.graphs.runner import GraphRunner

__all__ = ["GraphRunner", "free_dropped"]
