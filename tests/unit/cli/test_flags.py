"""Flags of `run` that are wrong, given twice, or come from several places."""

from __future__ import annotations

import warnings
from types import SimpleNamespace

import click
import pytest
from click.core import ParameterSource
from click.testing import CliRunner

from w2s_harness import cli
from w2s_harness.cli import main
from w2s_harness.cli.commands.run import command
from w2s_harness.cli.options import flags_of_run
from w2s_harness.cli.options.flags_of_run import FLAGS, nearer_pair
from w2s_harness.contract.errors import UsageError
from w2s_studies.agents.command import command as agent


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--seed", "-1"], "-1 is not in the range"),
        (["--seed", str(2**63)], "is not in the range"),
        (["--cell-timeout", "nan"], "nan is no time: give seconds above 0, at most 1,000,000"),
        (["--cell-timeout", "1e300"], "is no time"),
        (["--own-draws", "1000000"], "is not in the range"),
    ],
)
def test_numbers_that_nothing_can_be_done_with(words, said):
    done = CliRunner().invoke(command, words)
    assert done.exit_code == 2 and said in " ".join(done.output.split())


def test_an_option_given_twice_is_said():
    @click.command(cls=flags_of_run.Noticing)
    @click.option("--names", metavar="NAMES")
    @click.option("-o", "--out")
    @click.option("-p", multiple=True)
    @click.option("-x", is_flag=True)
    @click.option("-q", count=True)
    @click.pass_context
    def one(ctx, **flags):
        click.echo("\n".join(ctx.meta[flags_of_run.REPEATED]))

    twice = ["--names", "a", "-o", "f", "--names", "b", "--out=g", "-p", "1", "-p", "2", "-x", "-x", "-qq"]
    assert CliRunner().invoke(one, twice).output.splitlines() == [
        "--names is given more than once, and only the last one counts; separate several names with commas",
        "--out is given more than once, and only the last one counts",
    ]
    assert CliRunner().invoke(one, ["--names", "a", "-o", "f"]).output == "\n"


def test_words_that_belong_to_no_option():
    done = CliRunner().invoke(command, ["math", "--plan"])
    assert done.exit_code == 2 and "'math' stands alone: tasks are named with --tasks" in done.output


@pytest.mark.parametrize(
    ("set_up", "origin"),
    [
        (lambda here, env: env("W2S_LIMIT", "many"), "It comes from the variable W2S_LIMIT."),
        (lambda here, env: (here / "w2s.yaml").write_text("limit: 0\n"), "w2s.yaml."),
        (lambda here, env: env("W2S_X", "maybe"), "It comes from the variable W2S_X."),
    ],
)
def test_a_value_that_was_not_typed_says_where_it_comes_from(tmp_path, monkeypatch, capsys, set_up, origin):
    monkeypatch.chdir(tmp_path)
    set_up(tmp_path, monkeypatch.setenv)
    monkeypatch.setattr("sys.argv", ["w2s-harness", "run", "--plan"])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr().err
    assert ended.value.code == 4 and origin in said and len(said.splitlines()) == 1


@pytest.mark.parametrize(("words", "heard"), [([], 0), (["--debug"], 1)])
def test_what_libraries_warn_of_is_for_us(monkeypatch, recwarn, words, heard):
    monkeypatch.setattr(cli.command, "main", lambda **_: warnings.warn("numpy thinks", stacklevel=1))
    monkeypatch.setattr("sys.argv", ["w2s-harness", *words])
    monkeypatch.setattr("sys.warnoptions", [])
    with pytest.raises(SystemExit):
        main()
    assert len(recwarn) == heard


LINE, ENV, FILE = ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT, ParameterSource.DEFAULT_MAP


@pytest.mark.parametrize(
    ("sources", "unset"),
    [
        ({"pairs": LINE}, {}),
        ({"weak": LINE, "strong": LINE}, {}),
        ({"pairs": LINE, "weak": LINE, "strong": LINE}, {}),  # which the plan refuses
        ({"pairs": LINE, "dtype": LINE}, {}),  # and this
        ({"pairs": FILE, "weak": LINE, "strong": LINE, "dtype": FILE}, {"pairs": None}),
        ({"pairs": FILE, "weak": ENV, "strong": ENV}, {"pairs": None}),
        ({"pairs": LINE, "weak": FILE, "strong": FILE}, {"weak": None, "strong": None}),
        ({"pairs": LINE, "weak": FILE, "strong": ENV, "dtype": FILE},
         {"weak": None, "strong": None, "dtype": None}),
        ({"pairs": ENV, "weak": FILE, "strong": LINE}, {"pairs": None}),
    ],
)  # fmt: skip
def test_a_pair_on_the_command_line_wins_over_one_in_a_file(sources, unset):
    flags = {name: "x" if name in sources else None for name in FLAGS}
    assert nearer_pair(SimpleNamespace(get_parameter_source=sources.get), flags) == unset


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--guards", "resourses"], "no such guard .did you mean 'resources'"),
        (["--grant", "txt"], "cannot give that access .did you mean 'text'"),
        (["--beside", "vanila"], "unknown method 'vanila' .did you mean 'vanilla'"),
        (["--beside", "van*,nope*"], r"nope\*: the pattern matches nothing"),
        (["--beside", "./gone.py"], r"gone\.py: cannot read the method file"),
        (["--tasks", "mth"], "unknown task 'mth' .did you mean 'math'"),
        (["-n", "0"], "-n 0: give a number"),
        (["-n", "²"], "give a number of job slots"),
        (["-n", "100000"], "at most 256"),
    ],
)
def test_agents_do_not_start_on_what_is_not_there(tmp_path, words, said):
    with pytest.raises(UsageError, match=said):
        folder = ["--dir", str(tmp_path / "run"), "--store", str(tmp_path / "store")]
        CliRunner().invoke(agent, ["run", *words, *folder], standalone_mode=False, catch_exceptions=False)
    assert not (tmp_path / "run").exists() and not (tmp_path / "store").exists()
