"""First page: what this machine has, as measured."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout

from app.desktop.folders import as_told
from app.look.label import Label
from app.models.library import Hardware, ModelLibrary, Survey, size
from app.models.offline_note import OfflineNote
from app.models.page_parts import button, card, row_of
from app.models.wizard.wizard_page import Plan, WizardPage
from app.threads.failure import Failure


class MachinePage(WizardPage):
    """Measures GPU, memory and disk each time it is shown."""

    step = "machine"

    def __init__(self, library: ModelLibrary, plan: Plan) -> None:
        super().__init__(
            plan,
            "Bring in a larger model",
            "The starter is small and often wrong. A larger model answers far better. It is "
            "downloaded once and runs on this machine alone. First, what this machine has:",
        )
        self._library = library
        frame, rows = card()
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(20)
        self._grid.setVerticalSpacing(8)
        self._grid.setColumnStretch(1, 1)
        rows.addLayout(self._grid)
        self.values = {name: self._line(name) for name in ("Graphics", "Memory", "Processor", "Disk")}
        self.offline = OfflineNote(library)
        self.again = button("Measure again")
        self.again.clicked.connect(self.initializePage)
        self.rows.addWidget(frame)
        self.rows.addWidget(self.offline)
        self.rows.addLayout(row_of(self.again))
        self.rows.addStretch()

    def initializePage(self) -> None:
        """Measure."""
        for value in self.values.values():
            value.setText("Measuring…")
        self.offline.look()
        task = self._library.survey(self.plan.context)
        task.finished.connect(self._show)
        task.failed.connect(self._complain)

    def _line(self, name: str) -> Label:
        title, value = Label(name), Label()
        title.setObjectName("subline")
        value.setWordWrap(True)
        value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        value.setAccessibleName(name)
        row = self._grid.rowCount()
        self._grid.addWidget(title, row, 0, Qt.AlignmentFlag.AlignTop)
        self._grid.addWidget(value, row, 1)
        return value

    def _show(self, survey: Survey) -> None:
        self.plan.hardware = hardware = survey.hardware
        self.alert.tell(None)
        said = {
            "Graphics": graphics(hardware),
            "Memory": f"{size(hardware.ram_free)} of {size(hardware.ram)} free",
            "Processor": f"{hardware.cores} cores",
            "Disk": f"{size(hardware.disk_free)} free for {as_told(hardware.folder)}",
        }
        for name, text in said.items():
            self.values[name].setText(text)

    def _complain(self, failure: Failure) -> None:
        for value in self.values.values():
            value.setText("Not measured")
        self.alert.tell(failure)


def graphics(hardware: Hardware) -> str:
    """Return the GPUs in words, with the reason where one is not used."""
    lines = [
        f"{gpu.name}, {size(gpu.free)} of {size(gpu.total)} free, driver {gpu.driver}" for gpu in hardware.gpus
    ] or ["No NVIDIA GPU was found. Models run on the processor, which is slower and takes more memory."]
    return "\n".join(filter(None, (*lines, hardware.remark)))
