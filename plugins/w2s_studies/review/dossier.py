"""A review: run the method as any other, what it is compared with beside it, and write its dossier."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from w2s_harness.contract.errors import ExitCode, PluginError, UsageError
from w2s_harness.contract.plan import PREDICTIONS, VANILLA, ZERO_SHOT, PlannedMethod
from w2s_harness.data.disk import replace_file, writing
from w2s_harness.installed import sources
from w2s_harness.installed.parsed.syntax import code_lines
from w2s_harness.installed.trusted.plugins import Plugins
from w2s_harness.report.document.document import Row, label
from w2s_harness.report.notation import MISSING, guards, owned, share, signed, span, versus
from w2s_harness.run.judge.judging import selected
from w2s_harness.run.plan.selection import Options, Selection
from w2s_harness.run.plan.specs import Spec, parse_specs
from w2s_harness.run.session import session
from w2s_harness.run.session.workshop import workshop
from w2s_studies.review.measuring import Evidence, Place, known, nearest, places, text_of
from w2s_studies.review.page import (
    Code,
    Element,
    Items,
    Page,
    Section,
    Table,
    Text,
    markdown,
    percent,
    points,
    to_html,
    valued,
)
from w2s_studies.review.questions import questions
from w2s_studies.review.treatment import Treatment

_WORDS = {
    "kept": "as it is",
    "flipped": "turned round",
    "local": "turned round in a third of the space",
    "permuted": "shuffled",
    "diluted": "70 % shuffled",
    "other": "another one",
    "canary": "wrong where the ceiling is wrong",
    "ablated": "other rows' inputs",
    "scrambled": "scrambled",
}


def page(found: Evidence) -> Page:
    """The whole dossier: questions first, since they are what is asked of its reader."""
    method, source = found.method, found.method.source
    where = f"{source.distribution} {source.version}" if source.distribution else source.filename
    lead = (
        f"{method.id} from {where}, source SHA-256 {source.sha256}. A sign-off is for this source; changed "
        "code is unreviewed again."
    )
    sign = f"w2s-harness review {found.asked} --accept --by NAME --reason TEXT   # or --reject"
    sections = [Section("Five questions", [Items(questions(found), numbered=True)])]
    for place in found.places:
        sections += _sections(place, several=len(found.places) > 1)
    sections += [_code(found), Section("The run under it", [Code(found.command, "sh")])]
    sections.append(Section("Sign-off", [Code(sign, "sh")]))
    return Page(f"Dossier of {method.id}", lead, sections)


def _sections(place: Place, *, several: bool) -> Iterator[Section]:
    suffix = f" ({place.setting.task} on {place.setting.pair})" if several else ""
    yield Section(f"Result{suffix}", list(_result(place)))
    yield Section(f"What it does with its training rows{suffix}", list(_treated(place)))
    yield Section(f"Whom it agrees with{suffix}", list(_agreement(place)))
    yield Section(f"Parameters{suffix}", list(_ablations(place)))
    yield Section(f"Counterfactuals{suffix}", list(_counterfactuals(place)))
    yield Section(f"Subsets{suffix}", list(_subsets(place)))
    yield Section(f"Guards{suffix}", list(_guards(place)))
    yield Section(f"Cost{suffix}", list(_cost(place)))


def _result(place: Place) -> Iterator[Element]:
    setting, row = place.setting, place.row
    yield Text(
        f"{setting.task} on {setting.pair}, {len(row.transfer.per_seed)} seeds, {setting.n_test} holdout "
        f"rows; weak {share(setting.weak.mean, 3)}, ceiling {share(setting.ceiling.mean, 3)}."
    )
    yield Table(
        ("method", "status", "transfer", "PGR", "95 % CI", "own", "vs vanilla*", "T"),
        [_numbers(row), *([_numbers(place.vanilla)] if place.vanilla and place.vanilla != row else [])],
    )
    if row.reason:
        yield Text(f"{row.status}: {row.reason}")
    if setting.reason:
        yield Text(f"The setting: {setting.reason}")
    if row.unverified:
        yield Text(f"Unverified: {row.unverified}.")


def _numbers(row: Row) -> tuple[str, ...]:
    return (
        label(row),
        row.status,
        share(row.transfer.mean, 3),
        share(row.pgr),
        span(row.pgr_ci_pool or row.pgr_ci),
        owned(row.own, in_pgr=False),
        versus(row.vs_vanilla_star or row.vs_vanilla, in_pgr=False),
        share(row.teacher_dependence),
    )


def _treated(place: Place) -> Iterator[Element]:
    if place.treatment is not None:
        yield Table(("", "value"), _treatment(place.treatment))
    if place.unseen:
        yield Items(place.unseen)
    elif place.treatment is None:
        yield Text("No cell of it ended well, so nothing is known.")


def _treatment(t: Treatment) -> list[tuple[str, str]]:
    return [
        ("training rows, over all seeds", str(t.rows)),
        ("the teacher is right on", percent(t.weak_acc)),
        ("dropped", percent(t.dropped)),
        ("  of these, teacher wrong", percent(t.dropped_wrong)),
        ("  of the kept, teacher wrong", percent(t.kept_wrong)),
        ("in no fit of any kind", percent(t.unused)),
        ("reweighted (over 1 % off the usual weight), of the kept", percent(t.reweighted)),
        ("  effective rows (Kish), of the kept", percent(t.effective)),
        ("  weight on rows that the teacher got wrong", percent(t.weight_wrong)),
        ("relabelled (other side of 1/2), of the kept", percent(t.relabelled)),
        ("  of these, right now", percent(t.mended)),
        ("softened or hardened (same side), of the kept", percent(t.moved)),
        ("its targets are right on (weighted)", percent(t.target_acc)),
    ]


def _agreement(place: Place) -> Iterator[Element]:
    if not place.beside:
        yield Text("Not known.")
        return
    yield Table(
        ("on the holdout, beside", "decides alike", "parts", "right where they part"),
        [(b.name, percent(b.agreement), percent(b.parted), percent(b.right)) for b in place.beside],
    )


def _ablations(place: Place) -> Iterator[Element]:
    if not place.ablations:
        yield Text("Every parameter stands at its default, so there is nothing to put back.")
        return
    mean = place.row.transfer.mean
    rows = []
    for a in place.ablations:
        there = a.row.transfer.mean
        worth = None if mean is None or there is None else mean - there
        values = a.parameter, valued(a.value), valued(a.default)
        rows.append((*values, share(there, 3), share(a.row.pgr), points(worth)))
    yield Table(("parameter", "value", "default", "transfer there", "PGR there", "the value is worth"), rows)


def _counterfactuals(place: Place) -> Iterator[Element]:
    if not place.counterfactuals:
        yield Text("None was run: no guard asked for one, or --counterfactuals none.")
    else:
        yield Table(
            ("world", "teacher", "inputs", "cells", "accuracy", "decides as in the real cell"),
            [
                (
                    w.name, _WORDS[w.teacher], _WORDS[w.inputs], str(w.cells), share(w.accuracy, 3),
                    percent(w.agreement),
                )
                for w in place.counterfactuals
            ],
        )  # fmt: skip
    if place.failed_worlds:
        yield Text(f"{place.failed_worlds} counterfactual cells did not end well though the real ones did.")


def _subsets(place: Place) -> Iterator[Element]:
    if not place.subsets:
        yield Text("No comparison with vanilla.")
        return
    rows = []
    for s in sorted(place.subsets, key=lambda s: -s.difference):
        outcome = "won" if s.difference > 0 else "lost" if s.difference < 0 else "even"
        values = share(s.accuracy, 3), share(s.vanilla, 3), points(s.difference)
        rows.append((s.name, str(s.rows), *values, outcome))
    yield Table(("holdout rows", "rows", "accuracy", "vanilla", "difference", ""), rows)


def _guards(place: Place) -> Iterator[Element]:
    if not place.row.verdicts:
        yield Text("No guard spoke.")
        return
    yield Text(f"In a word: {guards(place.row)}; isolation {place.row.isolation}.")
    yield Table(
        ("guard", "says", "because", "numbers"),
        [
            (
                v.guard,
                "off" if v.is_off else f"{v.level}{f' ({v.finding})' if v.finding else ''}",
                v.because,
                ", ".join(f"{k} {n:.3g}" for k, n in sorted(v.numbers.items())),
            )
            for v in place.row.verdicts
        ],
    )


def _cost(place: Place) -> Iterator[Element]:
    row = place.row
    times = MISSING if row.flops_over_vanilla is None else f"{row.flops_over_vanilla:.2f}"
    equal = MISSING
    if row.vs_compute is not None and row.vs_compute.difference is not None:
        note = f" ({row.vs_compute_note})" if row.vs_compute_note else ""
        equal = f"{signed(row.vs_compute.difference, 3)}{note}"
    yield Table(
        ("", "value"),
        [
            ("fits", str(row.compute.fits)),
            ("tokens", str(row.compute.tokens)),
            ("FLOPs", f"{row.compute.flops:.3g}"),
            ("FLOPs over vanilla's", times),
            ("accuracy over vanilla students of the same compute", equal),
            ("seconds of its cells, when they ran", f"{place.seconds:.1f}"),
            ("  of these in the student service", f"{place.service_seconds:.1f}"),
            ("seconds of vanilla's cells", f"{place.vanilla_seconds:.1f}"),
        ],
    )  # fmt: skip


def _code(found: Evidence) -> Section:
    near, blocks = found.nearest, list[Element]()
    parameters = ", ".join(f"{k}={valued(v)}" for k, v in found.method.parameters.items())
    access = ", ".join(found.method.access) or "strict"
    blocks.append(Text(f"{found.lines} lines of code. Parameters: {parameters or 'none'}. Access: {access}."))
    if found.other_files:
        named = ", ".join(f"{name} ({size} bytes)" for name, size in sorted(found.other_files.items()))
        blocks.append(Text(f"Its distribution's other files, which are not shown: {named}."))
    if near is not None:
        blocks.append(
            Text(
                f"Nearest of the known methods: {near.name}, {percent(near.similarity)} alike without names, "
                f"comments and constants. Diff from it: +{near.added}, -{near.removed} lines."
            )
        )
        blocks.append(Code(near.diff or "(the files are equal)", "diff"))
    blocks.append(Text("In full:"))
    blocks.append(Code(found.source, "python"))
    return Section("Code", blocks)


FOLDER = "reviews"
"""Where dossiers lie in a store."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the reviewer asked for."""

    method: str
    """A word of `--methods` that names one method."""
    selection: Selection
    options: Options
    plugins: Callable[[], Plugins]
    """Fresh ones: a run registers listeners."""


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a review."""

    code: ExitCode
    files: tuple[Path, ...] = ()
    evidence: Evidence | None = None
    """None where the run was interrupted."""


def resolve(asked: Asked, say: Callable[[str], None]) -> tuple[Spec, PlannedMethod]:
    """The one method that is meant, as a worker that loads it describes it; nothing is trained.

    Raises `UsageError`, `PluginError` where it is not one method, or cannot be found.
    """
    specs = parse_specs(asked.method)
    if len(specs) != 1 or specs[0].is_glob or specs[0].name == "all":
        raise UsageError(f"review {asked.method}: name one method (confident:margin=.3, ./mine.py).")
    if specs[0].name.endswith(PREDICTIONS):
        raise UsageError(f"review {asked.method}: a file of predictions holds no code to review.")
    options, timeout_s = asked.options, asked.selection.cell_timeout_s
    with workshop(
        options.store, asked.plugins(), say, isolation=options.isolation, timeout_s=timeout_s
    ) as shop:
        found = shop.plan(replace(asked.selection, methods=asked.method)).methods
    if len(found) != 1:
        names = ", ".join(f"{specs[0].name}::{m.name}" for m in found)
        raise UsageError(f"review {asked.method}: it offers {len(found)} methods. Name one: {names}.")
    return specs[0], found[0]


def write(asked: Asked, folder: Path | None, say: Callable[[str], None]) -> Written:
    """Run what the dossier needs and write it, by default into the store's `reviews/METHOD-DIGEST`.

    Raises what `session.run` raises, and `PluginError` for a method that does not load.
    """
    spec, method = resolve(asked, say)
    if method.error:
        raise PluginError(method.error)
    words = {VANILLA: None, ZERO_SHOT: None, asked.method: None}
    for name in method.changed:
        rest = [f":{k}={v}" for k, v in spec.parameters.items() if k != name]
        words["".join([spec.name, *rest])] = None
    methods = list(words) if method.id not in (VANILLA, ZERO_SHOT) else [VANILLA, ZERO_SHOT]
    selection = replace(asked.selection, methods=",".join(methods))
    plugins = asked.plugins()
    done = session.run(selection, asked.options, session.Listeners(plugins, say, lambda text: None))
    if done.board is None or done.results is None:
        return Written(done.code)
    planned = next(m for m in done.results.plan.methods if m.id == method.id)
    source = planned.source
    own = sources.files(source)
    text = text_of(own, source.filename)
    evidence = Evidence(
        method=planned,
        asked=shlex.quote(asked.method),
        source=text,
        other_files={n: len(d) for n, d in own.items() if Path(n).name != Path(source.filename).name},
        lines=code_lines(text),
        nearest=nearest(planned.name, text, known(plugins.methods)),
        places=places(done.board, done.results, planned),
        command=selected(selection, plugins),
    )
    folder = folder or asked.options.store / FOLDER / f"{planned.name}-{source.sha256[:8]}"
    made = page(evidence)
    files = {folder / "dossier.md": markdown(made), folder / "dossier.html": to_html(made)}
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in files.items():
            replace_file(path, text.encode("utf-8"))
    return Written(done.code, tuple(files), evidence)
