"""What a shell offers after TAB: the names that metadata know, files where a path was begun."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import click
    from click.shell_completion import CompletionItem

Complete = Callable[["click.Context", "click.Parameter", str], "list[CompletionItem]"]


def names(*kinds: str) -> Complete:
    """Completes the last of several names of `kinds`: tasks, methods, guards, pairs, runs."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        before, comma, begun = incomplete.rpartition(",")
        if begun.startswith((".", "/", "~")):
            return [CompletionItem(incomplete, type="file")]
        known = sorted({name for kind in kinds for name in _known(kind)})
        return [CompletionItem(f"{before}{comma}{name}") for name in known if name.startswith(begun)]

    return complete


def _known(kind: str) -> list[str]:
    from w2s_harness import hookspecs
    from w2s_harness.cli import past
    from w2s_harness.discovery import metadata, sources

    if kind == "runs":
        return ["last", *(run.name for run in past.folders(Path(os.environ.get("W2S_STORE", ".w2s"))))]
    if kind == "methods":
        return [entry.name for entry in metadata.entries(metadata.METHODS)]
    hooks = hookspecs.GUARD_HOOKS if kind == "guards" else frozenset({f"w2s_{kind}"})
    found = [(entry.name, metadata.module_file(entry)) for entry in metadata.entries(metadata.TRUSTED)]
    return [name for name, file in found if file is not None and sources.offered_hooks(file) & hooks]
