"""What a pair can do: methods that need more are skipped, and run where it is there."""

from __future__ import annotations

import json

METHODS = "vanilla,bootstrapping,few-shot,critic"
PAIR = '''"""The random pair with all that a pair can offer."""

from w2s_harness import Model, Pair, hookimpl

SUM = {"kind": "likelihood", "statistic": "sum"}
WEAK, STRONG = (Model(source=source, max_tokens=64, templates={"sum": SUM}) for source in %r)


@hookimpl
def w2s_pairs():
    return [Pair(name="able", weak=WEAK, strong=STRONG, students=(WEAK,), abilities=%r)]
'''


def rows(place) -> dict:
    return {row["method"]: row for row in place.board()["rows"]}


def able(place, models, words, *abilities: str, grant: tuple[str, ...] = ()):
    (place.folder / "pair.py").write_text(PAIR % (tuple(map(str, models)), abilities))
    # Not the shared flags: they name the pair by its two models.
    from commands import Place

    flags = ("--tasks", str(words), "-p", "pair.py", "--pairs", "able", "--seeds", "2", "-n", "2")
    return Place(place.folder, (*flags, *grant))


def test_methods_that_a_pair_cannot_serve_are_skipped_and_all_is_well(place):
    done = place("run", "--methods", METHODS)
    assert done.code == 0, done.err
    found = rows(place)
    assert {name: row["status"] for name, row in found.items()} == {
        "vanilla": "ok", "bootstrapping": "skipped", "few-shot": "skipped", "critic": "skipped",
    }  # fmt: skip
    assert found["bootstrapping"]["reason"] == "the pair offers no ladder of smaller students"
    assert found["few-shot"]["reason"] == "no in-context gain was measured on this pair"
    assert found["critic"]["reason"] == "needs the access generate: run with --grant generate"
    assert all(found[name]["pgr"] is None and found[name]["rank"] is None for name in list(found)[1:])


def test_they_run_where_the_pair_is_able(place, models, words):
    place = able(place, models, words, "generate", "few-shot", grant=("--grant", "generate"))
    # The context of 64 tokens must hold a note.
    methods = METHODS + ":max_tokens=16"
    done = place("run", "--methods", methods, "-o", "board.json")
    assert done.code == 0, done.err
    found = rows(place)
    assert {row["status"] for row in found.values()} == {"ok"}, found
    assert found["critic"]["access"] == ["generate"]
    # The critic writes and reads far more than vanilla does.
    assert found["critic"]["compute"]["tokens"] > 3 * found["vanilla"]["compute"]["tokens"]
    assert found["bootstrapping"]["compute"]["fits"] == 2 * found["vanilla"]["compute"]["fits"]
    first = (place.folder / "board.json").read_bytes()
    again = place("run", "--methods", methods, "-o", "again.json", "-n", "1", "--store", "other")
    assert again.code == 0, again.err
    one, two = json.loads(first), json.loads((place.folder / "again.json").read_bytes())
    assert one["rows"] == two["rows"]


def test_without_the_grant_the_row_says_what_to_grant(place, models, words):
    place = able(place, models, words, "generate")
    done = place("run", "--methods", "vanilla,critic")
    assert done.code == 0, done.err
    row = rows(place)["critic"]
    assert (row["status"], row["reason"]) == (
        "skipped",
        "needs the access generate: run with --grant generate",
    )


def test_an_unknown_ability_ends_the_command_with_one_line(place, models, words):
    place = able(place, models, words, "generat")
    done = place("run", "--methods", "vanilla")
    assert done.code == 4
    (line,) = done.err.strip().splitlines()
    assert "pair 'able': unknown ability 'generat' (did you mean 'generate'?)" in line
