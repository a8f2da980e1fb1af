"""Says what a package for Debian and its kin needs of the system: the libraries that elf.py leaves to it."""

from __future__ import annotations

# Debian 13 and Ubuntu 24.04 call some of them otherwise.
NEEDS = (
    "libc6 (>= 2.35)",
    "libdbus-1-3",
    "libegl1",
    "libfontconfig1",
    "libfreetype6",
    "libgcc-s1",
    "libgl1",
    "libglib2.0-0t64 | libglib2.0-0",
    "libopengl0",
    "libstdc++6 (>= 12)",
    "libx11-6",
    "libx11-xcb1",
    "libxcb1",
)
RECOMMENDS = ("libwayland-client0", "libwayland-cursor0", "libwayland-egl1", "xdg-utils")
CONTROL = """\
Package: updraft
Version: {version}
Architecture: amd64
Section: utils
Priority: optional
Maintainer: The Updraft developers <developers@updraft.invalid>
Installed-Size: {kilobytes}
Depends: {needs}
Recommends: {recommends}
Description: chat with a language model on your own computer
 Updraft answers from a language model that runs on this computer, without a
 network, and shows how speculative decoding makes its answers fast. A small
 model comes along; larger ones can be downloaded or imported.
 .
 Removing the package leaves chats and models in ~/.local/share/Updraft and
 settings in ~/.config/Updraft.
"""


def control(version: str, kilobytes: int) -> str:
    """Return what dpkg is to know of the package."""
    return CONTROL.format(
        version=version, kilobytes=kilobytes, needs=", ".join(NEEDS), recommends=", ".join(RECOMMENDS)
    )
