"""Films a reply of the starter in the real window over the real engine, in the Trace view, as an animated WebP.

python packaging/film.py FILE.webp [--theme dark] [--size 1120x680]

Needs the starter with its smaller models, and Pillow, which the checks install. Works without a display.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

from camera import picture, rest
from PIL import Image
from PySide6.QtWidgets import QApplication
from screenshots import Photographer

from app.conversations.conversation import ChatSettings
from engine.config import Chosen
from engine.library import starter_models

QUESTION = "Give me three tips for sleeping better."
FRAME = 70  # ms between two pictures
LONGEST = 60  # pictures
SHRINK = 0.75  # of the window, to keep the file small


def frame(photographer: Photographer) -> Image.Image:
    """Return the window as it stands."""
    image = picture(photographer.window)
    return image.resize((round(image.width * SHRINK), round(image.height * SHRINK)), Image.Resampling.LANCZOS)


def film(photographer: Photographer) -> tuple[list[Image.Image], list[int]]:
    """Return the pictures of one reply and how long each stood, in milliseconds."""
    photographer.choose()
    photographer.window.inspector.show_view("trace")  # every token with its mark, ghosts in place
    photographer.chat.current.set_chat_settings(ChatSettings(sampling=Chosen(seed=2), max_tokens=60))
    photographer.ask(QUESTION)
    pictures, times = [frame(photographer)], []
    since = time.monotonic()
    while photographer.chat.busy and len(pictures) < LONGEST:
        rest(FRAME)
        pictures.append(frame(photographer))
        times.append(round(1000 * (time.monotonic() - since)))
        since = time.monotonic()
    return pictures, [*times, 2500]


def main() -> None:
    """Film one reply."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--theme", default="dark", choices=("dark", "light"))
    parser.add_argument("--size", default="1120x680")
    options = parser.parse_args()
    width, height = (int(side) for side in options.size.split("x"))
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    app = QApplication(["updraft"])
    photographer = Photographer(app, starter_models(), options.file.parent, (width, height), options.theme)
    pictures, times = film(photographer)
    photographer.leave()
    pictures[0].save(
        options.file, save_all=True, append_images=pictures[1:], duration=times, loop=0, quality=35, method=6
    )
    print(f"{options.file}: {len(pictures)} pictures, {options.file.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
