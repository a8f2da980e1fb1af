"""What is said of faults nobody foresaw: plain words where memory ran out, the log for all others. No Qt."""

from __future__ import annotations

from app.threads.failure import Failure

_LOG = "The log (Help menu) has the details."
_SPACE = "Close other programs, start a new chat, or choose a smaller model."


def not_loaded(name: str, error: BaseException) -> Failure:
    """Return what to say when the set ``name`` could not be loaded because of ``error``."""
    if want_of_memory(error):
        sentence, hint = f"{name} does not fit into the memory that is free.", _SPACE
        return Failure(sentence, hint, remedies=("model", "retry", "folder"), down=True)
    sentence, hint = (
        f"{name} could not be loaded because of an unexpected fault.",
        "Try again, or choose another model.",
    )
    return Failure(sentence, f"{hint} {_LOG}", remedies=("retry",), down=True)


def not_answered(error: BaseException) -> Failure:
    """Return what to say when an answer was cut short by ``error``, after which the engine holds no model."""
    if want_of_memory(error):
        sentence = "There is not enough memory to go on."
        return Failure(sentence, _SPACE, remedies=("retry", "new chat", "model"), down=True)
    sentence, hint = "The engine stopped because of an unexpected fault.", f"Retry starts it again. {_LOG}"
    return Failure(sentence, hint, remedies=("retry",), down=True)


def want_of_memory(error: BaseException) -> bool:
    """Tell whether ``error`` is Python's, or torch's on a GPU or a CPU, for memory that ran out."""
    names = {kind.__name__ for kind in type(error).__mro__}  # torch is not imported to ask
    return bool(names & {"MemoryError", "OutOfMemoryError"}) or "allocate memory" in str(error)
