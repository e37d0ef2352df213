"""What the frozen student says by itself: log-odds margins under a template, and notes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from w2s_harness.contract.errors import ModelError, WorkerError, nearest
from w2s_harness.contract.kinds import KINDS, Kind
from w2s_harness.contract.worker.wire.row_text import TextRow
from w2s_harness.students.lm.readout import LIKELIHOODS, hidden_states, masked_mean, over_batches, read_batch
from w2s_harness.students.lm.text import SEPARATOR, Encoded, encode, special_ids, texts
from w2s_harness.students.meter import Account

if TYPE_CHECKING:
    import torch

    from w2s_harness.students.lm.loading import Loaded
    from w2s_harness.students.lm.readout import Batch


MAX_TEMPLATE = 2000
"""Characters of a template that a method brings itself."""
COLUMNS = {"question": "prompt"} | {
    name: column
    for kind in KINDS
    for column, names in zip(kind.columns, kind.literals, strict=True)
    for name in names
}
"""The column of a row that each literal of a template stands for."""
LITERAL = re.compile(rf"\{{({'|'.join((*COLUMNS, 'note'))})\}}")
"""What stands in a template for the row's text."""
BETWEEN_SHOTS = "\n\n"


@dataclass(frozen=True, slots=True)
class Template:
    """A way to ask the frozen model."""

    kind: Literal["likelihood", "answer"]
    statistic: str = "sum"
    """`likelihood`: the statistic of the response's logp that is the margin."""
    text: str = ""
    """`answer`: the margin is logp(yes) - logp(no) after this text."""
    yes: str = " yes"
    no: str = " no"

    @property
    def column(self) -> int:
        """The likelihood's column in `Extraction.likelihoods`."""
        return LIKELIHOODS.index(self.statistic)


def parse_templates(templates: Mapping[str, Mapping[str, Any]], kind: Kind) -> dict[str, Template]:
    """A pair's templates that suit rows of `kind`, in their order.

    An `answer` template that names none of the kind's responses is for the other kind and left out.
    Raises `ModelError` for a template that breaks its form.
    """
    found: dict[str, Template] = {}
    for name, fields in templates.items():
        try:
            template = Template(**fields)
        except TypeError as bad:
            raise ModelError(f"template '{name}' of the pair: {bad}") from bad
        if template.kind not in ("likelihood", "answer") or template.statistic not in LIKELIHOODS:
            raise ModelError(f"template '{name}' of the pair: kind is likelihood (sum, mean, min) or answer")
        if template.kind == "likelihood" or _suits(template.text, kind):
            found[name] = template
    return found


def resolve(templates: Mapping[str, Template], name: str | None, kind: Kind) -> Template:
    """The template of that name (None: the first), or a method's own text with literals in braces.

    Raises `WorkerError` for a name that is unknown and no text, or for a text that is too long.
    """
    if name is None:
        if not templates:
            raise WorkerError("the pair's strong model has no zero-shot template for this task; bring a text")
        return next(iter(templates.values()))
    if name in templates:
        return templates[name]
    if len(name) > MAX_TEMPLATE:
        raise WorkerError(f"a template of {len(name)} characters is over the {MAX_TEMPLATE} allowed")
    if _suits(name, kind):
        return Template("answer", text=name)
    if "{" in name:
        needed = " and ".join(f"{{{names[0]}}}" for names in kind.literals)
        raise WorkerError(f"a template for {kind.name} rows must hold {needed}")
    raise WorkerError(f"unknown template '{name[:60]}'{nearest(name[:60], templates)}")


def _suits(text: str, kind: Kind) -> bool:
    return kind.suits(set(LITERAL.findall(text)))


def render(template: Template, row: TextRow, note: str | None = None) -> str:
    """The template's text with its literals replaced by the row's text, `{note}` by the note if any."""
    values = {name: getattr(row, column) or "" for name, column in COLUMNS.items()}
    values["note"] = "{note}" if note is None else note
    # One pass, so that a literal inside a row's own text stays what it is.
    return LITERAL.sub(lambda found: values[found[1]], template.text)


