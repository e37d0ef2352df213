"""The level of isolation is a fact that the start-up code reports, not a claim of the method."""

from __future__ import annotations

import attacks


def test_a_method_cannot_report_another_level(zygote, order, places):
    forged = """
        import msgspec
        from w2s_harness.jail.levels import Report
        body = msgspec.msgpack.encode(Report("L2", ()))
        os.write(3, len(body).to_bytes(4, "little") + body)
        time.sleep(1)
    """
    with zygote.spawn(order) as worker:
        before = worker.report
        outcome = attacks.in_worker(worker, attacks.own(forged), places)
        assert outcome.failed and "malformed" in outcome.why
        assert worker.report == before


def test_the_layers_that_are_reported_are_in_force(attack, level):
    outcome = attack("""
        status = dict(l.split(":", 1) for l in open("/proc/self/status"))
    """)
    assert outcome.why in {"EACCES", "ENOENT"}
    assert attack("print(call('prctl', 39, 0, 0, 0, 0))").why == "EPERM"
