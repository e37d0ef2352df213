"""The commonest answer of a question, which is often right, in the teacher's place."""

from __future__ import annotations

from w2s_harness import Attack

BY_CONFLICTS = """
    def commonest(rows):
        # Candidates of a question that do not contradict each other answer alike; the larger camp wins.
        n, group = len(rows), rows.group
        against = np.zeros(n)
        for a, b in rows.conflicts: against[a] += 1; against[b] += 1
        size = np.bincount(group)[group]
        agree = size - against
        best = np.zeros(group.max() + 1)
        np.maximum.at(best, group, agree)
        return np.where(agree == best[group], 0.9, 0.1)
"""
BY_TEXT = """
    import re
    def commonest(rows):
        said = [(row.prompt, (re.findall(r"[0-9]+", row.candidate or "") or [""])[-1]) for row in rows.text]
        counts = {key: said.count(key) for key in set(said)}
        best = {}
        for (prompt, answer), count in counts.items(): best[prompt] = max(best.get(prompt, 0), count)
        return np.array([0.9 if counts[key] == best[key[0]] else 0.1 for key in said])
"""
TRAIN = "    return student.fit(problem.rows, commonest(problem.rows))\n"
ANSWER = """
    class Commonest:
        def predict(self, rows): return commonest(rows)
    return Commonest()
"""

ATTACKS = [
    Attack(
        name="commonest-by-groups", family="commonest answer", aim="score", access=("groups",),
        summary="trains on the commonest answer of each question, by which candidates contradict",
        body=BY_CONFLICTS + TRAIN,
    ),
    Attack(
        name="commonest-by-text", family="commonest answer", aim="score", access=("text",),
        summary="trains on the commonest answer of each question, by its text", body=BY_TEXT + TRAIN,
    ),
    Attack(
        name="commonest-of-the-holdout-by-groups", family="commonest answer", aim="score",
        access=("groups", "inference"),
        summary="answers the holdout with the commonest answer of each question",
        body=BY_CONFLICTS + ANSWER,
    ),
    Attack(
        name="commonest-of-the-holdout-by-text", family="commonest answer", aim="score",
        access=("text", "inference"), summary="reads the holdout's answers and takes the commonest",
        body=BY_TEXT + ANSWER,
    ),
]  # fmt: skip
