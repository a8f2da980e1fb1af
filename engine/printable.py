"""Text from outside (a model, the Hub, a file) made safe to print: what would steer a terminal is shown as a sign."""

from __future__ import annotations

import re

# C0 and DEL, C1, and what turns the direction of the text after it; marks that only help mixed scripts are kept.
_STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\U000e0000-\U000e007f]")


def printable(text: str, keep: str = "") -> str:
    """Return ``text`` with every control character made visible: ESC as ␛, U+202E as <202E>.

    ``keep`` lists those that mean what they do in their place, for example the line ends of an answer. The result
    has no control character but these, so it moves no cursor, sets no title and reaches no clipboard.
    """
    return _STEERING.sub(lambda found: found[0] if found[0] in keep else _sign(found[0]), text)


def _sign(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)  # the control pictures are in the order of the controls
    return "␡" if code == 0x7F else f"<{code:04X}>"
