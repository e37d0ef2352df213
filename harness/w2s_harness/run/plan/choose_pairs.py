"""From `--pairs`, `--weak` and `--strong`, or what the tasks name, to pairs in the mode that is asked for."""

from __future__ import annotations

import dataclasses
import re
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from w2s_harness.contract.errors import DataError, PluginError, UsageError, nearest
from w2s_harness.contract.plan import PlannedTask, label
from w2s_harness.contract.types import ABILITIES, Model, Pair
from w2s_harness.data.disk import read_bytes, text_of
from w2s_harness.installed.trusted.plugins import Plugins
from w2s_harness.run.plan.selection import DEFAULT_PAIR, Selection, flags_of
from w2s_harness.run.plan.specs import merged, parse_specs
from w2s_harness.students.checkpoints.hub import is_commit
from w2s_harness.students.checkpoints.places import is_hub_id

LIKELIHOODS = ("sum", "mean", "min")
"""Templates that are no text: a statistic of the response's likelihood."""
_DEVICE = re.compile(r"auto|cpu|cuda(:\d+)?|mps")
_LONGEST = 2**20
_LITERALS = re.compile(r"\{(candidate|choice|first|second)\}")
_USUAL = Model(source="", readout="auto", chat_template="auto")
_SUM = {"sum": {"kind": "likelihood", "statistic": "sum"}}


def choose_pairs(
    wanted: Selection, tasks: Iterable[PlannedTask], plugins: Plugins
) -> tuple[list[PlannedTask], list[Pair]]:
    """The pairs of a selection, and its tasks, each with those that it runs on.

    A selection that names pairs means them for every task. Raises `UsageError` or `PluginError`.
    """
    if any(words is not None for words in (wanted.pairs, wanted.weak, wanted.strong)):
        return list(tasks), _named(wanted, plugins)
    refuse_flags(wanted)
    found: dict[str, Pair] = {}
    placed = []
    for task in tasks:
        name = task.task.made_for() or DEFAULT_PAIR
        if name not in found:
            if (pair := plugins.pair_if_known(name)) is None:
                raise PluginError(
                    f"task '{task.id}' is made for the pair '{name}', which no plugin offers. Install it, or "
                    "name another with --pairs."
                )
            found[name] = _changed(pair, wanted)
        placed.append(dataclasses.replace(task, pairs=(found[name].name,)))
    return placed, list(found.values())


def _named(wanted: Selection, plugins: Plugins) -> list[Pair]:
    """The pairs that `--weak` and `--strong`, or `--pairs` name."""
    if wanted.weak is not None or wanted.strong is not None:
        if wanted.pairs is not None:
            other = "weak" if wanted.weak is not None else "strong"
            raise UsageError(
                f"--pairs {wanted.pairs} and --{other} exclude one another: --weak and --strong make a pair "
                "of their own. Leave one out."
            )
        return [_changed(adhoc(wanted), wanted)]
    refuse_flags(wanted)
    found = []
    for spec in parse_specs(wanted.pairs or ""):
        names = [spec.name]
        if spec.is_glob:
            names = spec.selected(plugins.shipped("w2s_pairs"), plugins.offering("w2s_pairs"), "pairs")
        found += [_changed(plugins.pair(name), wanted) for name in names]
    return merged(found, lambda pair: pair.name, lambda pair: pair, "pairs")


def _changed(pair: Pair, wanted: Selection) -> Pair:
    """The pair in the mode and with the adapter that the flags ask for; its name says so.

    Raises `UsageError` for an adapter without `finetune`, and for an ability that nobody knows.
    """
    for ability in pair.abilities:
        if ability not in ABILITIES:
            raise UsageError(
                f"pair '{pair.name}': unknown ability '{ability}'{nearest(ability, ABILITIES)}; "
                f"it can be {' or '.join(ABILITIES)}"
            )
    mode = wanted.mode or pair.mode
    settings, changed = dict(pair.finetune), {}
    if wanted.adapter:
        if mode != "finetune":
            raise UsageError(f"--adapter {wanted.adapter} needs --mode finetune")
        settings["adapter"] = wanted.adapter
        if wanted.adapter != pair.finetune.get("adapter"):
            changed["adapter"] = wanted.adapter
    if mode != pair.mode:
        changed["mode"] = mode
    name = label(pair.name, changed)
    return dataclasses.replace(pair, name=name, mode=mode, finetune=settings)  # type: ignore[arg-type]


