"""Messages about what went wrong in loading and answering, each with a hint. No Qt."""

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


def not_continued(method: str, model: str | None) -> Failure:
    """Return what to say when the loaded ``model`` cannot run the ``method`` that an answer was begun with."""
    sentence = f"This answer was begun with the method {method}, which {model} cannot run."
    hint = "Choose the model it was begun with, or regenerate the answer."
    return Failure(sentence, hint, remedies=("retry", "model"))


def crashed(*, past: bool) -> Failure:
    """Return what to say of a fault that left a report, in this run or in the ``past`` one."""
    if past:
        sentence, hint = "Updraft did not close properly last time.", "Your conversations were kept."
    else:
        sentence, hint = "Something went wrong that was not foreseen.", "What is on the screen stays."
    return Failure(sentence, hint, remedies=("report",))


def models_gone(name: str) -> Failure:
    """Return what to say when the models used last are no longer there."""
    hint = "The starter is open instead. If it is on a drive, connect that and choose it; or get it again."
    return Failure(f"{name}, which you used last, is not there.", hint, remedies=("get", "model"), calm=True)


def settings_unread(problem: str) -> Failure:
    """Return what to say when the settings file has a ``problem``, which is a sentence."""
    hint = "The file is kept as it is; what you change in the window is added to it."
    return Failure(problem, hint, remedies=("settings",))


def want_of_memory(error: BaseException) -> bool:
    """Tell whether ``error`` is Python's, or torch's on a GPU or a CPU, for memory that ran out."""
    names = {kind.__name__ for kind in type(error).__mro__}  # torch is not imported to ask
    return bool(names & {"MemoryError", "OutOfMemoryError"}) or "allocate memory" in str(error)
