"""A desk with a referee that runs nothing: its scores are what a test says."""

import hashlib
from pathlib import Path

import numpy as np

from w2s_harness.contract.errors import PluginError
from w2s_harness.scoring.metered.ledger import Ledger
from w2s_harness.scoring.metered.oracle import Oracle, OracleLimits
from w2s_studies.agents.books.journal import Journal
from w2s_studies.agents.tools.contract import Evaluation, ScriptResult
from w2s_studies.agents.tools.evaluating import Desk, Lineages
from w2s_studies.agents.tools.tools import AgentTools
from w2s_studies.agents.tools.workspace import Forum

ROWS = 1000
VERDICTS = (
    {"guard": "provenance", "level": "ok", "because": "a file", "numbers": {}, "label_free": True},
    {"guard": "shortcuts", "level": "flag", "because": "93.5 % of 1000 rows", "numbers": {"x": 0.935},
     "label_free": False},
)  # fmt: skip


class FakeReferee:
    """`score` maps a source to an accuracy; None is a method that fails."""

    def __init__(self, score):
        self.score, self.evaluated, self.scripts = score, [], []

    def evaluate(self, file: Path, parameters):
        source = file.read_text()
        self.evaluated.append((file.name, dict(parameters)))
        digest = hashlib.sha256(source.encode()).hexdigest()
        accuracy = self.score(source)
        named = {"label": file.stem, "sha256": digest, "parameters": dict(parameters), "seconds": 2.0}
        if accuracy is None:
            return Evaluation(**named, error="failed: seed 0: ZeroDivisionError")
        rng = np.random.default_rng(int(digest[:8], 16))
        values = (rng.permutation(ROWS) < round(accuracy * ROWS)).astype(float)[None].repeat(2, 0)
        return Evaluation(
            **named, pgr=(accuracy - 0.6) / 0.3, accuracy=accuracy, outcomes=values, groups=np.arange(ROWS),
            predictions=hashlib.sha256(values.tobytes()).hexdigest(), teacher=0.9,
            verdicts=VERDICTS, output="fit said hello",
        )  # fmt: skip

    def label(self, file: Path, parameters):
        if "broken" in file.read_text():
            raise PluginError(f"{file}: SyntaxError")
        return file.stem

    def script(self, text: str, workspace: Path):
        self.scripts.append(text)
        return ScriptResult("x" * 50_000 if "long" in text else "done\n", "", 1.0)


def desk(folder: Path, score=lambda source: 0.7, names=("agent-1", "agent-2"), **limits):
    charged = []
    made = Desk(
        folder=folder,
        referee=FakeReferee(score),
        oracle=Oracle(Ledger(folder / "ledger.jsonl"), 0.6, 0.9, OracleLimits(**limits)),
        lineages=Lineages(Journal(folder / "lineages.jsonl")),
        forum=Forum(folder, names),
        evaluations=Journal(folder / "evaluations.jsonl"),
        clock=lambda: 5.0,
        charge=lambda who, seconds: charged.append((who, seconds)),
        max_submissions=2,
    )
    return made, charged


def tools(made: Desk, who="agent-1"):
    return AgentTools(who, made, Journal(made.folder / "agents" / who / "answers.jsonl"))
