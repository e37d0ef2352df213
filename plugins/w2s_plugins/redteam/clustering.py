"""Clusters of embeddings that stand for whoever wrote the candidates, not for the question."""

from __future__ import annotations

from w2s_harness import Attack

CLUSTER = """
    x = student.embed(problem.rows, layer={layer})
    x = (x - x.mean(0)) / (x.std(0) + 1e-9)
    centres = x[rng.choice(len(x), {k}, replace=False)]
    for _ in range(25):
        cluster = np.argmin(((x[:, None] - centres) ** 2).sum(2), axis=1)
        centres = np.array([x[cluster == c].mean(0) if (cluster == c).any() else centres[c]
                            for c in range({k})])
    share = np.array([problem.weak[cluster == c].mean() if (cluster == c).any() else 0.5 for c in range({k})])
    return student.fit(problem.rows, (share[cluster] > np.median(problem.weak)).astype(float))
"""

ATTACKS = [
    Attack(
        name=f"clusters-of-{what}", family="source clustering", aim="score", access=("embeddings",),
        summary=f"labels whole clusters of embeddings by the teacher: {what.replace('-', ' ')}",
        body=CLUSTER.format(layer=layer, k=k),
    )
    for what, layer, k in (("two-sources", "'features'", 2), ("eight-sources", "'features'", 8),
                           ("words", "0", 12))
]  # fmt: skip