def margins(
    loaded: Loaded,
    template: Template,
    rows: Sequence[TextRow],
    kind: Kind,
    shots: Sequence[tuple[TextRow, float]],
    notes: Sequence[str] | None = None,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """((n,) log-odds margins, (n,) tokens read) of rows, after `shots` of (row, label in [0, 1]).

    A shot of an `answer` template shows its answer; under `likelihood` only right responses are shown.
    `notes` (n) stand for the `{note}` of an `answer` template.
    Raises `ModelError` for an encoder, which predicts no tokens, and for notes that no template shows.
    """
    if not loaded.is_causal:
        raise ModelError(f"'{loaded.settings.source}' is an encoder and has no zero-shot margins")
    if notes is not None and "{note}" not in template.text:
        raise ModelError("notes need a template with the literal {note}")
    if template.kind == "likelihood":
        shown = _right_responses(shots, kind)
        pairs = [(shown + question, response) for question, response in texts(rows, kind)]
        encoded = encode(loaded.tokenizer, pairs, loaded.context, loaded.chat)
        return kind.by_row(_sums(loaded, encoded, template.column)), _tokens(encoded, len(rows))
    before = "".join(
        render(template, row) + (template.yes if label > 0.5 else template.no) + BETWEEN_SHOTS
        for row, label in shots
    )
    given = [None] * len(rows) if notes is None else notes
    asked = [before + render(template, row, note) for row, note in zip(rows, given, strict=True)]
    return _answer_margins(loaded, template, asked)


def states(
    loaded: Loaded, template: Template, rows: Sequence[TextRow], layer: int, answer: Literal[0, 1] | None
) -> tuple[npt.NDArray[np.float32], int]:
    """((n, h) hidden states of a layer under an `answer` template, tokens read).

    The mean over the tokens of the answer (1 yes, 0 no), or of the whole rendered text without one.
    """
    word = _spoken(loaded, (template.no, template.yes)[answer]) if answer is not None else None
    asked = [render(template, row) for row in rows]
    pairs = [("", text) if word is None else (text, word) for text in asked]
    encoded = encode(loaded.tokenizer, pairs, loaded.context, None if word is None else loaded.chat)

    def read(batch: Batch) -> torch.Tensor:
        return masked_mean(hidden_states(loaded, batch, every=True)[layer], batch.response)

    return over_batches(loaded, encoded, loaded.width, read), sum(len(e.ids) for e in encoded)


def _right_responses(shots: Sequence[tuple[TextRow, float]], kind: Kind) -> str:
    out = ""
    for row, label in shots:
        pairs = texts([row], kind)
        right = pairs if label > 0.5 else pairs[1:]
        out += "".join(question + response + BETWEEN_SHOTS for question, response in right[:1])
    return out


def _answer_margins(
    loaded: Loaded, template: Template, asked: list[str]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    answers = tuple(_spoken(loaded, word) for word in (template.yes, template.no))
    words = [loaded.tokenizer(word, add_special_tokens=False)["input_ids"] for word in answers]
    if all(len(ids) == 1 for ids in words) and (loaded.chat or not special_ids(loaded.tokenizer)[1]):
        # Both answers are one token: one pass reads them off the same next-token distribution.
        whole = [("", text) if loaded.chat is None else (text, "") for text in asked]
        encoded = encode(loaded.tokenizer, whole, loaded.context, loaded.chat)
        return _next_token(loaded, encoded, words[0][0], words[1][0]), _tokens(encoded, len(asked))
    pairs = [(text, word) for text in asked for word in answers]
    encoded = encode(loaded.tokenizer, pairs, loaded.context, loaded.chat)
    values = _sums(loaded, encoded, 0)
    return values[0::2] - values[1::2], _tokens(encoded, len(asked))


def _spoken(loaded: Loaded, word: str) -> str:
    """An answer as it begins: after a chat template's header without the space that follows a text."""
    return word if loaded.chat is None else word.lstrip()


def _sums(loaded: Loaded, encoded: Sequence[Encoded], column: int) -> npt.NDArray[np.float64]:
    def read(batch: Batch) -> torch.Tensor:
        statistics = read_batch(loaded, batch, wants_likelihood=True)[1]
        assert statistics is not None
        return statistics[:, column : column + 1]

    return over_batches(loaded, encoded, 1, read)[:, 0].astype(np.float64)


def _next_token(loaded: Loaded, encoded: Sequence[Encoded], yes: int, no: int) -> npt.NDArray[np.float64]:
    def read(batch: Batch) -> torch.Tensor:
        import torch

        hidden = hidden_states(loaded, batch)[-1]
        last = batch.attend.sum(1) - 1
        state = hidden[torch.arange(len(last), device=hidden.device), last]
        scores = loaded.logits(state)
        difference: torch.Tensor = scores[:, yes : yes + 1] - scores[:, no : no + 1]
        return difference

    return over_batches(loaded, encoded, 1, read)[:, 0].astype(np.float64)


def _tokens(encoded: Sequence[Encoded], n: int) -> npt.NDArray[np.int64]:
    lengths = np.array([len(e.ids) for e in encoded], np.int64)
    return np.asarray(lengths.reshape(n, -1).sum(1), np.int64)


def generate(
    loaded: Loaded, prompts: Sequence[str], max_tokens: int, charge: Callable[[int], None]
) -> list[str]:
    """What the model writes after each prompt, at most `max_tokens` tokens each.

    The likeliest token at every step (of equal ones the first in the vocabulary), until the model ends its
    text. Each prompt is decoded by itself: in a padded batch the last bits of a score, and so now and then a
    token, would depend on the company. A prompt too long for the context loses its start. `charge` is told
    the tokens that are read, prompt and note, before each is. Raises `ModelError` for an encoder and where
    the context cannot hold the note.
    """
    if not loaded.is_causal:
        raise ModelError(f"'{loaded.settings.source}' is an encoder and writes no text")
    if loaded.context - max_tokens < 2:
        raise ModelError(f"notes of {max_tokens} tokens do not fit a context of {loaded.context} tokens")
    whole = [("", prompt) if loaded.chat is None else (prompt, "") for prompt in prompts]
    encoded = encode(loaded.tokenizer, whole, loaded.context - max_tokens, loaded.chat)
    return [_note(loaded, text.ids[: text.stop], max_tokens, charge) for text in encoded]


def _note(loaded: Loaded, ids: Sequence[int], max_tokens: int, charge: Callable[[int], None]) -> str:
    import torch

    named = (loaded.tokenizer.eos_token_id, getattr(loaded.network.config, "eos_token_id", None))
    ends = {end for told in named for end in (told if isinstance(told, list | tuple) else [told])}
    written: list[int] = []
    unread = torch.tensor([list(ids)], device=loaded.device)
    cache: Any = None
    with torch.inference_mode():
        while len(written) < max_tokens:
            charge(unread.shape[1])
            kept = {} if cache is None else {"past_key_values": cache}
            out = loaded.network(input_ids=unread, use_cache=True, **kept)
            token = int(out.logits[0, -1].argmax())
            if token in ends:
                break
            written.append(token)
            # A network whose memory has another name (RWKV, Mamba) reads everything again.
            cache = getattr(out, "past_key_values", None)
            again = [token] if cache is not None else [*ids, *written]
            unread = torch.tensor([again], device=loaded.device)
    return str(loaded.tokenizer.decode(written, skip_special_tokens=True))


PER_TOKEN = 16
"""Characters for each token of the context that template, shots and note may add to a row's own text: several
times what any context holds, since what is over it is cut off."""
MOST_ADDED = 2**27
"""Characters that they may add to all rows of one request together."""
_USUAL, _LEAST = 4, 64
"""Characters of a token: as a rule, which is charged before, and at the most, below which no charge falls."""


@dataclass(frozen=True, slots=True)
class Prompts:
    """The prompts of one request, whose length is known and charged before one of them is built.

    A template repeats a row's text and shots stand before every row, so a short request can ask for
    gigabytes.
    """

    template: Template
    rows: Sequence[TextRow]
    """(n)"""
    kind: Kind
    shots: Sequence[tuple[TextRow, float]] = ()
    notes: Sequence[str] | None = None
    """(n) or None."""

    def charge(self, context: int, account: Account) -> Callable[[int], None]:
        """Charge the reading of all prompts by their length, before any is built.

        The answer is to be told the tokens that were read, which are charged in its place; not less than what
        tokenising so many characters is worth. Raises `WorkerError` for prompts over the limits,
        `BudgetError` where it is more than is left.
        """
        tokens, least = self.tokens(context)
        settle = account.advance(max(tokens, least))
        return lambda read: settle(max(read, least))

    def tokens(self, context: int) -> tuple[int, int]:
        """Tokens to read, judged by length, and how few may be charged whatever they come to.

        Raises `WorkerError` for prompts over the limits.
        """
        before, room = self._before(), PER_TOKEN * context
        added, tokens, characters = before, 0, before
        longest = before
        for own, length in zip(self._own(), self._lengths(), strict=True):
            longest, added = max(longest, before + length - own), added + before + length - own
            characters += before + length
            tokens += min(context, -(-(before + length) // _USUAL))
        if longest > room:
            raise WorkerError(_too_long(longest, "a prompt", f"{room} for a context of {context} tokens"))
        if added > MOST_ADDED:
            raise WorkerError(_too_long(added, "the prompts of one request", f"{MOST_ADDED} allowed"))
        return tokens, max(1, characters // _LEAST)

    def _before(self) -> int:
        """Characters of the shots."""
        literals, total = _Literals(self.template.text), 0
        for row, label in self.shots:
            if self.template.kind == "answer":
                word = self.template.yes if label > 0.5 else self.template.no
                total += literals.length(row, None) + len(word)
            else:
                total += max(_responses(row, self.kind)) + len(row.prompt) + len(SEPARATOR)
        return total + len(self.shots) * len(BETWEEN_SHOTS)

    def _lengths(self) -> Iterator[int]:
        """Characters of each row's own prompt, after the shots; a preference's two likelihoods are two."""
        if self.template.kind == "likelihood":
            yield from self._own()
            return
        literals = _Literals(self.template.text)
        notes: Sequence[str | None] = [None] * len(self.rows) if self.notes is None else self.notes
        word = max(len(self.template.yes), len(self.template.no))
        for row, note in zip(self.rows, notes, strict=True):
            yield literals.length(row, note) + word

    def _own(self) -> Iterator[int]:
        """Characters of each row's own text."""
        for row in self.rows:
            yield sum(len(row.prompt) + len(SEPARATOR) + n for n in _responses(row, self.kind))


class _Literals:
    """A template's text as numbers."""

    def __init__(self, text: str) -> None:
        self._plain, self._counts = len(LITERAL.sub("", text)), Counter(LITERAL.findall(text))

    def length(self, row: TextRow, note: str | None) -> int:
        """Characters of the template with the row's text in it."""
        noted = self._counts["note"] * len("{note}" if note is None else note)
        shown = (self._counts[name] * len(getattr(row, column) or "") for name, column in COLUMNS.items())
        return self._plain + noted + sum(shown)


def _responses(row: TextRow, kind: Kind) -> tuple[int, ...]:
    return tuple(len(response or "") for response in kind.responses(row))


def _too_long(characters: int, what: str, allowed: str) -> str:
    return (
        f"template, shots and notes add {characters} characters to {what}, over the {allowed}; "
        "use a shorter template, fewer shots or fewer rows"
    )
