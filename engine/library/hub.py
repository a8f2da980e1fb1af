"""The Hub, through its own client library: what a repository holds, who may have it, and its bytes.

Only the downloader process imports this; the library's client is the process's one way out to the network.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from huggingface_hub import HfApi, constants, get_session, hf_hub_url
from huggingface_hub.hf_api import ModelInfo, RepoSibling
from huggingface_hub.utils import build_hf_headers, hf_raise_for_status  # type: ignore[attr-defined]

from engine.architecture import architecture_of
from engine.architecture.checking import Stored, check_tensors
from engine.dimensions import form_in, held_in
from engine.library.address import read_address
from engine.library.checkpoint_files import check_names, choose, not_a_checkpoint, read_config
from engine.library.faults import LibraryError
from engine.library.fetch import STRANGE, Answer, Transient
from engine.library.manifest import Entry, Manifest
from engine.library.paths import is_commit
from engine.library.protocol import Inspection
from engine.library.reach import FILE, Guard
from engine.library.refusals import in_words
from engine.words import size

LARGEST = 4 << 20  # bytes of a config.json; real ones have a few thousand
LONG = 4  # times the longest silence: how long an answer that is not a file may take in all
_DIGEST = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class Hub:
    """The Hub as one account sees it; ``silence`` is how many seconds without a byte end a request.

    ``endpoint`` None is HF_ENDPOINT or the Hub itself. Every method raises Transient for trouble that may pass and
    LibraryError for trouble that will not.
    """

    def __init__(self, token: str | None, silence: float, endpoint: str | None = None) -> None:
        self._token = token or False  # False: not even a token lying about on this machine
        self._endpoint = endpoint
        self._api = HfApi(endpoint=endpoint, token=self._token)
        self._silence = silence
        self._client = get_session()
        self._client.timeout = silence  # the library itself waits without a limit
        self._client.headers["Accept-Encoding"] = "identity"
        Guard(endpoint or constants.ENDPOINT, LONG * silence).watch(self._client)

    def plan(self, repository: str, revision: str | None, *, drafter: bool = False) -> Manifest:
        """List what to fetch of ``repository``, pinned to the commit that ``revision`` (a branch) means now.

        A ``drafter`` is fetched without a tokenizer.
        """
        info = self._info(repository, revision)
        if info.gated:
            with self._in_words(repository):
                self._api.auth_check(repository)
        name, version = _identity(info, repository)
        files = [_entry(item, repository) for item in info.siblings or ()]
        chosen = choose(_listed_once(files), repository, drafter=drafter)
        return Manifest(name, version, _each_once(chosen), _licence(info))

    def inspect(self, repository: str, revision: str | None) -> Inspection:
        """Tell what ``repository`` is from its configuration and the headers of its weights."""
        plan = self.plan(repository, revision)
        repository = plan.repository  # as the Hub writes it
        config = self.config(plan)
        architecture = architecture_of(config, repository)
        stored: dict[str, Stored] = {}
        for entry in plan.files:
            stored |= self._stored(plan, entry) if entry.weights else {}
        check_names(stored, repository)
        check_tensors(stored, held_in(architecture, stored).tensors(), repository)
        return Inspection(
            repository=repository,
            revision=plan.revision,
            licence=plan.licence,
            form=form_in(config, repository),
            parameters=architecture.parameters,
            download=plan.size,
            config=config,
        )

    def _stored(self, plan: Manifest, entry: Entry) -> dict[str, Stored]:
        """Return the tensors that the header of a file of weights lists."""
        with self._in_words(plan.repository):
            header = self._api.parse_safetensors_file_metadata(
                plan.repository, entry.path, revision=plan.revision, timeout=self._silence
            )
        file = PurePosixPath(plan.repository, entry.path)
        return {name: Stored(file, each.dtype, tuple(each.shape)) for name, each in header.tensors.items()}

    def config(self, plan: Manifest) -> dict[str, Any]:
        """Fetch a repository's ``config.json`` alone."""
        if not any(entry.path == "config.json" for entry in plan.files):
            raise not_a_checkpoint(plan.repository, "has no config.json")
        with self.open(plan, "config.json", 0) as answer:
            return read_config(_whole(answer, LARGEST, plan.repository), plan.repository)

    def _info(self, repository: str, revision: str | None) -> ModelInfo:
        # With sizes and hashes of all files: unlike the listing of a tree, this one call can time out.
        with self._in_words(repository):
            try:
                return self._api.model_info(repository, revision=revision, files_metadata=True, timeout=self._silence)
            except (TypeError, LookupError, AttributeError) as error:  # JSON, but of another shape
                raise Transient(STRANGE) from error

    def account(self) -> str:
        """Return the name of the account the token belongs to; raises LibraryError (signin) where none does."""
        with self._in_words("your account"):
            try:
                return str(self._api.whoami()["name"])
            except (TypeError, LookupError) as error:
                raise Transient(STRANGE) from error

    @contextmanager
    def open(self, plan: Manifest, path: str, start: int) -> Iterator[Answer]:
        """Ask for one file of ``plan`` from byte ``start`` on; the token stays with the Hub on a redirect."""
        url = hf_hub_url(plan.repository, path, revision=plan.revision, endpoint=self._endpoint)
        headers = {**build_hf_headers(token=self._token), "Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
        with self._in_words(plan.repository), self._ask(url, headers) as answer:
            away = (answer.url.host, answer.url.port) != (urlsplit(url).hostname, urlsplit(url).port)
            if away and answer.status_code in {400, 401, 403, 404, 410}:  # a signed address that ran out
                raise Transient(f"Hugging Face's storage answered {answer.status_code}")
            hf_raise_for_status(answer)
            yield answer

    def _in_words(self, repository: str) -> AbstractContextManager[None]:
        return in_words(repository, signed_in=bool(self._token))

    def _ask(self, url: str, headers: dict[str, str]) -> AbstractContextManager[Any]:
        return self._client.stream("GET", url, headers=headers, extensions={FILE: True})


def _entry(item: RepoSibling, repository: str) -> Entry:
    path, sha256 = item.rfilename, item.lfs.sha256 if item.lfs else None
    if not isinstance(path, str) or type(item.size) is not int or "\\" in path or ".." in path.split("/"):
        raise not_a_checkpoint(repository, f"lists a file without a usable name or size ({path})")
    for digest in (sha256, item.blob_id):
        if digest is not None and not _DIGEST.fullmatch(str(digest)):
            raise not_a_checkpoint(repository, f"lists {path} with a checksum that is none")
    return Entry(path, item.size, sha256, item.blob_id)


def _identity(info: ModelInfo, asked: str) -> tuple[str, str]:
    """Return the name and the commit the Hub answers with: they name folders, so they have to be what they are."""
    try:
        name, revision = read_address(info.id if isinstance(info.id, str) else "")
    except LibraryError:
        name, revision = "", None
    if name != info.id or revision is not None or not is_commit(info.sha):
        raise LibraryError(
            "network",
            f"Hugging Face's answer about {asked} does not name a version.",
            "Nothing was fetched. Try again later; if you use a mirror (HF_ENDPOINT), try another one.",
        )
    return name, info.sha


def _licence(info: ModelInfo) -> str:
    try:
        return str(info.card_data.get("license") or "")[:200] if info.card_data else ""
    except AttributeError:  # a card of another shape
        return ""


def _listed_once(files: Sequence[Entry]) -> list[Entry]:
    """Return ``files``, of those with one name the first."""
    return list({entry.path: entry for entry in reversed(files)}.values())[::-1]


def _each_once(files: Sequence[Entry]) -> tuple[Entry, ...]:
    """Return ``files`` without those that would lie in the same place as an earlier one, on a disk without case."""
    return tuple({entry.path.casefold(): entry for entry in reversed(files)}.values())[::-1]


def _whole(answer: Answer, most: int, repository: str) -> bytes:
    """Return the body of ``answer``; raises LibraryError for one longer than ``most`` bytes."""
    raw = bytearray()
    for block in answer.iter_raw():
        raw += block
        if len(raw) > most:
            raise not_a_checkpoint(repository, f"has a config.json of more than {size(most)}")
    return bytes(raw)
