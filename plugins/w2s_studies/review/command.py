"""`w2s-harness review`: what a method does, for a person to decide about; and what they decided."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

import click

from w2s_harness.cli.options.flags_of_run import AS_IN_RUN, names, quiet, shared, store
from w2s_harness.run.plan.selection import Loading, Options, Selection, made

if TYPE_CHECKING:
    from w2s_studies.review.dossier import Asked


@click.command("review", short_help="A dossier of a method, and a person's decision about it.")
@click.argument("method", shell_complete=names("methods"))
@shared("tasks", AS_IN_RUN, default="chat")
@shared("pairs", AS_IN_RUN)
@shared("weak", AS_IN_RUN)
@shared("strong", AS_IN_RUN)
@shared("seeds", "A count (3) or a list (0,1,7).", default="3")
@shared("root_seed")
@shared("limit")
@shared("grant", AS_IN_RUN)
@shared("counterfactuals", AS_IN_RUN)
@shared("guards", AS_IN_RUN)
@shared("plugin", AS_IN_RUN)
@shared("methods_env", AS_IN_RUN)
@shared("cell_timeout_s", AS_IN_RUN)
@shared("isolation", AS_IN_RUN)
@shared("slots")
@store("Where results are kept.")
@click.option("-o", "--out", metavar="DIR", help="Where the dossier goes; default: STORE/reviews/METHOD-SHA.")
@click.option("--accept", is_flag=True, help="Sign the method's source off; nothing is run.")
@click.option("--reject", is_flag=True, help="Sign that the method's source is not to be trusted.")
@click.option("--by", metavar="NAME", help="With --accept or --reject: who decides.")
@click.option("--reason", metavar="TEXT", help="With --accept or --reject: why.")
@quiet
def command(method: str, **flags: Any) -> int:
    """Run METHOD beside vanilla and zero-shot and write a dossier: numbers, code, diff, guards, questions.

    With --accept or --reject, --by and --reason: record a decision about its source instead.
    """
    from w2s_harness.cli.terminal.listener import Terminal
    from w2s_harness.data.destination import folder_for
    from w2s_studies.review import dossier

    decision = _decision(flags)
    out = None if flags["out"] is None else folder_for(flags["out"], "--out")
    terminal = Terminal(-1 if flags["quiet"] else 0)
    loading, selection = made(Loading, flags), made(Selection, flags, controls=False)
    options = made(Options, flags, out=None)
    asked = dossier.Asked(method, selection, options, lambda: loading.plugins(terminal=terminal))
    if decision is not None:
        return _signed(asked, decision, flags, terminal.say)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with terminal:
        done = dossier.write(asked, out, terminal.say)
    if done.evidence is not None:
        from w2s_studies.review.questions import questions

        click.echo("".join(f"{i}. {line}\n" for i, line in enumerate(questions(done.evidence), 1)), nl=False)
        for file in done.files:
            click.echo(f"dossier  {file}")
    return int(done.code)


def _decision(flags: dict[str, Any]) -> str | None:
    """`accept`, `reject` or None; refuses half a sign-off."""
    from w2s_harness.contract.errors import UsageError

    if flags["accept"] and flags["reject"]:
        raise UsageError("--accept and --reject exclude one another. Give one.")
    decision = "accept" if flags["accept"] else "reject" if flags["reject"] else None
    for name in ("by", "reason"):
        if decision is None and flags[name] is not None:
            raise UsageError(f"--{name} goes with --accept or --reject. Give one of them too.")
        if decision is not None and not (flags[name] or "").strip():
            raise UsageError(f"--{decision} needs --by NAME and --reason TEXT; --{name} is missing or empty.")
    return decision


def _signed(asked: Asked, decision: Any, flags: dict[str, Any], say: Any) -> int:
    from w2s_harness.run.kept.sign_offs import SignOffs
    from w2s_studies.review.dossier import resolve

    signed = SignOffs(asked.options.store)
    _, method = resolve(asked, say)
    line = signed.sign(method, decision, flags["by"], flags["reason"])
    click.echo(f"{line.decision}ed  {line.method}  {line.sha256}  by {line.by}  {signed.file}")
    return 0
