"""The student services of one role: started when first needed, ended together."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from w2s_harness.students.service.client import ServiceClient


class Services:
    """At most as many services as threads ask for at once. Safe for threads."""

    def __init__(self, start: Callable[[], ServiceClient]) -> None:
        self.ended_s = 0.0
        """Seconds that services which have ended computed."""
        self._start = start
        self._clients: list[ServiceClient] = []
        self._idle: queue.SimpleQueue[ServiceClient] = queue.SimpleQueue()
        self._lock = threading.Lock()

    @property
    def busy_s(self) -> float:
        """Seconds that they computed, summed."""
        return self.ended_s + sum(client.busy_s for client in self._clients)

    def take(self) -> ServiceClient:
        """A service that lives; a dead one is replaced."""
        while True:
            try:
                client = self._idle.get_nowait()
            except queue.Empty:
                break
            if client.alive:
                return client
            client.kill()
            self._forget(client)
        client = self._start()
        with self._lock:
            self._clients.append(client)
        return client

    def give(self, client: ServiceClient) -> None:
        """Hand a service back for the next work."""
        self._idle.put(client)

    def close(self) -> None:
        """End all, side by side."""
        with self._lock:
            clients = list(self._clients)
        if clients:
            with ThreadPoolExecutor(len(clients)) as pool:
                list(pool.map(lambda client: client.close(), clients))
        for client in clients:
            self._forget(client)
        self._idle = queue.SimpleQueue()

    def kill(self) -> None:
        """End all now; whoever holds one sees it die."""
        with self._lock:
            for client in self._clients:
                client.kill()

    def _forget(self, client: ServiceClient) -> None:
        with self._lock:
            self.ended_s += client.busy_s
            self._clients.remove(client)
