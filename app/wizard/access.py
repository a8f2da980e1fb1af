"""Third page, for gated sets: the licence on the Hub, and an access token that is checked at once."""

from __future__ import annotations

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from app.library import ModelLibrary, Trouble
from app.wizard.labels import button, note, paragraph, row_of
from app.wizard.page import Page, Plan

TOKENS = "settings/tokens"


class AccessPage(Page):
    """Lets Next through once the Hub lets this account read every gated repository of the set."""

    step = "access"

    def __init__(self, library: ModelLibrary, plan: Plan) -> None:
        super().__init__(
            plan,
            "Licence and sign-in",
            "The makers of this set ask you to accept their licence on the Hub with an account of yours. Updraft then "
            "needs an access token of that account (a “read” token is enough).",
        )
        self._library = library
        self._open = False
        self._pages = QVBoxLayout()
        self.token = QLineEdit()
        self.token.setEchoMode(QLineEdit.EchoMode.Password)
        self.token.setPlaceholderText("hf_…")
        self.token.setAccessibleName("Access token")
        self.keep = button("Sign in")
        self.make = button("Make a token on the Hub…", "quiet")
        self.out = button("Sign out", "quiet")
        self.again = button("Check again")
        self.status = paragraph()
        self._lay_out()
        self.token.returnPressed.connect(self.sign_in)
        self.keep.clicked.connect(self.sign_in)
        self.make.clicked.connect(lambda: self._browse(TOKENS))
        self.out.clicked.connect(self._sign_out)
        self.again.clicked.connect(self.check)

    def _lay_out(self) -> None:
        field, label = QHBoxLayout(), QLabel("Access &token")
        label.setBuddy(self.token)
        field.setSpacing(8)
        field.addWidget(label)
        field.addWidget(self.token, 1)
        field.addWidget(self.keep)
        self.rows.addLayout(self._pages)
        self.rows.addLayout(field)
        self.rows.addLayout(row_of(self.make, self.out))
        self.rows.addWidget(
            note("The token is kept in this system's keyring, in no file and no log, and is sent to the Hub alone.")
        )
        self.rows.addWidget(self.status)
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
        self._library.signed_in().finished.connect(self._known)

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

    def check(self) -> None:
        """Ask the Hub whether this account may read the set."""
        offer = self.plan.offer
        if offer is None:
            return
        self.status.setText("Asking the Hub whether this account may read the models…")
        errand = self._library.check_access(offer.gated)
        errand.finished.connect(self._checked)
        errand.failed.connect(self._complain)

    def _known(self, signed_in: bool) -> None:
        self.out.setVisible(signed_in)
        if signed_in:
            self.check()
        else:
            self.status.setText("Not signed in yet.")

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
            self._complain(next(iter(refused.values())))
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
