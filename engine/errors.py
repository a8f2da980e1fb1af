"""What can go wrong, said in a sentence and a hint a person can act on."""


class UpdraftError(Exception):
    """A foreseen failure: ``sentence`` says what happened, ``hint`` what to do about it.

    Both are finished sentences, which the window and the terminal show unchanged. ``kind`` names the sort of trouble
    where there are several that a window pairs with different buttons.
    """

    kind: str = ""

    def __init__(self, sentence: str, hint: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.hint = hint


class CheckpointError(UpdraftError):
    """A model folder is missing, damaged, foreign or of an architecture Updraft does not run."""


class NoNumbers(CheckpointError):  # noqa: N818 - as ContextFull
    """A model's logits are not finite, so nothing can be drawn from them."""

    def __init__(self) -> None:
        super().__init__(
            "The model computes no numbers: its weights or its config.json are damaged.",
            "Download or import the model again, or choose another one.",
        )


class ModelSetError(UpdraftError):
    """The models of a set do not belong together, or a set or a model that was asked for is not there."""


class NoModel(ModelSetError):  # noqa: N818 - as ContextFull
    """No model was asked for, and the starter is not there."""


class TemplateError(UpdraftError):
    """The chat template of a model cannot be used, or refuses a conversation; the model itself stays loaded."""


class ContextFull(UpdraftError):  # noqa: N818 - a state of the conversation, not a fault
    """The conversation is longer than the model's context; nothing was cut and nothing was run."""

    def __init__(self, needed: int, limit: int) -> None:
        super().__init__(
            f"The conversation needs {needed:,} tokens but the model can hold {limit:,}.",
            "Start a new chat, or shorten the last message.",
        )
        self.needed = needed
        self.limit = limit


class SettingError(UpdraftError):
    """A setting lies outside what it may be."""


class DeviceError(UpdraftError):
    """A device cannot be used, or has too little memory: a GPU or the CPU."""
