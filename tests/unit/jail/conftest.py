"""A zygote per test module, and a way to run one cell."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from worker_cells import Service, start

from w2s_harness.contract.worker.wire import messages as wire
from w2s_harness.jail.host.launcher import Zygote
from w2s_harness.jail.host.readable import worker_path
from w2s_harness.jail.policy import Order
from w2s_harness.run.cell.worker.conversation import Outcome, converse


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with Zygote(worker_path()) as running:
        yield running


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def cell(zygote: Zygote, service: Service) -> Callable[..., Outcome]:
    """Runs one cell: `cell(method("return student.fit(...)"))`."""

    def run(
        source: wire.Source,
        *,
        clock_s: float = 20,
        n_test: int | None = None,
        test: wire.Released | None = None,
        order: Order | None = None,
        **told,
    ) -> Outcome:
        test = test or (None if n_test is None else wire.Released(n_test))
        with zygote.spawn(order) as worker:
            service.worker = worker
            try:
                return converse(
                    worker,
                    start(source, test=test if "transductive" in told.get("access", ()) else None, **told),
                    service,
                    clock_s=clock_s,
                    cancelled=threading.Event(),
                    test=test,
                    noticed=service.notices.append,
                )
            finally:
                service.printed = worker.output()

    return run
