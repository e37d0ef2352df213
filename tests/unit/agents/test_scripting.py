import pytest

from w2s_harness import Skip
from w2s_studies.agents.tools.contract import FAILED, NAME, OUTPUT_CHARACTERS, capped, wrapped


def run(text, workspace="."):
    """The reason with which the wrapped script skips."""
    names = {"__name__": "wrapped"}
    exec(compile(wrapped(text, workspace), "script.py", "exec"), names)
    (method,) = names["w2s_methods"]()
    assert method.name == NAME and method.access == ()
    with pytest.raises(Skip) as told:
        method().fit("PROBLEM", "STUDENT", "RNG")
    return str(told.value)


def test_a_script_finds_what_a_fit_finds(capsys, tmp_path):
    (tmp_path / "notes").write_text("mine")
    script = "print(problem, student, rng, __name__, (workspace / 'notes').read_text())"
    assert run(script, str(tmp_path)) != FAILED
    assert capsys.readouterr().out == "PROBLEM STUDENT RNG __main__ mine\n"


def test_a_traceback_shows_the_scripts_own_lines_alone(capsys):
    assert run("import json\n\ndef f(x):\n    return json.loads(x)\n\nf('{')\n") == FAILED
    told = capsys.readouterr().err
    assert "File \"<script>\", line 6, in <module>\n    f('{')" in told
    assert "line 4, in f\n    return json.loads(x)" in told and "JSONDecodeError" in told
    assert told.count("File ") == 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x = (", "line 1\n    x = (\n"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("import sys; sys.exit('no rows')", "SystemExit: no rows"),
        ("'''{braces} \"\"\" \\'''; 1/0", ""),
        ("x = '\ud800'; print(ascii(x)); 1/0", ""),
        ("a\0b", "null bytes"),
    ],
)
def test_what_goes_wrong_is_told(capsys, text, told):
    assert run(text) == FAILED and told in capsys.readouterr().err


def test_a_long_traceback_is_cut(capsys):
    run("def g(n): return h(n)\ndef h(n): return g(n)\ng(0)")
    told = capsys.readouterr().err
    assert len(told) < 2000 and told.rstrip().splitlines()[-1].startswith("RecursionError")


@pytest.mark.parametrize("text", ["", "import sys; sys.exit()", "raise SystemExit(0)"])
def test_an_end_is_no_failure(capsys, text):
    assert run(text) != FAILED and capsys.readouterr().err == ""


def test_long_output_keeps_both_ends():
    long = "a" * 20_000 + "b" * 20_000
    told = capped(long)
    half = OUTPUT_CHARACTERS // 2
    assert told.startswith("a" * half + "\n... 23616 characters") and told.endswith("\n" + "b" * half)
    assert capped("short") == "short"
