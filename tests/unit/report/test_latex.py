import re

import msgspec

from w2s_harness.report.document.records import BestOf, Control
from w2s_harness.report.views.latex import escaped
from w2s_harness.report.views.latex import render as latex


def test_every_mark_of_latex_is_escaped():
    assert escaped("50 % of $x_1 & #2 {a}~^\\") == (
        r"50 \% of \$x\_1 \& \#2 \{a\}\textasciitilde{}\textasciicircum{}\textbackslash{}"
    )
    assert escaped("a\n\\input{x}") == r"a\textbackslash{}n\textbackslash{}input\{x\}"
    assert escaped("<|>") == r"\textless{}\textbar{}\textgreater{}"


def test_a_table_for_each_setting_with_as_many_cells_as_columns(board):
    text = latex(board)
    assert text.count(r"\begin{table}") == text.count(r"\end{table}") == 2
    for tabular in re.findall(r"\\begin\{tabular\}\{([lr]+)\}(.*?)\\end\{tabular\}", text, re.S):
        columns, body = tabular
        lines = [line for line in body.splitlines() if line.endswith(r"\\") and "multicolumn" not in line]
        assert len(lines) > 1
        assert {len(re.split(r"(?<!\\)&", line)) for line in lines} == {len(columns)}


def test_numbers_have_minus_signs_and_ranges_dashes(board):
    text = latex(board)
    row = next(line for line in text.splitlines() if line.startswith("2--3 & confident"))
    assert r"confident[margin=0.3,soft=true] & $-$.04 & .30 to .70" in row
    assert next(line for line in text.splitlines() if "logconf" in line and "{}" in line).count(r".001") == 1


def test_rows_below_the_line_stand_below_it_and_carry_no_command(board):
    text = latex(board)
    broken = next(line for line in text.splitlines() if "broken: failed" in line)
    assert broken.startswith(r"\multicolumn{")
    assert r"\textbackslash{}x1b[31mno \textbar{} rows\textbackslash{}nleft" in broken
    assert text.index("broken: failed") > text.index("zero-shot")
    assert "cheat: disqualified" in text


def test_a_setting_without_a_gap_shows_transfer_accuracy(board):
    text = latex(board)
    code = text[text.index("code on tiny") : text.index(r"\label{tab:code-tiny}")]
    assert "no gap to recover" in code
    assert "& transfer &" in text


def test_a_failed_control_stands_in_its_caption(board):
    bad = Control(
        name="shuffled", task="math", pair="tiny", accuracy=0.7, ok=False, because="above", numbers={}
    )
    captions = [
        line
        for line in latex(msgspec.structs.replace(board, controls=[bad])).splitlines()
        if line.startswith(r"\caption")
    ]
    assert [("Failed controls: shuffled" in line) for line in captions].count(True) == 1
    assert "Failed" not in latex(board)


def test_notes_under_a_table_explain_its_columns_and_say_why_a_row_has_no_claim(board):
    math, code = re.findall(r"\\end\{tabular\}(.*?)\\end\{table\}", latex(board), re.S)
    assert r"No claim: logconf: 3 attempts on this holdout, so a claim needs -{}-fresh.\par" in math
    for column in ("rank", "PGR", "95 \\% CI", "own", "vs vanilla*", "guards", "access"):
        assert f"\n{column}: " in math, column
    assert "\ntransfer: " in code and "\nPGR: " not in code and "No claim" not in code


def test_claims_stand_in_comments(board):
    line = next(line for line in latex(board).splitlines() if "beats vanilla" in line)
    assert line.startswith("% ")


def test_the_best_of_several_says_in_the_caption_what_is_left_of_it(board):
    best = BestOf(k=3, optimism=0.011, accuracy=0.9, pgr=0.71)
    rows = [
        msgspec.structs.replace(row, best_of=best) if (row.method, row.task) == ("logconf", "math") else row
        for row in board.rows
    ]
    captions = re.findall(r"\\caption\{(.*)\}", latex(msgspec.structs.replace(board, rows=rows)))
    assert ["best of 3" in caption for caption in captions].count(True) == 1


HOSTILE = "a_b%c#d&e$f^g~h{i}j\\k\x1b\u202e<x> \\input{/etc/passwd}"


def test_no_name_breaks_out_of_its_cell(board):
    rows = [msgspec.structs.replace(row, method=f"{HOSTILE}{row.method}") for row in board.rows]
    text = latex(msgspec.structs.replace(board, rows=rows))
    lines = [line for line in text.splitlines() if not line.startswith("%")]
    bare = re.sub(r"\\[{}&%$#_\\]", "", "\n".join(lines))
    assert bare.count("{") == bare.count("}")
    assert not set("%#~^\x1b\u202e") & set(bare)
    assert "\\input" not in bare
    for tabular in re.findall(r"\\begin\{tabular\}\{([lr]+)\}(.*?)\\end\{tabular\}", bare, re.S):
        columns, body = tabular
        cells = {line.count("&") for line in body.splitlines() if "&" in line}
        assert cells == {len(columns) - 1}
    for name in set(re.findall(r"\\begin\{(\w+)\}", bare)):
        assert bare.count(f"\\begin{{{name}}}") == bare.count(f"\\end{{{name}}}")
