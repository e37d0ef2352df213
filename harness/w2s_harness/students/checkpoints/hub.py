"""Models of the Hugging Face hub: from a name that may move to the commit whose bytes are read.

A branch is asked for once, at the start of a run; every key, every service and the leaderboard then name the
commit, and services read the cache only.
"""

from __future__ import annotations

import os
import re
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from w2s_harness.contract.errors import ModelError
from w2s_harness.contract.types import Model

PATIENCE_S = 6.0
"""Seconds in which the hub must have said which commit a name means."""
PATTERNS = (
    "*.json", "*.safetensors", "*.model", "*.txt", "*.jinja", "*.tiktoken", "additional_chat_templates/*",
)  # fmt: skip
"""What of a repository is downloaded: what is read."""
_COMMIT = re.compile(r"[0-9a-f]{40}")
_NOT_THERE = ("RepositoryNotFoundError", "RevisionNotFoundError", "GatedRepoError")


@dataclass(frozen=True, slots=True)
class HubCommit:
    """The commit of a hub id."""

    commit: str
    is_from_cache: bool
    """Whether the hub was not asked, or did not answer: the cache says what the name meant when last seen."""


def is_commit(revision: str | None) -> bool:
    """Whether a revision is a whole commit, which cannot move."""
    return revision is not None and _COMMIT.fullmatch(revision) is not None


def is_offline() -> bool:
    """Whether the environment forbids to ask the hub (`HF_HUB_OFFLINE`, `TRANSFORMERS_OFFLINE`)."""
    return any(os.environ.get(name, "").upper() in ("1", "ON", "YES", "TRUE") for name in _OFFLINE)


_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")


def folder(repo: str) -> Path:
    """Where the hub's cache keeps a repository; it need not exist."""
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    cache = Path(os.environ.get("HF_HUB_CACHE") or Path(home) / "hub").expanduser()
    return cache / f"models--{repo.replace('/', '--')}"


def snapshot(repo: str, commit: str | None) -> Path | None:
    """The cached files of a commit, or None: no other revision has files that stay."""
    if commit is None or not is_commit(commit):
        return None
    place = folder(repo) / "snapshots" / commit
    return place if place.is_dir() else None


def resolve(model: Model) -> HubCommit:
    """The commit that a hub id means now, asked of the hub, or of its cache where it cannot be reached.

    Raises `ModelError`, in one line, where neither knows it, and for a repository that is not there.
    """
    repo, revision = model.source, model.revision
    if revision is not None and is_commit(revision):
        return HubCommit(revision, is_from_cache=False)
    kept = _kept(repo, revision or "main")
    if is_offline():
        if kept is None:
            raise ModelError(
                f"'{_named(model)}' is not in the hub's cache ({folder(repo)}) and the hub is not asked "
                "(offline); run once without --offline and HF_HUB_OFFLINE, or name a folder"
            )
        return HubCommit(kept, is_from_cache=True)
    try:
        return HubCommit(_asked(repo, revision), is_from_cache=False)
    except (OSError, ValueError, TimeoutError, RuntimeError) as bad:
        if _is_absent(bad):
            raise ModelError(_absent(model, bad)) from bad
        if kept is None:
            raise ModelError(
                f"'{_named(model)}': the hub cannot be reached ({_line(bad)}) and its cache does not hold "
                "the model; check the network and HF_ENDPOINT, or name a folder"
            ) from bad
        return HubCommit(kept, is_from_cache=True)


def fetch(model: Model, commit: str) -> Path:
    """The files of a commit, downloaded where the cache lacks them. Raises `ModelError` where that fails."""
    from huggingface_hub import snapshot_download

    place = snapshot(model.source, commit)
    if is_offline():
        if place is None:
            raise ModelError(
                f"'{_named(model)}': commit {commit} is not in the hub's cache; run it online once"
            )
        return place
    try:
        return Path(
            snapshot_download(
                model.source, revision=commit, allow_patterns=list(PATTERNS), etag_timeout=PATIENCE_S
            )
        )
    except (OSError, ValueError, RuntimeError) as bad:
        if _is_absent(bad):
            raise ModelError(_absent(model, bad)) from bad
        if place is not None and type(bad).__name__ != "IncompleteSnapshotError":
            return place
        raise ModelError(f"'{_named(model)}' at {commit} cannot be downloaded: {_line(bad)}") from bad


def _kept(repo: str, revision: str) -> str | None:
    try:
        commit = (folder(repo) / "refs" / revision).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return commit if is_commit(commit) else None


def _asked(repo: str, revision: str | None) -> str:
    """The hub's own answer; a thread asks, for a look-up of a name can hang beyond every time-out."""
    answer: list[Any] = []

    def ask() -> None:
        from huggingface_hub import HfApi

        try:
            answer.append(HfApi().model_info(repo, revision=revision, timeout=PATIENCE_S - 1).sha)
        except Exception as bad:  # noqa: BLE001 (boundary: raised again in the asking thread)
            answer.append(bad)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(PATIENCE_S)
    if not answer:
        raise TimeoutError(f"no answer within {PATIENCE_S:g} s")
    if isinstance(answer[0], (OSError, ValueError)):
        raise answer[0]
    if isinstance(answer[0], Exception):
        raise ConnectionError(f"{type(answer[0]).__name__}: {answer[0]}") from answer[0]
    return str(answer[0])


def _is_absent(bad: Exception) -> bool:
    """Whether the hub answered that it has no such thing, or none for us."""
    status = getattr(getattr(bad, "response", None), "status_code", None)
    return type(bad).__name__ in _NOT_THERE or status in (401, 403, 404)


def _absent(model: Model, bad: Exception) -> str:
    if type(bad).__name__ == "GatedRepoError":
        return f"'{_named(model)}' is gated: accept its terms on the hub and set HF_TOKEN"
    what = "revision" if type(bad).__name__ == "RevisionNotFoundError" else "model"
    return (
        f"'{_named(model)}': the hub has no such {what}, and there is no such folder; "
        "check the spelling (a private one needs HF_TOKEN)"
    )


def _named(model: Model) -> str:
    return model.source if model.revision is None else f"{model.source}@{model.revision}"


def _line(bad: BaseException) -> str:
    text = " ".join(str(bad).split()) or type(bad).__name__
    return text if len(text) <= 160 else text[:160] + "..."
