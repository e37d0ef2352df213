"""Which methods of an agent run descend from one another, whoever wrote them."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from typing import Any

from w2s_harness.installed.parsed.normal_form import Runs, alike, normal_form, runs
from w2s_studies.agents.books.journal import Journal

ALIKE = 0.95
"""Similarity from which a method is a copy. Of the shipped methods no two reach it."""


class Lineages:
    """Names the lineage of methods; thread-safe. With `lines`, what was named is known again on resume.

    A source has the lineage of the first one with the same normal form, else of the one that it is most
    like from `ALIKE` on, else a new one, `WHO/NUMBER`. Predictions that were seen before have the lineage
    they were first seen in; that holds for this query, and the source keeps its own for others.
    """

    def __init__(self, lines: Journal | None = None) -> None:
        self._lines = lines
        self._lock = threading.Lock()
        self._forms: dict[str, tuple[str, Runs]] = {}
        """Lineage and runs by normal form."""
        self._predictions: dict[str, str] = {}
        self._count: Counter[str] = Counter()
        for line in lines.read() if lines is not None else ():
            self._learn(line)

    def of(self, source: str, who: str, predictions: str | None = None) -> str:
        """The lineage of a source (its text) with, once it ran, the SHA-256 of its predictions."""
        form = normal_form(source)
        with self._lock:
            known = self._forms.get(form)
            lineage = known[0] if known is not None else self._nearest(form)
            new: dict[str, Any] = {}
            if lineage is None:
                lineage = f"{who}/{self._count[who] + 1}"
                new["begun_by"] = who
            if known is None:
                new["form"] = form
            answer = lineage
            if predictions is not None:
                answer = self._predictions.get(predictions, lineage)
                if predictions not in self._predictions:
                    new["predictions"] = predictions
            if new:
                line = {"lineage": lineage, **new}
                if self._lines is not None:
                    self._lines.append(line)
                self._learn(line)
            return answer

    def _nearest(self, form: str) -> str | None:
        mine = runs(form)
        close = [(alike(mine, theirs), lineage) for lineage, theirs in self._forms.values()]
        best, lineage = max(close, key=lambda one: one[0], default=(0.0, None))
        return lineage if best >= ALIKE else None

    def _learn(self, line: Mapping[str, Any]) -> None:
        if "begun_by" in line:
            self._count[line["begun_by"]] += 1
        if "form" in line:
            self._forms[line["form"]] = (line["lineage"], runs(line["form"]))
        if "predictions" in line:
            self._predictions[line["predictions"]] = line["lineage"]
