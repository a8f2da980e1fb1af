"""The model library: the catalogue, what fits this machine, resumable downloads, and the models on disk.

Nothing here imports torch, and nothing opens a socket: that is left to the downloader, a process of its own.
"""

from engine.gpus import Gpu
from engine.library.address import read_address
from engine.library.asking import inspect, wanted_for
from engine.library.catalogue import CATALOGUE, CatalogueSet, Listed
from engine.library.connection import Connection
from engine.library.copying import Step
from engine.library.downloads import Downloads
from engine.library.drafters import Drafter, drafters_of
from engine.library.faults import LibraryError
from engine.library.fit import Verdict, if_alone, judge
from engine.library.fitting import is_drafter
from engine.library.hardware import Hardware, likely_device, probe
from engine.library.installed import Library
from engine.library.manifest import Checked
from engine.library.protocol import DeviceCode, FileProgress, Inspection, Patience, Progress, Release, SignedIn, Wanted
from engine.library.record import Installed
from engine.library.release import ADDRESS, newest
from engine.library.sets import depending_on, drafters_for, set_named
from engine.library.signin import sign_in, sign_in_by_browser, sign_out, token
from engine.library.starter import lacks_starter, require_starter, starter_models
from engine.library.starting import starting_preset
from engine.library.status import DONE
from engine.library.taught import taught_here, unlearn, with_taught
from engine.library.vocabulary import check_shared

__all__ = [
    "ADDRESS",
    "CATALOGUE",
    "DONE",
    "CatalogueSet",
    "Checked",
    "Connection",
    "DeviceCode",
    "Downloads",
    "Drafter",
    "FileProgress",
    "Gpu",
    "Hardware",
    "Inspection",
    "Installed",
    "Library",
    "LibraryError",
    "Listed",
    "Patience",
    "Progress",
    "Release",
    "SignedIn",
    "Step",
    "Verdict",
    "Wanted",
    "check_shared",
    "depending_on",
    "drafters_for",
    "drafters_of",
    "if_alone",
    "inspect",
    "is_drafter",
    "judge",
    "lacks_starter",
    "likely_device",
    "newest",
    "probe",
    "read_address",
    "require_starter",
    "set_named",
    "sign_in",
    "sign_in_by_browser",
    "sign_out",
    "starter_models",
    "starting_preset",
    "taught_here",
    "token",
    "unlearn",
    "wanted_for",
    "with_taught",
]
