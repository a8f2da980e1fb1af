"""A language model that answers, and shows how: hierarchical speculative decoding without a window."""
