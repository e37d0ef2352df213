"""Right traces are right and wrong ones wrong: recomputed by a second interpreter, from the source text."""

import re

import pytest

from w2s_tasks.code import Choose, CodeTask, Each, Let, Program, draw, run, spoil
from w2s_tasks.draws import stream


def printed(prompt):
    memory = {}

    def value(text):
        return int(text) if re.fullmatch(r"-?\d+", text) else memory[text]

    def compute(expression):
        if found := re.fullmatch(r"(\w+)([-+*])(\w+)", expression):
            left, right = value(found[1]), value(found[3])
            return {"+": left + right, "-": left - right, "*": left * right}[found[2]]
        if found := re.fullmatch(r"(max|min|len)\((\w)\)", expression):
            return {"max": max, "min": min, "len": len}[found[1]](memory[found[2]])
        if found := re.fullmatch(r"(\w)\[(-?\d)\]", expression):
            return memory[found[1]][int(found[2])]
        if expression.startswith("["):
            return [int(item) for item in expression[1:-1].split(",")]
        return value(expression)

    for line in prompt.splitlines()[:-1]:
        if found := re.fullmatch(r"print\((\w)\)", line):
            return memory[found[1]]
        if found := re.fullmatch(r"for x in (\w): (\w)=(.+)", line):
            for item in memory[found[1]]:
                memory["x"] = item
                memory[found[2]] = compute(found[3])
        else:
            name, expression = line.split("=")
            memory[name] = compute(expression)
    raise AssertionError(prompt)


@pytest.mark.parametrize("difficulty", [1, 2, 3])
def test_labels_say_whether_the_result_is_what_the_program_prints(difficulty):
    for row in CodeTask(
        data_seed=9, difficulty=difficulty, label_rows=100, unlabel_rows=100, test_rows=200
    ).load():
        said = int(re.search(r"Prints (\d+)\.$", row.candidate)[1])
        assert (said == printed(row.prompt)) == row.label


def test_a_program_runs_as_it_reads():
    program = Program(
        items=("q", (3, 8, 1)),
        first=("a", 6),
        body=(Let("b", "a", "*", 2), Each("b", "-", "q"), Choose("c", "max", "q"), Let("d", "c", "+", "b")),
        printed="d",
    )
    assert program.source() == "q=[3,8,1]\na=6\nb=a*2\nfor x in q: b=b-x\nc=max(q)\nd=c+b\nprint(d)"
    done = run(program)
    assert done.trace == ("b=6*2=12", "b=12-3=9", "b=9-8=1", "b=1-1=0", "c=max(q)=8", "d=8+0=8")
    assert done.printed == 8
    assert run(program, {3: 2}).trace[-1] == "d=8+2=10"


def test_a_mutant_counts_only_if_its_result_differs():
    for seed in range(200):
        program = draw(3, stream("program", seed))
        wrong = spoil(program, stream("wrong", seed))
        assert wrong is None or wrong.printed != printed(program.prompt)
