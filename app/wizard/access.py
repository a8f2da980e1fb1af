"""Third page, for gated sets: the licence on the Hub, and a sign-in by browser or by a token checked at once."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from app.library import DeviceCode, Errand, ModelLibrary, SignedIn, Trouble
from app.wizard.labels import announce, button, code_label, note, paragraph, row_of
from app.wizard.page import Page, Plan

TOKENS = "settings/tokens"
AGAIN = "Check again"


class AccessPage(Page):
    """Lets Next through once the Hub lets this account read every gated repository of the set."""

    step = "access"

    def __init__(self, library: ModelLibrary, plan: Plan) -> None:
        super().__init__(
            plan,
            "Licence and sign-in",
            "The makers of this set ask you to accept their licence on the Hub with an account of yours, and to sign "
            "in with it here.",
        )
        self._library = library
        self._open = False
        self._pages = QVBoxLayout()
        self._errand: Errand | None = None
        self._asked: DeviceCode | None = None
        self.browser, self.halt = button("Sign in with the browser…"), button("Stop", "quiet")
        self.reopen = button("Open the page again", "quiet")
        self.code = code_label()
        self.token = QLineEdit()
        self.token.setEchoMode(QLineEdit.EchoMode.Password)
        self.token.setPlaceholderText("hf_… (“read” is enough)")
        self.token.setAccessibleName("Access token")
        self.keep = button("Use token")
        self.make = button("Make a token on the Hub…", "quiet")
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
        field, label = QHBoxLayout(), QLabel("Or paste an access &token")
        label.setBuddy(self.token)
        field.setSpacing(8)
        field.addWidget(label)
        field.addWidget(self.token, 1)
        field.addWidget(self.keep)
        self.rows.addLayout(self._pages)
        self.rows.addLayout(row_of(self.browser, self.out, self.reopen, self.halt))
        self.rows.addWidget(self.status)
        self.rows.addWidget(self.code)
        self.rows.addLayout(field)
        self.rows.addLayout(row_of(self.make))
        self.rows.addWidget(
            note("The token is kept in this system's keyring, in no file and no log, and is sent to the Hub alone.")
        )
        self.rows.addLayout(row_of(self.again))
        self.rows.addStretch()

    def initializePage(self) -> None:
        """Show the pages to accept on, and ask at once whether that has been done."""
        self._clear_pages()
        offer = self.plan.offer
        for repository in offer.gated if offer else ():
            link = button(f"Licence of {repository}…")
            link.clicked.connect(lambda _, name=repository: self._browse(name))
            self._pages.addLayout(row_of(link))
        self._set_open(opened=False)
        self._wait_for(None)
        self._library.signed_in().finished.connect(self._known)

    def cleanupPage(self) -> None:
        """Give up a sign-in that waits when the page is left."""
        self.stop()

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
        errand = self._library.sign_in(text)
        errand.finished.connect(self._signed_in)
        errand.failed.connect(self._complain)
        errand.over.connect(self._token_checked)

    def sign_in_by_browser(self) -> None:
        """Open the Hub's page, where the account confirms the code shown here."""
        if self._errand is not None:
            return
        self.alert.tell(None)
        self.browser.setEnabled(False)
        self.status.setText("Asking the Hub for a code…")
        self._errand = self._library.sign_in_by_browser()
        self._errand.stepped.connect(self._wait_for)
        self._errand.finished.connect(self._confirmed)
        self._errand.stopped.connect(self._nobody)
        self._errand.failed.connect(self._complain)
        self._errand.over.connect(self._browser_over)

    def check(self) -> None:
        """Ask the Hub whether this account may read the set."""
        offer = self.plan.offer
        if offer is None:
            return
        self.status.setText("Asking the Hub whether this account may read the models…")
        errand = self._library.check_access(offer.gated)
        errand.finished.connect(self._checked)
        errand.failed.connect(self._complain)

    def _wait_for(self, told: DeviceCode | SignedIn | None) -> None:
        """Show the code there is, and open its page once."""
        asked = told if isinstance(told, DeviceCode) else None
        if asked == self._asked and asked is not None:
            return
        self._asked = asked
        for widget in (self.code, self.reopen, self.halt):
            widget.setVisible(asked is not None)
        if asked is not None:
            self.code.setText(asked.code)
            self.status.setText("Confirm this code on the page that has opened in the browser.")
            announce(self, f"{self.status.text()} {' '.join(asked.code)}")
            self.reopen.setFocus()  # the button that was pressed is disabled now
            self._open_page()

    def _open_page(self) -> None:
        if self._asked is not None:
            QDesktopServices.openUrl(QUrl(self._asked.address))

    def _confirmed(self, steps: tuple[object, ...]) -> None:
        if isinstance(steps[-1], SignedIn):
            self._signed_in(steps[-1].account)

    def _nobody(self) -> None:
        self.status.setText("Not signed in yet.")

    def _browser_over(self) -> None:
        self._errand = None
        self.browser.setEnabled(True)
        self._wait_for(None)

    def stop(self) -> None:
        """End a sign-in by browser that waits to be confirmed."""
        if self._errand is not None:
            self._errand.stop()

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

    def _checked(self, refused: dict[str, Trouble]) -> None:
        self._set_open(opened=not refused)
        if refused:
            trouble = next(iter(refused.values()))
            again = "" if trouble.kind == "signin" else f" Then press “{AGAIN}”."  # signing in checks by itself
            self._complain(replace(trouble, hint=f"{trouble.hint}{again}".strip()))
        else:
            self.alert.tell(None)
            self.status.setText("This account may read every model of the set.")

    def _complain(self, trouble: Trouble) -> None:
        self.status.clear()
        self.alert.tell(trouble)

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
        QDesktopServices.openUrl(QUrl(self._library.address(page)))
