import threading

import numpy as np
import pytest
from simulations import loaded

from w2s_harness.contract.errors import DataError, NoGapError
from w2s_harness.scoring.metered.ledger import Ledger, audit, digest, verify
from w2s_harness.scoring.metered.oracle import (
    MIN_STEP,
    STEP_SE,
    Oracle,
    OracleError,
    OracleLimits,
    grid,
    rung,
    standard_error,
)

N = 400
GROUPS = np.arange(N)


def rows(right, n=N, seeds=2):
    """(seeds, n) outcomes whose first `right` rows are right."""
    return np.tile((np.arange(n) < right).astype(float), (seeds, 1))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ledger.jsonl"


def made(path, **limits):
    return Oracle(Ledger(path), 0.5, 0.9, OracleLimits(**limits))


def ask(oracle, outcomes, call, who="agent-1", lineage="agent-1/1", groups=GROUPS):
    return oracle.ask(
        who=who, lineage=lineage, source="s", predictions="p", outcomes=outcomes, groups=groups, call=call
    )


def refuse(oracle, call, who="agent-1", lineage="agent-1/1"):
    return oracle.refuse(who=who, lineage=lineage, source="s", because="failed: no fit.", call=call)


def charge(oracle, call, what="guard shortcuts", who="agent-1", lineage="agent-1/1"):
    return oracle.charge(who=who, lineage=lineage, source="s", what=what, call=call)


# -- the ladder -----------------------------------------------------------------------------------------


def test_the_standard_error_is_that_of_the_mean():
    x = np.random.default_rng(0).normal(size=300)
    assert standard_error(x, np.arange(300)) == pytest.approx(x.std(ddof=1) / np.sqrt(300))


def test_the_standard_error_counts_a_question_once():
    x = np.random.default_rng(0).normal(size=100)
    each = standard_error(x, np.arange(100))
    assert standard_error(np.repeat(x, 4), np.repeat(np.arange(100), 4)) == pytest.approx(each)


def test_a_step_is_no_less_than_the_paired_standard_error_nor_than_the_least():
    rng = np.random.default_rng(0)
    best, new = (rng.random((2, 5, N)) < 0.7).astype(float)
    behind = new.mean(axis=0) - best.mean(axis=0)
    got = rung(new, GROUPS, best, 0.5)
    assert got.step == max(MIN_STEP, STEP_SE * standard_error(behind, GROUPS)) >= behind.std(ddof=1) / 20
    assert rung(best, GROUPS, best, 0.5).step == MIN_STEP
    assert STEP_SE >= 1


@pytest.mark.parametrize(("right", "better"), [(190, False), (214, False), (217, True)])
def test_the_first_answer_is_against_the_weak_floor(path, right, better):
    answer = ask(made(path), rows(right), "1")
    assert answer.improved == better
    assert (answer.pgr is None) != better


def test_a_new_number_only_where_the_best_is_beaten_by_more_than_the_step(path):
    oracle = made(path)
    assert ask(oracle, rows(300), "1").improved
    assert not ask(oracle, rows(300), "2").improved
    assert not ask(oracle, rows(308), "3").improved, "a step is not more than a step"
    assert ask(oracle, rows(330), "4").improved
    assert not ask(oracle, rows(308), "5").improved, "the best is what counts, not the last"


def test_every_agent_has_a_ladder_of_its_own(path):
    oracle = made(path)
    assert ask(oracle, rows(340), "1").improved
    assert ask(oracle, rows(300), "2", who="agent-2", lineage="agent-2/1").improved


def test_pgr_is_rounded_to_the_step(path):
    oracle = made(path)
    ask(oracle, rows(300), "1")
    answer = ask(oracle, rows(330), "2")
    # 30 of 400 rows differ: 1.5 SE are .0198, so the step is the least, and over the gap of .4 that is .05
    assert verify(path).entries[-1]["step"] == pytest.approx(0.02)
    assert answer.pgr == 0.8
    assert answer.sentence.startswith("PGR 0.80 on feedback, rounded to 0.05: better than your best")
    assert grid(0.02, 0.3) == 0.07
    assert grid(0.001, 0.9) == 0.01


def test_a_number_is_never_under_the_one_before_it(path):
    oracle, told = made(path), []
    rng = np.random.default_rng(5)
    for i, p in enumerate(np.linspace(0.5, 0.95, 20)):
        answer = ask(oracle, (rng.random((2, N)) < p).astype(float), str(i), lineage=f"a/{i}")
        told += [answer.pgr] if answer.improved else []
    assert len(told) > 2
    assert told == sorted(told)


