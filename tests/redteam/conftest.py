"""Attacks run in real workers at each level that this machine can give."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import attacks
import pytest

from w2s_harness import Attack
from w2s_harness.jail.host.launcher import Zygote
from w2s_harness.jail.host.readable import worker_path
from w2s_harness.jail.levels import Level
from w2s_harness.jail.policy import Order
from w2s_studies.redteam import suite
from w2s_studies.redteam.suite import Places


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    with Zygote(worker_path()) as running:
        yield running


@pytest.fixture(scope="session", params=["L1", "L2"])
def level(request: pytest.FixtureRequest, zygote: Zygote) -> Level:
    with zygote.spawn(Order(mode="best", namespaces=request.param == "L2")) as worker:
        report = worker.report
    if report.level != request.param:
        off = "; ".join(f"{x.name}: {x.why}" for x in report.layers if not x.is_on)
        pytest.skip(f"no {request.param} on this machine ({off})")
    return report.level


@pytest.fixture(scope="session")
def order(level: Level) -> Order:
    return Order(mode="require", namespaces=level == "L2")


@pytest.fixture
def places(tmp_path) -> Places:
    """A file of labels and a store, as the command lays them."""
    store = tmp_path / "store" / "objects" / "ab"
    store.mkdir(parents=True)
    (store / "abcd.npy").write_bytes(b"gold")
    return suite.places(tmp_path, tmp_path / "store")


@pytest.fixture
def attack(zygote: Zygote, order: Order, places: Places) -> Callable[..., attacks.Outcome]:
    """Runs an attack, or a hostile body, in a jailed worker: `attack("open('/etc/passwd')")`."""

    def run(what: str | Attack, clock_s: float = 10) -> attacks.Outcome:
        given = attacks.own(what) if isinstance(what, str) else what
        return attacks.run(zygote, given, order, places, clock_s)

    return run
