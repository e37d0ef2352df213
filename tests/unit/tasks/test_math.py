"""Right solutions are right and wrong ones wrong: recomputed from the prompt's text alone."""

import re

import pytest

from w2s_tasks.draws import stream
from w2s_tasks.math import FAULTS, LARGEST, MathTask, draw, solve, spoil

PATTERNS = {
    "+": r"buys (\d+) more|finds (\d+)|gets (\d+) from|adds (\d+)",
    "-": r"loses (\d+)|gives (\d+) to|sells (\d+)|uses up (\d+)",
    "*": r"ends up with (\d+) times|grows the pile (\d+) times",
}


def answer(prompt):
    opening, *events = re.split(r"(?<=\.) ", prompt.rsplit(". ", 1)[0] + ".")
    value = int(re.search(r"\d+", opening)[0])
    for event in events:
        operator = next(sign for sign, pattern in PATTERNS.items() if re.search(pattern, event))
        number = int(re.search(r"\d+", event)[0])
        value = {"+": value + number, "-": value - number, "*": value * number}[operator]
    return value


@pytest.mark.parametrize("difficulty", [1, 2, 3])
def test_labels_say_whether_the_final_answer_is_right(difficulty):
    for row in MathTask(
        data_seed=9, difficulty=difficulty, label_rows=100, unlabel_rows=100, test_rows=200
    ).load():
        final = int(re.search(r"So (\d+) \w+\.$", row.candidate)[1])
        assert (final == answer(row.prompt)) == row.label
        assert row.answer == str(final)


def test_right_solutions_are_right_in_every_line():
    for row in MathTask(data_seed=9, label_rows=100, unlabel_rows=100, test_rows=200).load():
        for left, sign, right, result in re.findall(r"(\d+)([-+*])(\d+)=(\d+)", row.candidate):
            true = {"+": int(left) + int(right), "-": int(left) - int(right), "*": int(left) * int(right)}[
                sign
            ]
            assert true == int(result) or not row.label


def test_every_fault_occurs_and_stays_in_range():
    kinds = set()
    for seed in range(300):
        problem = draw(3, stream("problem", seed))
        right, wrong = solve(problem), spoil(problem, stream("wrong", seed))
        assert wrong is not None
        assert wrong.final != right.final
        assert all(1 <= number <= LARGEST for line in wrong.lines for number in (line[0], line[2], line[3]))
        changed = [a for a, b in zip(wrong.lines, right.lines, strict=True) if a != b]
        if not changed:
            kinds.add("final")
            continue
        left, sign, right_operand, result = changed[0]
        true = {"+": left + right_operand, "-": left - right_operand, "*": left * right_operand}[sign]
        same = right.lines[wrong.lines.index(changed[0])]
        kinds.add("slip" if result != true else "operator" if sign != same[1] else "operand")
    assert kinds == set(FAULTS)


@pytest.mark.parametrize("sign", PATTERNS)
def test_labels_balance_by_operator(sign):
    rows = [row for row in MathTask(data_seed=9).load() if re.search(PATTERNS[sign], row.prompt)]
    assert len(rows) > 400
    assert abs(sum(row.label for row in rows) / len(rows) - 0.5) < 0.04
