"""What the methods of a module say of themselves, asked in a worker: the host never imports them."""

from __future__ import annotations

import re
import threading

import msgspec

from w2s_harness.contract.errors import PluginError
from w2s_harness.contract.worker.wire import parameters
from w2s_harness.contract.worker.wire.messages import (
    Describe,
    Described,
    MethodInfo,
    Raised,
    Source,
)
from w2s_harness.jail.host.channel import Channel
from w2s_harness.jail.host.launcher import Zygote
from w2s_harness.jail.policy import Order
from w2s_harness.jail.showing import raised, visible

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_MOST = 64
"""Methods of a module, parameters of a method, characters of a name."""


def describe(
    zygote: Zygote,
    source: Source,
    timeout_s: float,
    *,
    order: Order | None = None,
    cancelled: threading.Event | None = None,
) -> tuple[MethodInfo, ...]:
    """The methods that `source` offers, with their parameters, in the module's order.

    Raises `PluginError` where the module does not load or breaks the contract, `WorkerError` where its
    worker dies or takes more than `timeout_s`,
    `IsolationError` where `order` requires more than this machine gives.
    """
    shown = source.filename or source.module
    with zygote.spawn(order) as worker:
        late = f"{shown} took more than {timeout_s:g} s to be imported and described. Make that faster."
        channel = Channel(worker, timeout_s, cancelled or threading.Event(), late=late)
        channel.send(Describe(source))
        answer: Described | Raised = channel.receive(Described | Raised)
    if isinstance(answer, Raised):
        raise PluginError(f"{shown}: {raised(answer)}")
    if len(answer.methods) > _MOST:
        raise PluginError(f"{shown} offers {len(answer.methods)} methods; at most {_MOST} are allowed")
    return tuple(_checked(shown, info) for info in answer.methods)


def _checked(shown: str, info: MethodInfo) -> MethodInfo:
    """`info` with its free text made safe to show."""
    if not _NAME.fullmatch(info.name):
        raise PluginError(
            f"{shown}: '{visible(info.name, limit=80)}' is no name for a method. "
            "Use small letters, digits, '-', '_' and '.', at most 64."
        )
    if len(info.parameters) > _MOST:
        raise PluginError(
            f"{shown}: {info.name} has {len(info.parameters)} parameters; at most {_MOST} are allowed"
        )
    where = f"{shown}: {info.name}"
    for parameter in info.parameters:
        # The worker has checked this too, but what says so may be the method.
        if not parameter.name.isidentifier() or len(parameter.name) > _MOST:
            raise PluginError(f"{where}: '{visible(parameter.name, limit=80)}' is no name for a parameter")
        why = parameters.problem(parameter.type, parameter.default)
        if why:
            raise PluginError(f"{where}: the default of '{parameter.name}' {why}")
    return msgspec.structs.replace(
        info,
        summary=visible(info.summary, limit=200),
        reference=visible(info.reference, limit=500),
        authors=tuple(visible(a, limit=100) for a in info.authors[:50]),
        access=tuple(visible(a, limit=40) for a in info.access[:20]),
    )
