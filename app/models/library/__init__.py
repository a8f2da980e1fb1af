"""The model library as the window sees it, and the only room that imports engine.library.

The parts that show it take their names from here.
"""

from app.models.library.download_queue import DownloadQueue
from app.models.library.listing import Listing
from app.models.library.model_library import ModelLibrary
from app.models.library.offers import Offer, Survey
from app.models.library.task import Task
from engine.library import (
    ADDRESS,
    DONE,
    Checked,
    Connection,
    DeviceCode,
    Drafter,
    FileProgress,
    Hardware,
    Installed,
    Patience,
    Progress,
    Release,
    SignedIn,
    Step,
    Verdict,
    Wanted,
    is_drafter,
    lacks_starter,
    likely_device,
    require_starter,
    starter_models,
    starting_preset,
    taught_here,
    unlearn,
    with_taught,
)
from engine.words import duration, size

__all__ = [
    "ADDRESS",
    "DONE",
    "Checked",
    "Connection",
    "DeviceCode",
    "DownloadQueue",
    "Drafter",
    "FileProgress",
    "Hardware",
    "Installed",
    "Listing",
    "ModelLibrary",
    "Offer",
    "Patience",
    "Progress",
    "Release",
    "SignedIn",
    "Step",
    "Survey",
    "Task",
    "Verdict",
    "Wanted",
    "duration",
    "is_drafter",
    "lacks_starter",
    "likely_device",
    "require_starter",
    "size",
    "starter_models",
    "starting_preset",
    "taught_here",
    "unlearn",
    "with_taught",
]
