"""How the downloader may reach the Hub: the offline switch, another Hub, a proxy."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.library.faults import LibraryError

SWITCH = "Switch off “Stay offline” in Settings > Network, or unset HF_HUB_OFFLINE."
_YES = frozenset({"1", "ON", "YES", "TRUE"})
_QUIET = {
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_UPDATE_CHECK": "1",
    "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_XET": "1",  # a Xet transfer cannot be resumed by another process
    "DO_NOT_TRACK": "1",
}
_UNSEEN = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")


@dataclass(frozen=True, slots=True)
class Connection:
    """``offline`` forbids every request; ``endpoint`` None is the Hub itself, ``proxy`` None the system's own."""

    offline: bool = False
    endpoint: str | None = None
    proxy: str | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Connection:
        """Read HF_HUB_OFFLINE, TRANSFORMERS_OFFLINE, HF_ENDPOINT; call it before the engine sets the first two."""
        values = os.environ if environment is None else environment
        offline = any(values.get(name, "").upper() in _YES for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"))
        return cls(offline=offline, endpoint=values.get("HF_ENDPOINT") or None)

    def require_online(self) -> None:
        """Raise LibraryError (offline) when the switch is on."""
        if self.offline:
            raise LibraryError(
                "offline",
                "Updraft is offline, as set.",
                SWITCH,
            )

    def environment(self) -> dict[str, str]:
        """Return the environment of a downloader process: quiet, able to import the engine, without a token."""
        values = {name: value for name, value in os.environ.items() if name not in _UNSEEN}
        values.update(_QUIET)
        if self.endpoint:
            values["HF_ENDPOINT"] = self.endpoint.rstrip("/")
        if self.proxy:
            values.update(dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), self.proxy))
        home = str(Path(__file__).resolve().parents[2])
        values["PYTHONPATH"] = os.pathsep.join(filter(None, (home, os.environ.get("PYTHONPATH"))))
        values["PYTHONUTF8"] = "1"
        return values
