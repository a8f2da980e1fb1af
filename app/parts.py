"""What the window is made of, for those who connect its parts with each other."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtGui import QAction

from app.composing.composer import Composer
from app.composing.context_meter import ContextMeter
from app.composing.files import TextFiles
from app.conversations.sidebar import Sidebar
from app.desk import Desk
from app.dialogs import Dialogs
from app.frame import Frame
from app.look.theme import Theme
from app.messages.find import FindBar
from app.messages.inspector import Inspector
from app.messages.transcript import Transcript
from app.models.model_picker import ModelPicker
from app.models.topbar import TopBar
from app.notice import Banner, LoadingStrip
from app.settings.preferences import Preferences
from app.speculation.panel import SpeculationPanel
from app.talk.chat import Chat


@dataclass(frozen=True, slots=True)
class Parts:
    """The widgets, and the objects that belong to one or two of them. ``toggles``: what the View menu switches."""

    chat: Chat
    theme: Theme
    preferences: Preferences
    topbar: TopBar
    sidebar: Sidebar
    panel: SpeculationPanel
    columns: Frame
    transcript: Transcript
    inspector: Inspector
    find_bar: FindBar
    loading: LoadingStrip
    banner: Banner
    composer: Composer
    desk: Desk
    context_meter: ContextMeter
    files: TextFiles
    picker: ModelPicker
    dialogs: Dialogs
    toggles: tuple[QAction, QAction, QAction]  # conversations, speculation panel, marks
