"""The model library as the window sees it, and the only room that imports engine.library.

The parts that show it take their names from here.
"""

from app.models.library.downloads import DownloadQueue
from app.models.library.errand import Errand
from app.models.library.library import ModelLibrary
from app.models.library.listing import Listing
from app.models.library.offers import Offer, Survey
from engine.library import (
    Checked,
    Connection,
    DeviceCode,
    FileProgress,
    Hardware,
    Installed,
    Patience,
    Progress,
    SignedIn,
    Step,
    Verdict,
    Wanted,
    starter_models,
    starter_trouble,
    starting_preset,
)
from engine.words import duration, size

__all__ = [
    "Checked",
    "Connection",
    "DeviceCode",
    "DownloadQueue",
    "Errand",
    "FileProgress",
    "Hardware",
    "Installed",
    "Listing",
    "ModelLibrary",
    "Offer",
    "Patience",
    "Progress",
    "SignedIn",
    "Step",
    "Survey",
    "Verdict",
    "Wanted",
    "duration",
    "size",
    "starter_models",
    "starter_trouble",
    "starting_preset",
]
