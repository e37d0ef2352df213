"""A review: run the method as any other, with what it is compared with beside it, and write its dossier."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from w2s_harness.contract.errors import ExitCode, PluginError, UsageError
from w2s_harness.contract.plan import PREDICTIONS, VANILLA, ZERO_SHOT, PlannedMethod
from w2s_harness.data.disk import replace_file, writing
from w2s_harness.installed import sources
from w2s_harness.installed.parsed.syntax import code_lines
from w2s_harness.installed.trusted.plugins import Plugins
from w2s_harness.run.judge.judging import selected
from w2s_harness.run.plan.selection import Options, Selection
from w2s_harness.run.plan.specs import Spec, parse_specs
from w2s_harness.run.session import session
from w2s_harness.run.session.workshop import workshop
from w2s_studies.review.dossier import page
from w2s_studies.review.measuring import Evidence, known, nearest, places, text_of
from w2s_studies.review.page import markdown, to_html

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