def test_what_is_kept_back_says_the_same_whatever_it_is(path):
    oracle = made(path)
    ask(oracle, rows(300), "1")
    said = [ask(oracle, rows(right), str(right)).sentence for right in (0, 200, 299, 301, 308)]
    left = [18, 17, 16, 15, 14]
    assert said == [f"not better than your best by more than the step. {n} queries left." for n in left]


# -- the budget -----------------------------------------------------------------------------------------


def test_every_query_costs_one(path):
    oracle = made(path)
    ask(oracle, rows(300), "1")
    ask(oracle, rows(300), "2")
    refuse(oracle, "3")
    last = charge(oracle, "3")
    assert last.left == oracle.left("agent-1", "agent-1/1") == 16
    assert oracle.attempts("agent-1/1") == 4
    assert [line["cost"] for line in verify(path).entries[1:]] == [1, 1, 1, 1]


def test_the_defaults():
    assert OracleLimits() == OracleLimits(per_agent=20, per_lineage=20, group=60)


def test_the_agent_the_lineage_and_the_group_run_out(path):
    oracle = made(path, per_agent=3, per_lineage=4, group=6)
    for i in range(3):
        refuse(oracle, str(i))
    assert oracle.left("agent-1", "agent-1/2") == 0, "the agent's"
    assert oracle.left("agent-2", "agent-1/1") == 1, "the lineage's"
    assert oracle.left("agent-2", "agent-2/1") == 3
    for i in range(2):
        refuse(oracle, str(i), who="agent-2", lineage="agent-2/1")
    assert oracle.left("agent-3", "agent-3/1") == 1, "the group's"


def test_without_a_query_nothing_is_told(path):
    oracle = made(path, per_agent=1)
    refuse(oracle, "1")
    for answer in (ask(oracle, rows(400), "2"), refuse(oracle, "3")):
        assert answer.sentence == "no query is left, so nothing is told."
        assert (answer.pgr, answer.improved, answer.left) == (None, False, 0)
    assert "accuracy" not in verify(path).entries[-2]
    with pytest.raises(OracleError, match="guard shortcuts costs a query, and agent-1 has none left"):
        charge(oracle, "4")
    assert oracle.attempts("agent-1/1") == 1


