"""The model library: which model sets exist, what fits this machine, downloads that cannot be lost, what is there.

Nothing here imports torch, and nothing opens a socket: that is left to the downloader, a process of its own.
"""

from engine.library.account import Account, Architecture, Precision, account, architecture_of
from engine.library.address import read_address
from engine.library.asking import inspect, wanted_for
from engine.library.catalogue import CATALOGUE, CatalogueSet, Listed, set_named
from engine.library.connection import Connection
from engine.library.copying import Step
from engine.library.downloads import Downloads
from engine.library.faults import LibraryError
from engine.library.fit import Verdict, judge
from engine.library.hardware import Gpu, Hardware, probe
from engine.library.installed import Installed, Library
from engine.library.manifest import Checked
from engine.library.protocol import FileProgress, Inspection, Patience, Progress, Wanted
from engine.library.signin import sign_in, sign_out, token
from engine.library.vocabulary import check_shared

__all__ = [
    "CATALOGUE",
    "Account",
    "Architecture",
    "CatalogueSet",
    "Checked",
    "Connection",
    "Downloads",
    "FileProgress",
    "Gpu",
    "Hardware",
    "Inspection",
    "Installed",
    "Library",
    "LibraryError",
    "Listed",
    "Patience",
    "Precision",
    "Progress",
    "Step",
    "Verdict",
    "Wanted",
    "account",
    "architecture_of",
    "check_shared",
    "inspect",
    "judge",
    "probe",
    "read_address",
    "set_named",
    "sign_in",
    "sign_out",
    "token",
    "wanted_for",
]
