"""All shipped methods at once, and what a method is told of how its pair trains."""

from __future__ import annotations

from commands import Place

from w2s_harness.installed.distributions import metadata

TELLS = '''"""Says how long and how fast a student trains here."""

from w2s_harness import Method, Skip, hookimpl


class Tells(Method):
    """Trains nothing."""

    name = "tells"

    def fit(self, problem, student, rng):
        raise Skip(f"{student.epochs} epochs at {student.lr}")


@hookimpl
def w2s_methods():
    return [Tells]
'''
PAIR = '''"""The random pair, fine-tuned in its own way."""

from w2s_harness import Model, Pair, hookimpl

WEAK, STRONG = (Model(source=source, max_tokens=64) for source in %r)


@hookimpl
def w2s_pairs():
    own = {"epochs": 1.5, "lr": 0.002}
    return [Pair(name="slow", weak=WEAK, strong=STRONG, mode="finetune", finetune=own)]
'''


def test_all_takes_the_catalogue_and_skips_what_was_not_granted(place):
    done = place("run", "--methods", "all", "--seeds", "1", "--no-controls")
    assert done.code == 0, done.out + done.err
    found = {row["method"]: row for row in place.board()["rows"]}
    shipped = {e.name for e in metadata.entries(metadata.METHODS) if e.is_shipped}
    assert set(found) == shipped and len(shipped) >= 22
    asked = found["unsupervised-elicitation"]
    assert (asked["status"], asked["pgr"]) == ("skipped", None)
    assert asked["reason"] == "needs the access groups: run with --grant groups"
    # What this pair has no ladder, no text generation and no in-context gain for.
    skipped = {name for name, row in found.items() if row["status"] == "skipped"}
    assert skipped == {"unsupervised-elicitation", "bootstrapping", "critic", "few-shot"}
    assert {row["status"] for row in found.values()} == {"ok", "skipped"}


def test_a_method_is_told_the_pairs_own_epochs_and_learning_rate(place, models, words):
    (place.folder / "pair.py").write_text(PAIR % (tuple(map(str, models)),))
    (place.folder / "tells.py").write_text(TELLS)
    flags = ("--tasks", str(words), "-p", "pair.py", "--pairs", "slow", "--seeds", "1", "--limit", "40")
    done = Place(place.folder, flags)("run", "--methods", "./tells.py", "--no-controls")
    assert done.code == 0, done.err
    (row,) = place.board()["rows"]
    assert (row["status"], row["reason"]) == ("skipped", "1.5 epochs at 0.002")