def adhoc(wanted: Selection) -> Pair:
    """The pair of two hub ids (`OWNER/NAME`, `OWNER/NAME@REVISION`) or local paths.

    Raises `UsageError` for one without the other, and for flags whose value nobody can use.
    """
    if not (wanted.weak and wanted.strong):
        missing = "--weak" if not wanted.weak else "--strong"
        raise UsageError(f"--weak and --strong come together: {missing} is missing")
    weak = _model(wanted, wanted.weak, _templates("--weak-template", wanted.weak_template))
    strong = _model(wanted, wanted.strong, _templates("--strong-template", wanted.strong_template) | _SUM)
    name = "..".join(_short(source) for source in (wanted.weak, wanted.strong))
    # Whether they can write and read notes is asked of the models when a method wants it.
    return Pair(name=name, weak=weak, strong=strong, mode="probe", abilities=("generate",))


def refuse_flags(wanted: Selection) -> None:
    """Raise `UsageError` for flags of an ad hoc pair where there is none."""
    for name, flag in flags_of(Selection).items():
        if flag.ad_hoc and getattr(wanted, name) is not None:
            raise UsageError(
                f"{flag.word} is of pairs that --weak and --strong make; a named pair says it in its plugin"
            )


def adhoc_words(pair: Pair) -> list[str]:
    """The flags of `run` that make the pair again, the commits of hub ids with them."""
    found = []
    for role, model in (("weak", pair.weak), ("strong", pair.strong)):
        revision = f"@{model.revision}" if model.revision else ""
        found += [f"--{role}", f"{model.source}{revision}"]
    for name in ("dtype", "max_tokens", "device", "chat_template"):
        if (value := getattr(pair.strong, name)) != getattr(_USUAL, name):
            found += ["--context" if name == "max_tokens" else f"--{name.replace('_', '-')}", str(value)]
    for role, model in (("weak", pair.weak), ("strong", pair.strong)):
        first = next(iter(model.templates.items()), None)
        if first is not None and first[0] != "sum":
            found += [f"--{role}-template", str(first[1].get("text") or first[0])]
    return found


def _model(wanted: Selection, source: str, templates: dict[str, Any]) -> Model:
    at, revision = _at(source)
    device = wanted.device or _USUAL.device
    if not _DEVICE.fullmatch(device):
        raise UsageError(f"--device {shlex.quote(device)}: it is auto, cpu, cuda, cuda:0, ... or mps")
    return dataclasses.replace(
        _USUAL,
        source=at,
        revision=revision,
        dtype=wanted.dtype or _USUAL.dtype,
        max_tokens=wanted.context or _USUAL.max_tokens,
        device=device,
        chat_template="none" if wanted.chat_template == "none" else "auto",
        templates=templates,
    )


def _templates(flag: str, given: str | None) -> dict[str, Any]:
    """The template of a flag: a statistic's name, a text with literals, or a file that holds one."""
    if given is None:
        return {}
    if given in LIKELIHOODS:
        return {given: {"kind": "likelihood", "statistic": given}}
    text = given
    if not _LITERALS.search(given):
        try:
            body = read_bytes(Path(given).expanduser(), _LONGEST, "A template is short.")
            text = text_of(body, given).removesuffix("\n")
        except (DataError, ValueError) as bad:
            raise UsageError(
                f"{flag} {shlex.quote(given[:60])}: give {', '.join(LIKELIHOODS)}, a text with {{candidate}} "
                "(for a preference {first} and {second}), or a readable file that holds one"
                f" ({bad})"
            ) from bad
    if not _LITERALS.search(text):
        raise UsageError(f"{flag} {given}: the text holds neither {{candidate}} nor {{first}} and {{second}}")
    return {"asked": {"kind": "answer", "text": text}}


def _at(source: str) -> tuple[str, str | None]:
    """A source without its revision, and the revision: `me/student@v2`."""
    name, mark, revision = source.rpartition("@")
    if mark and revision and is_hub_id(name) and not Path(source).exists():
        return name, revision
    return source, None


def _short(source: str) -> str:
    """A local model's last folder; a hub id with `/` as `.`, its revision with it where that is a name."""
    path = Path(source).expanduser()
    if path.exists():
        return path.resolve().name
    name, revision = _at(source)
    return (name if is_commit(revision) else source).replace("/", ".")
