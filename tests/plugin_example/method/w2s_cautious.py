"""A method in a distribution of its own."""

from dataclasses import dataclass

from w2s_harness import Method, hookimpl


@dataclass(frozen=True)
class Cautious(Method):
    """Train on weak labels with weights that grow with the teacher's sureness."""

    name = "cautious"
    power: float = 1.0  # --methods cautious:power=2

    def fit(self, problem, student, rng):
        """One weighted fit; `problem.weak` is (n,) in [0, 1]."""
        sureness = abs(2 * problem.weak - 1) ** self.power
        return student.fit(problem.rows, problem.weak, weight=sureness + 0.01)


@hookimpl
def w2s_methods():
    """The methods of this distribution."""
    return [Cautious]
