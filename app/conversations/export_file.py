"""Writes a conversation to a file: Markdown, HTML, or JSON with the log of every answer. No Qt."""

from __future__ import annotations

import html
import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from string import Template
from typing import Any

from app.conversations.conversation import Conversation, Message
from app.conversations.enclosed import enclosed
from app.conversations.leftovers import Leftovers
from app.conversations.markup import typeset
from app.conversations.summaries import UNTITLED
from app.desktop.files import replace_text
from app.log.planning import plan_of
from engine.config import PRESETS
from engine.errors import UpdraftError
from engine.events import to_json
from engine.tally import Tally

FORMATS = {"md": "Markdown", "html": "HTML", "json": "JSON, with how each answer came to be"}

_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
:root { color-scheme: light dark; }
body { font: 16px/1.6 system-ui, sans-serif; max-width: 44rem; margin: 3rem auto; padding: 0 1rem; }
article { margin: 1.5rem 0; }
article.user { background: #8882; border-radius: 12px; padding: .6rem 1rem; margin-left: 18%; }
article { overflow-wrap: anywhere; }
article.user p { white-space: pre-wrap; margin: 0; }
pre { background: #8882; border-radius: 8px; padding: .8rem 1rem; overflow-x: auto; }
code { font: .9em ui-monospace, monospace; }
table { border-collapse: collapse; }
th, td { border: 1px solid #8886; padding: .3rem .6rem; }
blockquote { border-left: 3px solid #8886; margin-left: 0; padding-left: 1rem; }
footer, .said { color: GrayText; font-size: .8rem; }
</style>
</head>
<body>
<h1>$title</h1>
$articles
<footer>Exported from Updraft, $when</footer>
</body>
</html>
""")


class ExportError(UpdraftError):
    """A conversation could not be written to the file chosen."""


def export(conversation: Conversation, path: Path, leftovers: Leftovers) -> None:
    """Write the branch shown (JSON: every branch) to ``path``, whose ending says how; all of it or nothing.

    ``leftovers`` remembers the unfinished file, in case the program is killed meanwhile.

    Raises ExportError for an ending that is none of FORMATS, or where the disk refuses.
    """
    writer = _WRITERS.get(path.suffix.removeprefix(".").lower())
    if writer is None:
        raise ExportError(
            f"{path.name} ends in none of .md, .html and .json.",
            "Choose one of these; it says how the file is written.",
        )
    try:
        text = writer(conversation)
        with leftovers.growing(path) as growing:
            replace_text(path, text, growing)
    except OSError as cause:
        raise ExportError(
            f"{path.name} could not be written: {cause.strerror or cause}.",
            "Choose another folder, or free some space.",
        ) from cause


def needs_log(path: Path, message: Message) -> bool:
    """Return whether a file of this name says of ``message`` what only its log knows."""
    started = None if message.reply is None else message.reply.started
    method = None if started is None else PRESETS.get(started.preset)
    return path.suffix.lower() == ".json" or (method is not None and method.planned)


def file_name(title: str) -> str:
    """Return a file name for ``title`` that every system accepts, without its ending."""
    kept = "".join(c if c.isalnum() or c in " -_.,()" else " " for c in title or UNTITLED)
    return " ".join(kept.split()).strip(". ")[:80] or UNTITLED


def markdown(conversation: Conversation) -> str:
    """Return the branch shown as Markdown whose headings no message can swallow or imitate."""
    parts = [f"# {conversation.title or UNTITLED}"]
    if conversation.chat_settings.system:
        parts += ["## System", enclosed(conversation.chat_settings.system, typed=True)]
    for message in conversation.messages:
        notes = filter(None, (_by(message), _lossy(message), _unread(conversation, message), _planned(message)))
        said = enclosed(message.text, typed=message.role == "user")
        parts += [f"## {_who(message)}", *(f"*{note}*" for note in notes), said]
    return "\n\n".join(parts) + "\n"


def page(conversation: Conversation) -> str:
    """Return the branch shown as one self-contained HTML page without scripts."""
    articles = "\n".join(
        f'<article class="{message.role}">\n<div class="said">{_said(conversation, message)}</div>\n'
        f"{_why(message)}{_body(message)}\n</article>"
        for message in conversation.messages
    )
    title = html.escape(conversation.title or UNTITLED)
    now = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M")
    return _PAGE.substitute(title=title, articles=articles, when=now)


def data(conversation: Conversation) -> str:
    """Return every branch as JSON, each answer with its events as ``engine.events.to_json`` has them."""
    value = {
        "format": "updraft-conversation",
        "version": 1,
        "title": conversation.title,
        "manner": asdict(conversation.chat_settings),
        "shown": [message.id for message in conversation.messages],
        "messages": [_message(message) for message in conversation.tree],
    }
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"


def _message(message: Message) -> dict[str, Any]:
    value: dict[str, Any] = {
        "id": message.id,
        "parent": message.parent,
        "role": message.role,
        "created": datetime.fromtimestamp(message.created).astimezone().isoformat(),
        "text": message.text,
    }
    if message.told_from is not None:
        value["told_from"] = message.told_from
    if message.model is not None:
        value["model"] = message.model
    if message.reply is not None:
        value["outcome"] = message.reply.outcome
        value["events"] = [to_json(event) for event in message.reply.events]
    return value


def _body(message: Message) -> str:
    """Return a question as it was typed, an answer typeset."""
    text = message.text.strip()
    return f"<p>{html.escape(text)}</p>" if message.role == "user" else typeset(text).strip()


def _said(conversation: Conversation, message: Message) -> str:
    parts = (_who(message), _by(message), _lossy(message), _when(message.created), _unread(conversation, message))
    return html.escape(", ".join(part for part in parts if part))


def _unread(conversation: Conversation, message: Message) -> str:
    """Return a note of what was left out of the prompt for an answer, or ""."""
    count = conversation.unread(message.id)
    return f"not read for this answer: the first {count} messages" if count else ""


def _who(message: Message) -> str:
    return "You" if message.role == "user" else "Updraft"


def _by(message: Message) -> str:
    """Return the name of the model that wrote an answer, if known."""
    return f"written by {message.model}" if message.model else ""


def _lossy(message: Message) -> str:
    """Return a note of an answer that a lossy method wrote, with what is known of it, or ""."""
    reply = message.reply
    if reply is None or reply.started is None or reply.started.lossless:
        return ""
    end = reply.finished
    count = "" if end is None or end.foreign is None else f", {end.foreign:,} of {end.tokens:,} tokens not its own"
    return f"with a lossy method{count}"


def _planned(message: Message) -> str:
    """Return why the engine answered with the chain it chose, and what came of it, or ""."""
    if message.reply is None:
        return ""
    tally = Tally()
    tally.add(message.reply.events)
    plan = plan_of(tally, technical=False)
    return "" if plan is None else f"How it was made faster: {plan}"


def _why(message: Message) -> str:
    """Return the same as a line of a page."""
    planned = _planned(message)
    return f'<div class="said">{html.escape(planned)}</div>\n' if planned else ""


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M")


_WRITERS: dict[str, Callable[[Conversation], str]] = {"md": markdown, "html": page, "json": data}
