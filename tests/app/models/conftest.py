"""A window over the real engine beside a library of its own, and a Hub on loopback to fill it from."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QApplication, QMessageBox, QWidget
from pytestqt.qtbot import QtBot

from app.application import Application
from app.conversations.archive import Archive
from app.models.library import ModelLibrary, offers
from app.models.wizard.wizard import Wizard
from app.talk.chat import Chat
from app.talk.worker import EngineWorker, OpenSession, open_engine
from engine.config import models_in
from engine.library import Connection, Library, probe
from tests.engine.library.conftest import FAST, checkpoint, memory_keyring, weights_file
from tests.engine.library.hub import FakeHub, fake_hub
from tests.engine.pocket import pocket_models

POCKET = pocket_models().models["draft"]  # a real model
FAMILY = ("SmolLM2-1.7B-Instruct", "SmolLM2-360M-Instruct", "SmolLM2-135M-Instruct")

Serve = Callable[..., Application]

__all__ = ["checkpoint", "memory_keyring"]


@pytest.fixture(autouse=True)
def _collect_here() -> Iterator[None]:
    """Keep the collector off other threads, as the application does: there it would destroy widgets."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()
    gc.collect()


@pytest.fixture(autouse=True)
def room(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Give the machine as many gigabytes of memory as the argument says, 64 at first, and no GPU."""

    def set_to(gigabytes: float) -> None:
        free = round(gigabytes * 2**30)
        monkeypatch.setattr(offers, "probe", lambda folder: replace(probe(folder), gpus=(), ram=free, ram_free=free))

    set_to(64)
    return set_to


def answer(parent: QWidget, button: str) -> str:
    """Press ``button`` of the question that is open over ``parent``, and return how it was explained."""
    box = next(each for each in parent.findChildren(QMessageBox) if each.isVisible())
    said = box.informativeText()
    next(each for each in box.buttons() if each.text() == button).click()
    return said


def pocket_head() -> dict[str, bytes]:
    """Return the files of a head for POCKET, as its makers would publish it."""
    config = json.loads((POCKET / "config.json").read_text())
    width, mlp, tokens = config["hidden_size"], config["intermediate_size"], config["vocab_size"]
    size = config["head_dim"]
    rows, keys = size * config["num_attention_heads"], size * config["num_key_value_heads"]
    names = ("input_layernorm", "hidden_norm", "post_attention_layernorm")
    shapes: dict[str, tuple[int, ...]] = {f"midlayer.{name}.weight": (width,) for name in names}
    shapes |= {
        "fc.weight": (width, 2 * width),
        "norm.weight": (width,),
        "lm_head.weight": (tokens, width),
        "midlayer.self_attn.q_proj.weight": (rows, 2 * width),
        "midlayer.self_attn.k_proj.weight": (keys, 2 * width),
        "midlayer.self_attn.v_proj.weight": (keys, 2 * width),
        "midlayer.self_attn.o_proj.weight": (width, rows),
        "midlayer.mlp.gate_proj.weight": (mlp, width),
        "midlayer.mlp.up_proj.weight": (mlp, width),
        "midlayer.mlp.down_proj.weight": (width, mlp),
    }
    made = {
        "architectures": ["LlamaForCausalLMEagle3"],
        "num_hidden_layers": 1,
        "eagle_config": {"eagle_aux_hidden_state_layer_ids": [0, 1]},
        "tie_word_embeddings": False,
    }
    return {"config.json": json.dumps(config | made).encode(), "model.safetensors": weights_file(shapes, 1)}


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    """A Hub on which a set of the catalogue is a tiny real model."""
    files = {path.name: path.read_bytes() for path in POCKET.iterdir()}
    with fake_hub() as running:
        for name in FAMILY:
            running.publish(f"HuggingFaceTB/{name}", files)
        yield running


@pytest.fixture
def library(hub: FakeHub, tmp_path: Path, memory_keyring: object) -> Iterator[ModelLibrary]:
    """An empty library that knows that Hub only."""
    made = open_library(tmp_path, Connection(endpoint=hub.address))
    yield made
    made.close()


def open_library(home: Path, connection: Connection) -> ModelLibrary:
    """Open the library under ``home``."""
    return ModelLibrary(Library(home / "models", home / "library.json"), connection, FAST, spare=0)


@pytest.fixture
def chat(qapp: QApplication) -> Iterator[Chat]:
    """A chat whose engine is never asked for anything."""
    archive = Archive()
    archive.load()
    yield Chat(EngineWorker(open_engine), archive)
    archive.end()


@pytest.fixture
def wizard(qtbot: QtBot, library: ModelLibrary, chat: Chat) -> Wizard:
    """The wizard alone, on its first page."""
    made = Wizard(library, chat)
    qtbot.addWidget(made)
    made.show()
    return made


@pytest.fixture
def settings(tmp_path: Path) -> QSettings:
    return QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat)


@pytest.fixture
def serve(qapp: QApplication, settings: QSettings, library: ModelLibrary, tmp_path: Path) -> Iterator[Serve]:
    """Start the window with the Model menu; whatever the test left running has to stop in time."""
    started: list[Application] = []

    def begin(open_session: OpenSession = open_engine) -> Application:
        running = Application(qapp, open_session, settings, [models_in(POCKET)], tmp_path)
        running.add_library(library, settings)
        started.append(running)
        running.start(models_in(POCKET))
        return running

    yield begin
    for running in started:
        running.window.close()
        assert running.end(), "the engine thread did not stop"
        running.window.deleteLater()
