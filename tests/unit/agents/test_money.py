import pytest

from w2s_harness.contract.errors import DataError, UsageError
from w2s_harness.contract.studies import Usage
from w2s_studies.agents.books.journal import Journal
from w2s_studies.agents.books.money import BudgetReachedError, Price, Prices, Purse, load_prices
from w2s_studies.agents.books.plan import AgentPlan
from w2s_studies.agents.host.asking import model_of

TABLE = Prices("2026-01", {"m": Price(1.0, 10.0, 0.1, 2.0)})


def purse(tmp_path, **limits):
    return Purse(Journal(tmp_path / "money.jsonl"), TABLE, **limits)


def test_a_call_costs_its_tokens_by_kind(tmp_path):
    mine = purse(tmp_path)
    held = mine.reserve("a", "m", 1000, 100)
    assert held.usd == pytest.approx((2.0 * 1000 + 10.0 * 100) / 1e6)
    usage = Usage(input=10, output=20, cache_read=500, cache_write=100)
    assert mine.settle(held, "m", usage) == pytest.approx((10 + 200 + 50 + 200) / 1e6)
    assert mine.spent("a").tokens == {"input": 10, "output": 20, "cache_read": 500, "cache_write": 100}
    assert mine.spent("b").usd == 0.0 and mine.spent().calls == 1


def test_no_call_that_could_pass_a_budget_is_made(tmp_path):
    mine = purse(tmp_path, budget=0.01, each=0.006)
    first = mine.reserve("a", "m", 0, 500)
    with pytest.raises(BudgetReachedError, match=r"a.s budget of \$0\.006"):
        mine.reserve("a", "m", 0, 200)
    mine.reserve("b", "m", 0, 400)
    with pytest.raises(BudgetReachedError, match=r"the budget of \$0\.01"):
        mine.reserve("c", "m", 0, 200)
    mine.settle(first, "m", Usage(output=10))
    mine.reserve("c", "m", 0, 200)


def test_a_call_cut_off_by_a_kill_counts_as_paid(tmp_path):
    held = purse(tmp_path).reserve("a", "m", 0, 100)
    looked = Purse(Journal(tmp_path / "money.jsonl"), TABLE, reading=True)
    assert looked.spent().lost_usd == 0.0
    again = purse(tmp_path, budget=held.usd * 1.5)
    assert again.spent("a").lost_usd == held.usd
    assert purse(tmp_path).spent("a").lost_usd == held.usd
    with pytest.raises(BudgetReachedError):
        again.reserve("a", "m", 0, 100)


def test_the_machines_seconds_cost_their_rate(tmp_path):
    mine = purse(tmp_path, rate=3.6, budget=0.05)
    assert mine.can_compute("a")
    mine.compute("a", 100)
    assert mine.spent("a").compute_usd == pytest.approx(0.1) and not mine.can_compute("a")


def test_a_released_reservation_costs_nothing(tmp_path):
    mine = purse(tmp_path)
    mine.release(mine.reserve("a", "m", 0, 100))
    assert purse(tmp_path).spent().usd == 0.0


def test_a_model_without_a_price_has_no_budget():
    with pytest.raises(UsageError, match="no price is known for the model 'unknown'"):
        model_of(AgentPlan(model="unknown", budget_usd=1.0), TABLE)


def test_the_shipped_table_is_read_and_names_with_dates_are_known():
    table = load_prices()
    assert table.of("claude-haiku-4-5-20251001") == table.of("claude-haiku-4-5") is not None
    assert table.of("claude-haiku") is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("dated: x\nmodels: {}\n", "a price table holds"),
        ("dated: x\nmodels:\n  m: {input: 1}\n", ":3: 'm' needs input, output"),
        ("dated: x\nmodels:\n  m: {input: -1, output: 1, cache_read: 1, cache_write: 1}\n", "is no price"),
    ],
)
def test_a_broken_table_is_one_line(tmp_path, text, why):
    (tmp_path / "p.yaml").write_text(text)
    with pytest.raises(DataError, match=why):
        load_prices(tmp_path / "p.yaml")
