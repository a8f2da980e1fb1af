"""A screen of its own, on which a program is worked as a person would: by keys, clicks and looking."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageGrab

SIZE = (1280, 800)
SECONDS = 30  # for a tool, at most


@dataclass(frozen=True)
class Screen:
    """A virtual screen, by its name, such as ":99"."""

    name: str

    def windows(self) -> list[str]:
        """Return the windows that can be seen, by number."""
        return self._tool("search", "--onlyvisible", "--name", ".").split()

    def painted(self) -> bool:
        """Tell whether a window is there and something was drawn into it."""
        return bool(self.windows()) and len(self.picture().getcolors(1 << 20) or ()) > 50

    def focus(self) -> None:
        """Have the newest window hear the keys; there is no window manager to do so."""
        if windows := self.windows():
            self._tool("windowfocus", windows[-1])

    def press(self, *keys: str) -> None:
        """Press keys, each by its name, into the newest window."""
        self.focus()
        self._tool("key", "--delay", "60", *keys)

    def write(self, text: str) -> None:
        """Type ``text`` into the newest window."""
        self.focus()
        self._tool("type", "--delay", "12", text)

    def click(self, x: int, y: int) -> None:
        """Click at a place."""
        self._tool("mousemove", str(x), str(y), "click", "1")

    def picture(self) -> Image.Image:
        """Return what is to be seen."""
        return ImageGrab.grab(xdisplay=self.name).convert("RGB")

    def keep(self, path: Path) -> Image.Image:
        """Write what is to be seen to ``path`` and return it."""
        picture = self.picture()
        picture.save(path)
        return picture

    def _tool(self, *words: str) -> str:
        environment = {**os.environ, "DISPLAY": self.name}
        done = subprocess.run(
            ["xdotool", *words], capture_output=True, text=True, env=environment, timeout=SECONDS, check=False
        )
        return done.stdout


@contextmanager
def screen() -> Iterator[Screen]:
    """Start a virtual screen with a name that is free, and end it. Raises OSError where there is no Xvfb."""
    reading, writing = os.pipe()
    size = f"{SIZE[0]}x{SIZE[1]}x24"
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", size, "-nolisten", "tcp"]
    with subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL) as server:
        os.close(writing)
        try:
            with os.fdopen(reading) as told:
                number = told.readline().strip()
            if not number:
                raise OSError("Xvfb did not start")
            yield Screen(f":{number}")
        finally:
            server.terminate()
            server.wait(SECONDS)


def marks(picture: Image.Image) -> int:
    """Count the pixels of an answer's marks, in the middle of the window: looked up, guessed, written by the target."""
    middle = picture.crop((250, 150, 930, 640))
    colours = middle.getcolors(middle.width * middle.height) or []
    return sum(count for count, colour in colours if isinstance(colour, tuple) and _marked(*colour[:3]))


def ink(picture: Image.Image, box: tuple[int, int, int, int]) -> int:
    """Count the dark pixels within ``box``."""
    part = picture.crop(box).convert("L")
    return sum(part.histogram()[:140])


def _marked(red: int, green: int, blue: int) -> bool:
    violet = red > green + 6 and blue > green + 12
    guessed = green > red + 12 and green >= blue
    written = blue > red + 60
    return violet or guessed or written


def until(done: Callable[[], bool], seconds: float, step: float = 0.05) -> bool:
    """Wait until ``done``, a function, says so; False where it took longer than ``seconds``."""
    limit = time.monotonic() + seconds
    while not done():
        if time.monotonic() > limit:
            return False
        time.sleep(step)
    return True
