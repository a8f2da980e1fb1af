"""Third page, for gated sets: the licence on the Hub, and a sign-in by browser or by a token checked at once."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from app.look.announce import announce
from app.look.label import Label
from app.models.library import DeviceCode, ModelLibrary, Offer, SignedIn, Task
from app.models.page_parts import button, code_label, note, paragraph, row_of
from app.models.wizard.wizard_page import ORDER, Plan, WizardPage
from app.threads.failure import Failure

TOKENS = "settings/tokens"
AGAIN = "Check again"
OPENED = "A page should open in your browser; confirm this code there. If none does, open this address yourself:"
CLOSED = "No browser could be opened here. Open this address in any browser, on any device, and confirm the code there:"
SELECT = Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard


class LicencePage(WizardPage):
    """Enables Next once the Hub lets this account read every gated repository of the set.

    A model whose look-up asked for a sign-in is then looked up again; ``found`` carries the Offer.
    """

    step = "licence"
    found = Signal(object)

    def __init__(self, library: ModelLibrary, plan: Plan) -> None:
        super().__init__(
            plan,
            "Licence and sign-in",
            "The makers ask you to accept their licence on Hugging Face (the Hub), with an account of yours, and to "
            "sign in with it here.",
        )
        self._library = library
        self._open = False
        self._pages = QVBoxLayout()
        self._task: Task | None = None
        self._asked: DeviceCode | None = None
        self.browser, self.halt = button("Sign in with the browser…"), button("Stop", "quiet")
        self.reopen = button("Open the page again", "quiet")
        self.code, self.address = code_label(), paragraph()
        for label in (self.code, self.address):
            label.setTextInteractionFlags(SELECT)
        self.for_now = QCheckBox("Use it for this &run only, and keep it nowhere")
        self.token = QLineEdit()
        self.token.setEchoMode(QLineEdit.EchoMode.Password)
        self.token.setPlaceholderText("hf_… (“read” is enough)")
        self.token.setAccessibleName("Access token")
        self.keep = button("Use token")
        self.make = button("Make a token on Hugging Face…", "quiet")
        self.out = button("Sign out", "quiet")
        self.again = button(AGAIN)
        self.status = paragraph()
        self._lay_out()
        self.browser.clicked.connect(self.sign_in_by_browser)
        self.halt.clicked.connect(self.stop)
        self.reopen.clicked.connect(self._open_page)
        self.token.returnPressed.connect(self.sign_in)
        self.keep.clicked.connect(self.sign_in)
        self.make.clicked.connect(lambda: self._browse(TOKENS))
        self.out.clicked.connect(self._sign_out)
        self.again.clicked.connect(self.check)

    def _lay_out(self) -> None:
        field, label = QHBoxLayout(), Label("Or paste an access &token")
        label.setBuddy(self.token)
        field.setSpacing(8)
        field.addWidget(label)
        field.addWidget(self.token, 1)
        field.addWidget(self.keep)
        self.rows.addLayout(self._pages)
        self.rows.addLayout(row_of(self.browser, self.out, self.reopen, self.halt))
        self.rows.addWidget(self.status)
        self.rows.addWidget(self.address)
        self.rows.addWidget(self.code)
        self.rows.addLayout(field)
        self.rows.addLayout(row_of(self.make))
        self.rows.addWidget(
            note("A sign-in is kept in this system's keyring, in no file and no log, and sent to Hugging Face alone.")
        )
        self.rows.addWidget(self.for_now)
        self.rows.addLayout(row_of(self.again))
        self.rows.addStretch()

    def initializePage(self) -> None:
        """Show the pages to accept on, and ask at once whether that has been done."""
        self._clear_pages()
        for repository in self._gated:
            link = button(f"Page and licence of {repository}…")
            link.clicked.connect(lambda _, name=repository: self._browse(name))
            self._pages.addLayout(row_of(link))
        self._set_open(opened=False)
        self._wait_for(None)
        self._library.signed_in().finished.connect(self._known)

    def cleanupPage(self) -> None:
        """Stop a sign-in in progress and forget the model that was looked up, when the page is left."""
        self.stop()
        self.plan.asked = ""

    def isComplete(self) -> bool:
        """True once every gated repository may be read."""
        return self._open

    def sign_in(self) -> None:
        """Have the Hub check the token; it is kept only when it is good, and never shown again."""
        text = self.token.text()
        if not text.strip():
            return
        self.alert.tell(None)
        self.keep.setEnabled(False)
        self.status.setText("Checking the token…")
        task = self._library.sign_in(text, for_now=self.for_now.isChecked())
        task.finished.connect(self._signed_in)
        task.failed.connect(self._complain)
        task.over.connect(self._token_checked)

    def sign_in_by_browser(self) -> None:
        """Open the Hub's page, where the account confirms the code shown here."""
        if self._task is not None:
            return
        self.alert.tell(None)
        self.browser.setEnabled(False)
        self.status.setText("Asking Hugging Face for a code…")
        self._task = self._library.sign_in_by_browser(for_now=self.for_now.isChecked())
        self._task.stepped.connect(self._wait_for)
        self._task.finished.connect(self._confirmed)
        self._task.stopped.connect(self._nobody)
        self._task.failed.connect(self._complain)
        self._task.over.connect(self._browser_over)

    def check(self) -> None:
        """Ask the Hub whether this account may read the set, or look up again the model that asked for a sign-in."""
        self.status.setText("Asking Hugging Face whether this account may read the models…")
        if self.plan.asked:
            task = self._library.inspect(self.plan.asked, self.plan.context)
            task.finished.connect(self._found)
            task.failed.connect(self._refuse)
        else:
            task = self._library.check_access(self._gated)
            task.finished.connect(self._checked)
            task.failed.connect(self._complain)

    def _wait_for(self, told: DeviceCode | SignedIn | None) -> None:
        """Show the code there is, and open its page once."""
        asked = told if isinstance(told, DeviceCode) else None
        if asked == self._asked and asked is not None:
            return
        self._asked = asked
        for widget in (self.code, self.address, self.reopen, self.halt):
            widget.setVisible(asked is not None)
        if asked is not None:
            self.code.setText(asked.code)
            self.address.setText(asked.address)
            self.reopen.setFocus()  # the button that was pressed is disabled now
            self._open_page()
            announce(self, f"{self.status.text()} {asked.address} {' '.join(asked.code)}")

    def _open_page(self) -> None:
        """Open the page the code belongs to, and say whether the system knew how to."""
        if self._asked is not None:
            opened = QDesktopServices.openUrl(QUrl(self._asked.address))
            self.status.setText(OPENED if opened else CLOSED)

    def _confirmed(self, steps: tuple[object, ...]) -> None:
        if isinstance(steps[-1], SignedIn):
            self._signed_in(steps[-1].account)

    def _nobody(self) -> None:
        self.status.setText("Not signed in yet.")

    def _browser_over(self) -> None:
        self._task = None
        self.browser.setEnabled(True)
        self._wait_for(None)

    def stop(self) -> None:
        """End a sign-in by browser that waits to be confirmed."""
        if self._task is not None:
            self._task.stop()

    def _known(self, signed_in: bool) -> None:
        self.out.setVisible(signed_in)
        if signed_in:
            self.check()
        else:
            self._nobody()

    def _token_checked(self) -> None:
        self.keep.setEnabled(True)

    def _signed_in(self, account: str) -> None:
        self.token.clear()
        self.out.show()
        self.status.setText(f"Signed in as {account}.")
        self.check()

    def _sign_out(self) -> None:
        self._set_open(opened=False)
        self._library.sign_out().over.connect(self.initializePage)

    def _found(self, offer: Offer) -> None:
        """The model that was looked up is known now, and is what was chosen."""
        self.plan.asked, self.plan.offer, self.plan.name = "", offer, offer.name
        self.found.emit(offer)
        self._checked({})

    def _refuse(self, failure: Failure) -> None:
        self._checked({self.plan.asked: failure})

    @property
    def _gated(self) -> tuple[str, ...]:
        """The repositories to be accepted."""
        if self.plan.asked:
            return (self._library.name_in(self.plan.asked),)
        return self.plan.offer.gated if self.plan.offer else ()

    def after(self) -> int:
        """Go to the folder, or to the trial of what is there already."""
        offer = self.plan.offer
        return ORDER.index("trial" if offer is not None and offer.installed else "folder")

    def _checked(self, refused: dict[str, Failure]) -> None:
        self._set_open(opened=not refused)
        if refused:
            failure = next(iter(refused.values()))
            again = "" if failure.kind == "signin" else f" Then press “{AGAIN}”."  # signing in checks by itself
            self._complain(replace(failure, hint=f"{failure.hint}{again}".strip()))
        else:
            self.alert.tell(None)
            self.status.setText("This account may read what was chosen. Next goes on.")

    def _complain(self, failure: Failure) -> None:
        self.status.clear()
        self.alert.tell(failure)

    def _set_open(self, *, opened: bool) -> None:
        self._open = opened
        self.completeChanged.emit()

    def _clear_pages(self) -> None:
        while (item := self._pages.takeAt(0)) is not None:
            row = item.layout()
            while row is not None and (inner := row.takeAt(0)) is not None:
                widget: QWidget | None = inner.widget()
                if widget is not None:
                    widget.deleteLater()

    def _browse(self, page: str) -> None:
        address = self._library.address(page)
        if not QDesktopServices.openUrl(QUrl(address)):
            self.alert.tell(Failure("No browser could be opened here.", f"Open this address in any browser: {address}"))
