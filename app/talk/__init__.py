"""Asking and answering: the chat, the answer in flight, the thread on which the engine runs."""