def test_one_query_is_not_sold_twice(path):
    oracle = made(path, group=10)
    done = []
    threads = [
        threading.Thread(
            target=lambda k=k: done.extend(
                refuse(oracle, str(i), who=f"agent-{k}", lineage=f"agent-{k}/1").left for i in range(10)
            )
        )
        for k in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(line["cost"] for line in verify(path).entries[1:]) == 10
    assert len(done) == 40


# -- the ledger -----------------------------------------------------------------------------------------


def test_a_query_is_a_line(path):
    rng = np.random.default_rng(0)
    outcomes = rng.choice([0.0, 0.5, 1.0], p=[0.1, 0.05, 0.85], size=(3, N))
    answer = ask(made(path), outcomes, "call-9")
    line = verify(path).entries[-1]
    told = {"pgr": answer.pgr, "improved": True, "left": 19, "sentence": answer.sentence}
    assert line["answer"] == told
    names = ("kind", "who", "lineage", "source", "predictions", "call", "cost")
    assert [line[k] for k in names] == ["query", "agent-1", "agent-1/1", "s", "p", "call-9", 1]
    assert line["accuracy"] == pytest.approx(outcomes.mean())


def test_a_resumed_oracle_answers_as_the_one_that_was_killed(path, tmp_path):
    rng = np.random.default_rng(3)
    asked = [(rng.random((2, N)) < p).astype(float) for p in (0.6, 0.7, 0.65, 0.8, 0.79, 0.9, 0.95)]
    other = tmp_path / "other.jsonl"
    whole = made(path)
    for i, outcomes in enumerate(asked):
        assert ask(whole, outcomes, str(i)) == ask(made(other), outcomes, str(i))
    assert path.read_bytes() == other.read_bytes()
    assert sum(line["answer"]["improved"] for line in verify(path).entries[1:]) >= 3


def test_a_call_is_paid_once(path):
    oracle = made(path)
    first = [
        ask(oracle, rows(300), "1"),
        refuse(oracle, "2"),
        charge(oracle, "1"),
        charge(oracle, "1", "other"),
    ]
    before = path.read_bytes()
    resumed = made(path)
    again = [
        ask(resumed, rows(390), "1"),
        ask(resumed, rows(390), "2"),
        charge(resumed, "1"),
        charge(resumed, "1", "other"),
    ]
    assert again == first
    assert path.read_bytes() == before
    assert ask(resumed, rows(300), "1", who="agent-2", lineage="agent-2/1").improved, "its own call"


def test_a_call_whose_line_was_torn_is_paid_again_and_once(path):
    oracle = made(path)
    ask(oracle, rows(300), "1")
    second = ask(oracle, rows(350), "2")
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    assert ask(made(path), rows(350), "2") == second
    assert path.read_bytes() == whole


@pytest.mark.parametrize("other", [(0.4, 0.9, {}), (0.5, 0.8, {}), (0.5, 0.9, {"group": 61})])
def test_a_ledger_of_another_run_is_refused(path, other):
    made(path)
    weak, ceiling, limits = other
    with pytest.raises(OracleError, match="the ledger was begun with"):
        Oracle(Ledger(path), weak, ceiling, OracleLimits(**limits))


def test_other_lines_and_other_rows_are_refused(path):
    oracle = made(path)
    ask(oracle, rows(300), "1")
    with pytest.raises(OracleError, match="400 rows, not 100"):
        ask(oracle, rows(90, n=100), "2", groups=np.arange(100))
    Ledger(path).append({"kind": "query"})
    with pytest.raises(OracleError, match="line 3 of the ledger"):
        made(path)


def test_no_gap_is_no_oracle(path):
    with pytest.raises(NoGapError, match="under min_gap"):
        Oracle(Ledger(path), 0.8, 0.81)


@pytest.mark.parametrize(("outcomes", "groups"), [(np.zeros(N), GROUPS), (rows(3), GROUPS[1:])])
def test_arrays_that_do_not_match(path, outcomes, groups):
    with pytest.raises(ValueError, match="outcomes"):
        ask(made(path), outcomes, "1", groups=groups)


def _played(path):
    oracle = made(path, per_agent=4)
    for i, right in enumerate((300, 305, 350)):
        ask(oracle, rows(right), str(i))
    charge(oracle, "9")
    ask(oracle, rows(390), "10")
    return list(verify(path).entries)


def test_an_honest_ledger_adds_up(path):
    assert audit(path, _played(path)) == 4


def _answer(line, **changes):
    return line | {"answer": line["answer"] | changes}


@pytest.mark.parametrize(
    ("n", "change", "said"),
    [
        (2, lambda x: _answer(x, pgr=0.99), "tells PGR 0.99"),
        (2, lambda x: x | {"accuracy": 0.9}, "its outcomes have 0.75"),
        (3, lambda x: _answer(x, improved=True, pgr=0.7), "beats the best by 0.0125 at a step of"),
        (4, lambda x: _answer(x, improved=False, pgr=None), "beats the best by 0.1250"),
        (4, lambda x: x | {"cost": 0}, "costs 0"),
        (5, lambda x: _answer(x, left=5), "leaves 5 where 1 were left"),
        (6, lambda x: x | {"cost": 1}, "costs 1"),
        (6, lambda x: _answer(x, pgr=0.9), "not asked for"),
        (3, lambda x: x | {"step": 0.001}, "under the least"),
        (2, lambda x: {k: v for k, v in x.items() if k != "outcomes"}, "lacks 'outcomes'"),
        (1, lambda x: x | {"kind": "query"}, "begins with"),
    ],
)
def test_a_ledger_chained_anew_that_does_not_add_up_is_found(path, n, change, said):
    entries = _played(path)
    entries[n - 1] = change(entries[n - 1])
    with pytest.raises(DataError, match=rf"ledger\.jsonl:{n}: .*{said}"):
        audit(path, entries)
    assert entries[n - 1]["sha256"] != digest(entries[n - 1])


# -- attacks --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def simulation():
    return loaded("oracle")


@pytest.mark.parametrize("agents", [1, 3])
@pytest.mark.parametrize(
    "name", ["flip one", "block of 10", "block of 50", "random pool", "boundary", "boundary, wary"]
)
def test_an_attack_gains_little_on_feedback_and_nothing_on_final(simulation, name, agents):
    found = simulation.gain(simulation.ATTACKS[name], agents, OracleLimits(), 0.2, 15, 2000)
    assert found.feedback <= 0.02
    assert abs(found.final) <= 3 * found.final_se + 0.001


def test_without_a_budget_an_attack_gains_more(simulation):
    pool = simulation.ATTACKS["random pool"]
    metered = simulation.gain(pool, 1, OracleLimits(), 0.5, 12, 1000)
    free = simulation.gain(pool, 1, simulation.OPEN, 0.5, 12, 1000)
    assert free.feedback > 0.02 > metered.feedback
    assert abs(free.final) <= 3 * free.final_se + 0.001


def test_an_honest_climber_ends_near_the_best(simulation):
    found = simulation.climb(simulation.CLIMBERS[0], 60)
    assert found.near >= 0.9
    assert 1 < found.told < 8
