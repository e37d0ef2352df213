"""What the host could not see of a method's training, in sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def unseen(cells: Sequence[Mapping[str, Any]]) -> list[str]:
    """Sentences from the `facts` of a row's cells (`trained_on.Trained`)."""
    out = []

    def most(name: str) -> int:
        return max((int(facts.get(name, 0)) for facts in cells), default=0)

    if not most("fits"):
        out.append(
            "It never asked for a fit on training rows, so what it does with rows and labels cannot be seen."
        )
    elif not most("behind") and not most("own"):
        out.append(
            f"It asked for up to {most('fits')} fits, but none stands behind the student that it returned: "
            "what that student learned from cannot be seen."
        )
    if most("own"):
        out.append(
            "It predicted with code of its own (access inference); what that code used cannot be seen, so "
            "all of its fits are taken for behind it."
        )
    if most("heads"):
        out.append(
            f"The returned student has {most('heads')} heads that it worked out by itself from features; "
            "which rows these rest on cannot be seen."
        )
    if most("priors"):
        out.append(f"The returned student has {most('priors')} untrained members, which saw no training row.")
    if most("on_test"):
        out.append("It trained on test rows (access transductive); only its training rows are counted here.")
    losses = sorted({loss for facts in cells for loss in facts.get("losses", ()) if loss != "xent"})
    if losses:
        out.append(
            f"The loss {', '.join(losses)} changes targets while it trains; shown are those that it was "
            "handed."
        )
    others = max((int(facts["fits"]) - int(facts["behind"]) for facts in cells), default=0)
    if others and most("behind"):
        out.append(
            f"Up to {others} other fits of a cell served it on the way (such as for labels of its own) and "
            "are not counted, apart from the share of rows that no fit was told of."
        )
    return out
