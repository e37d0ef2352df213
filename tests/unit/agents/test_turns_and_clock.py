import threading

from w2s_studies.agents.books.journal import Journal
from w2s_studies.agents.books.money import Clock
from w2s_studies.agents.host.running import Turns


def test_turns_go_round_whoever_is_quicker():
    turns, order = Turns(["a", "b", "c"], threading.Event()), []

    def life(name, rounds):
        for _ in range(rounds):
            with turns.of(name):
                order.append(name)
        turns.leave(name)

    threads = [threading.Thread(target=life, args=each) for each in (("c", 3), ("b", 1), ("a", 2))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)
    assert "".join(order) == "abcacc"


def test_a_stop_ends_waiting():
    stop = threading.Event()
    turns = Turns(["a", "b"], stop)
    stop.set()
    with turns.of("b"):
        pass


def test_the_clock_goes_on_where_a_session_ended(tmp_path):
    now = [0.0]
    first = Clock(Journal(tmp_path / "c.jsonl"), 1.0, lambda: now[0])
    now[0] = 100.0
    first.tick()
    now[0] = 130.0  # killed before the next tick
    second = Clock(Journal(tmp_path / "c.jsonl"), 1.0, lambda: now[0])
    now[0] = 150.0
    assert second.used_s() == 120.0 and second.left_s() == 3480.0
    now[0] = 9999.0
    assert second.left_s() == 0.0
