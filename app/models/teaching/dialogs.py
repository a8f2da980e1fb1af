"""What joins teaching to the window: the menu, the page, the line in the sidebar, and the level that comes of it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, QSettings, Signal
from PySide6.QtWidgets import QMainWindow

from app.conversations.archive import Archive
from app.look.palette import Palette
from app.models.confirm import confirm
from app.models.library import starter_models, unlearn
from app.models.model_dialogs import ModelDialogs, bring_up
from app.models.model_picker import ModelPicker
from app.models.teaching.line import TeachingLine
from app.models.teaching.order import Order, begin_anew, give_questions, has_questions, name_for, unfinished
from app.models.teaching.page import TeachingPage
from app.models.teaching.progress import Progress
from app.models.teaching.teaching import Teaching
from app.notices import Toast
from app.talk.standing import Engine
from app.threads.failure import Failure
from engine.config import ModelSet
from engine.errors import UpdraftError
from engine.teaching.offered import OFFERED

LEFT = "teaching/left"  # in the settings: the order of a course that did not come to its end


class TeachingDialogs(QObject):
    """Opens the page over ``window`` and does what is chosen on it.

    ``preset_wanted`` carries the name of the method by which the model in use is to answer.
    """

    preset_wanted = Signal(str)

    def __init__(
        self,
        window: QMainWindow,
        archive: Archive,
        dialogs: ModelDialogs,
        picker: ModelPicker,
        toast: Toast,
        settings: QSettings,
        palette: Palette,
    ) -> None:
        super().__init__(window)
        self._window, self._chat, self._archive, self._palette = window, dialogs.chat, archive, palette
        self._picker, self._toast, self._settings = picker, toast, settings
        self.teaching = Teaching(self)
        self.line = TeachingLine(self.teaching)
        self._sets: dict[str, ModelSet] = {}
        self._page: TeachingPage | None = None
        self._asked: Order | None = None  # whose model the page asks about
        self._due: Path | None = None  # the model that has a drafter which is not loaded yet
        self.action = dialogs.menu.addAction("Teach it to draft…")
        self.action.triggered.connect(lambda: self.open(None))
        self.line.clicked.connect(self.show_course)
        dialogs.library.listed.connect(lambda listing: self._sets.update(listing.sets))
        self.teaching.changed.connect(self._show)
        self.teaching.over.connect(self._over)
        for changed in (self._chat.answered, self._chat.engine_changed):
            changed.connect(self._load_due)

    def set_palette(self, palette: Palette) -> None:
        """Paint in the colours of ``palette``."""
        self._palette = palette
        if self._page is not None:
            self._page.set_palette(palette)

    @property
    def page(self) -> TeachingPage:
        """The page, made when it is first wanted."""
        if self._page is None:
            page = self._page = TeachingPage(self._palette, self._window)
            page.choosing.begin_wanted.connect(self._begin)
            page.choosing.resume_wanted.connect(self._resume)
            page.choosing.unload_wanted.connect(self._make_room)
            page.choosing.unlearn_wanted.connect(self._ask_unlearn)
            page.watching.pause_wanted.connect(self.teaching.pause)
            page.watching.go_on_wanted.connect(self._go_on)
            page.watching.stop_wanted.connect(self.teaching.stop)
            page.watching.again_wanted.connect(self._again)
            page.watching.use_wanted.connect(self._use)
        return self._page

    def open(self, models: ModelSet | None) -> None:
        """Show the course that is under way, or else ask what ``models`` are to be taught; None: those in use."""
        progress, chosen = self.teaching.progress, models or self._chat.next_models
        if progress is not None and not progress.over:
            self.page.watch(progress)
        elif chosen is not None:
            self._ask(self._order_for(chosen))
        bring_up(self.page)

    def show_course(self) -> None:
        """Show the course under way, the last one, or the one that was left."""
        progress = self.teaching.progress
        if progress is not None:
            self.page.watch(progress)
            bring_up(self.page)
        else:
            self.open(self._left_models())

    def offer_left(self) -> None:
        """Offer to go on with the course that the last run of the program left."""
        order = Order.read(str(self._settings.value(LEFT, "")))
        left = unfinished(order.target) if order is not None else None
        if order is None or left is None or left.asked.what != order.what:
            self._settings.remove(LEFT)
            return
        self.line.show_left(order, left)
        text = f"{order.title} was being taught: {left.spent:.0f} of {order.minutes:g} minutes are done."
        self._toast.offer(text, "Go on", partial(self._start, order))

    def end(self) -> None:
        """Leave the course to write what it has learnt; the next run offers to go on with it."""
        self.teaching.end()

    # What is chosen on the page

    def named(self, models: ModelSet) -> str | None:
        """Return what the engine's command calls ``models``."""
        return name_for(models, self._sets, starter_models())

    def _order_for(self, models: ModelSet) -> Order:
        return Order(models.name, self.named(models), models.target, next(iter(OFFERED)), 0)

    def _ask(self, order: Order, refused: Failure | None = None) -> None:
        self._asked = order
        self.page.ask(order, refused, loaded=self._chat.engine is Engine.READY)
        self._archive.ask(lambda store: len(store.questions()), self.page.choosing.show_questions)

    def _begin(self) -> None:
        order = self.page.choosing.order()
        if order is None:
            return
        if self.page.choosing.anew:
            begin_anew(order)
            self.teaching.progress = None  # nor is what was seen of it gone on with
        self._start(order)

    def _start(self, order: Order) -> None:
        """Begin the course, its questions laid ready where the person's own are wanted."""
        if order.own and not has_questions(order):
            self._archive.ask(lambda store: store.questions(), lambda found: self._with_questions(order, found))
        else:
            self._run(order)

    def _with_questions(self, order: Order, found: list[str]) -> None:
        try:
            give_questions(order, found)
        except OSError as error:
            hint = "Make room on the disk, or teach it without your own questions."
            self.page.choosing.refuse(Failure(f"Your questions cannot be laid ready: {error.strerror or error}.", hint))
            return
        self._run(order)

    def _run(self, order: Order) -> None:
        self._settings.setValue(LEFT, order.text)
        self.teaching.begin(order)

    def _make_room(self) -> None:
        """Have the chat's model unloaded, and begin once more what did not fit beside it."""
        if self._asked is not None and not self._chat.busy and self._chat.engine is Engine.READY:
            self._chat.set_engine(Engine.DOWN)  # the next question loads it again
            self._chat.unload_wanted.emit()
            self._start(self._asked)

    def _ask_unlearn(self, role: str) -> None:
        more = "Answers come as they did before it was taught. To have it again, it must be taught again."
        question = f"Take the {role} away?"
        confirm(self.page, question, more, yes="Take it away", no="Keep it", act=lambda: self._unlearn(role))

    def _unlearn(self, role: str) -> None:
        if self._asked is None:
            return
        try:
            unlearn(self._asked.target, role)
        except UpdraftError as error:
            self.page.choosing.refuse(Failure.of(error))
            return
        self._due = self._asked.target
        self._load_due()
        self._ask(self._asked)

    def _resume(self) -> None:
        left = unfinished(self._asked.target) if self._asked is not None else None
        if left is not None and self._asked is not None:
            asked = left.asked
            self._start(replace(self._asked, what=asked.what, minutes=asked.minutes, own=asked.own))

    def _go_on(self) -> None:
        progress = self.teaching.progress
        if progress is not None and progress.over:
            self._start(progress.order)
        else:
            self.teaching.go_on()

    def _again(self) -> None:
        if self.teaching.progress is not None:
            self._ask(self.teaching.progress.order)

    def _use(self) -> None:
        progress = self.teaching.progress
        if progress is None:
            return
        used, target = self._chat.models, progress.order.target
        if used is None or used.target != target:
            models = self._picker.of_target(target)
            if models is not None:
                self._picker.open(models)
        self.preset_wanted.emit(OFFERED[progress.order.what].preset.name)
        self.page.close()

    # What is heard of the course

    def _show(self) -> None:
        progress = self.teaching.progress
        if progress is not None and self._page is not None and not (progress.over and self._page.choosing.isVisible()):
            self._page.watch(progress)

    def _over(self, progress: Progress) -> None:
        self._settings.remove(LEFT)
        if progress.failure is not None and not progress.tokens and not progress.looks and self._page is not None:
            said = progress.failure
            self._ask(progress.order, Failure(said.sentence, said.hint, kind=said.kind))
        if progress.ended is not None and progress.ended.kept:
            self._due = progress.order.target
            self._load_due()
        if self._page is None or not self._page.isVisible():
            self._say(progress)

    def _say(self, progress: Progress) -> None:
        if progress.ended is not None:
            came = (
                "has learnt to draft, and answers faster." if progress.ended.kept else "was taught; it is not faster."
            )
            self._toast.offer(f"{progress.order.title} {came}", "Show", self.show_course)
        elif progress.failure is not None:
            self._toast.offer(f"Teaching {progress.order.title} came to a stop.", "Show", self.show_course)

    def _load_due(self, *_: object) -> None:
        """Have the model that was taught offered with its drafter, and loaded with it, once no answer is written."""
        if self._due is not None and not self._chat.busy and self._chat.engine is not Engine.LOADING:
            target, self._due = self._due, None
            self._picker.renew(target)

    def _left_models(self) -> ModelSet | None:
        """Return the models of the course that was left, if the line speaks of one."""
        order = Order.read(str(self._settings.value(LEFT, "")))
        return self._picker.of_target(order.target) if order is not None else None
