"""What a worker with the accesses `groups` and `text` holds, what lies in its folder, and what it tells."""

from __future__ import annotations

import numpy as np
import pytest
from worker_cells import method

from w2s_harness.contract.errors import WorkerError
from w2s_harness.contract.worker.wire import frames
from w2s_harness.contract.worker.wire import messages as wire
from w2s_harness.contract.worker.wire.row_text import TextRow
from w2s_harness.jail.inside import noticing
from w2s_harness.run.cell.worker import conversation
from w2s_harness.run.cell.worker.conversation import Finished

PROGRAM = "s=[2,2]\\nc=4\\nfor x in s: c=c-x\\nprint(c)"
ROWS = (
    TextRow("s=[2,2]\nc=4\nfor x in s: c=c-x\nprint(c)\nWhat is printed?", "Prints 0."),
    TextRow("total = 7 * 6\nWhat is total?", "It is 42."),
    TextRow("total = 7 * 6\nWhat is total?", "It is 41."),
)
TRAIN = wire.Released(3, wire.pack([0, 1, 1], "i8"), wire.pack([[1, 2]], "i8"), ROWS)
FIT = "return student.fit(problem.rows, problem.weak)"


def test_rows_in_a_worker_show_what_was_released(cell, service):
    body = """
        some = problem.rows[[2, 1]]
        print(some.group, some.conflicts, [t.candidate for t in some.text])
        return student.fit(problem.rows, problem.weak)
    """
    assert cell(method(body), access=("groups", "text"), train=TRAIN) == Finished(1)
    assert service.printed == "[1 1] [[0 1]] ['It is 41.', 'It is 42.']\n"


def test_without_the_access_rows_show_nothing(cell):
    with pytest.raises(WorkerError, match=r'rows.text needs the access text: put access = \("text",\)'):
        cell(method("problem.rows.text"))


def test_test_rows_show_what_was_released_when_they_arrive(cell, service):
    after = """
    class Own:
        def predict(self, rows):
            print(rows.group, rows.text[1].prompt)
            exec(rows.text[1].prompt)
            return [.5] * len(rows)
    """
    test = wire.Released(2, wire.pack([0, 1], "i8"), None, (TextRow("a?"), TextRow("answer = 6 * 7")))
    access = ("groups", "inference", "text")
    cell(method("return Own()", after=after), access=access, train=TRAIN, test=test)
    assert service.printed == "[0 1] answer = 6 * 7\n"
    assert [n.detail for n in service.notices] == ["answer = 6 * 7"]


def test_the_bait_lies_there_before_the_method_is_loaded(cell, service):
    after = """
    with open("cache/labels.txt") as file:
        print(file.read(), sorted(os.listdir()))
    """
    cell(method(FIT, after=after), bait={"cache/labels.txt": b"1,0,1", "notes": b""})
    assert service.printed == "1,0,1 ['cache', 'notes']\n"


@pytest.mark.parametrize("name", ["../labels", "/tmp/labels", "a/b/c", "", "a/", ".hidden"])
def test_bait_lies_in_the_scratch_folder_only(cell, name):
    with pytest.raises(WorkerError, match="is no name for a file in the scratch folder"):
        cell(method(FIT), bait={name: b""})


HONEST = """
    import collections, dataclasses, inspect, json, typing
    import scipy.optimize, scipy.stats
    @dataclasses.dataclass(frozen=True)
    class Pair:
        total: "typing.Sequence[float]" = ()
        printed: "object" = None
    collections.namedtuple("Row", "total printed")
    typing.get_type_hints(Pair, {"typing": typing})
    inspect.signature(scipy.stats.norm.pdf), inspect.signature(np.linalg.norm)
    eval("1 + 2 * 30")
    exec("def mean(values):\\n    return sum(values) / len(values)")
    [np.asarray([len(t.prompt.split()), "print" in t.prompt]) for t in problem.rows.text]
    return student.fit(problem.rows, problem.weak)
"""


def test_honest_code_is_never_noticed(cell, service):
    rows = (*ROWS[:2], TextRow("Which object has a mean?", "import math\ntyping.Sequence"))
    assert cell(method(HONEST), access=("text",), train=wire.Released(3, texts=rows)) == Finished(1)
    assert service.notices == []


@pytest.mark.parametrize(
    "run",
    [
        "exec(program)",
        "compile(program, '/usr/lib/python3/abc.py', 'exec')",
        "exec(program + '\\nanswer = c')",
        "import ast; ast.parse(program)",
        "import ctypes; ctypes.pythonapi.PyRun_SimpleString(program.encode())",
        "open('found.py', 'w').write(program); sys.path.insert(0, os.getcwd()); import found",
        "import threading; t = threading.Thread(target=exec, args=(program,)); t.start(); t.join()",
    ],
)
def test_compiling_a_released_text_is_noticed(cell, service, run):
    body = f"text = problem.rows.text[0].prompt\nprogram = text.rpartition('\\n')[0]\n{run}\n{FIT}"
    assert cell(method(body), access=("text",), train=TRAIN) == Finished(1)
    assert {n.event for n in service.notices} == {"compile"}
    assert any("s=[2,2]" in n.detail for n in service.notices)


def test_without_text_nothing_listens(cell, service):
    cell(method(f'exec("{PROGRAM}")\n{FIT}'), access=("groups",), train=TRAIN)
    assert service.notices == []


def test_notices_of_many_threads_come_between_requests(cell, service):
    body = """
        import threading
        handle = student.fit(problem.rows, problem.weak)
        program = problem.rows.text[0].prompt.rpartition("\\n")[0].replace("print(c)", "")
        def work(i):
            for j in range(4):
                exec(f"mark_{i}_{j} = 0\\n" + program)
                assert handle.predict(problem.rows[[j % 3]]).tolist() == [j % 3 / 10]
        threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
        [t.start() for t in threads], [t.join() for t in threads]
        return handle
    """
    assert cell(method(body), access=("text",), train=TRAIN) == Finished(1)
    assert len(service.requests) == 33
    assert {n.detail.split(" ")[0] for n in service.notices} == {
        f"mark_{i}_{j}" for i in range(8) for j in range(4)
    }


def test_a_careless_method_is_noticed_without_end_of_its_cell(cell, service):
    body = f'for i in range(500): exec(f"mark = {{i}}\\n{PROGRAM}")\n{FIT}'
    assert cell(method(body), access=("text",), train=TRAIN) == Finished(1)
    assert len(service.notices) == noticing.MOST < conversation.MAX_NOTICES


FRAME = """
import msgspec
def frame(message):
    body = msgspec.msgpack.encode(message)
    os.write(3, len(body).to_bytes(4, "little") + body)
"""


def test_a_flood_of_notices_ends_the_cell(cell, service):
    body = (
        "for i in range(9999): frame({'is': 'noticed', 'event': 'compile', 'detail': '\\x1b'})\ntime.sleep(9)"
    )
    with pytest.raises(WorkerError, match="the worker sent more than 200 notices"):
        cell(method(body, after=FRAME))
    assert len(service.notices) == conversation.MAX_NOTICES and service.requests == []
    assert {n.detail for n in service.notices} == {r"\x1b"}


@pytest.mark.parametrize(
    "changed", [{"event": "e" * 41}, {"detail": "d" * 201}, {"detail": None}, {"more": 1}]
)
def test_a_notice_is_decoded_strictly(cell, service, changed):
    message = {"is": "noticed", "event": "compile", "detail": "x", **changed}
    with pytest.raises(WorkerError, match="malformed"):
        cell(method(f"frame({message!r}); time.sleep(9)", after=FRAME))
    assert service.notices == []


def test_a_notice_after_the_last_message_is_a_breach(cell):
    notice = "frame({'is': 'noticed', 'event': '', 'detail': ''})"
    body = f"frame({{'is': 'done', 'handle': 1}}); {notice}; time.sleep(9)"
    with pytest.raises(WorkerError, match="sent more after its last message"):
        cell(method(body, after=FRAME))


def test_more_text_than_a_message_holds_fails_the_cell_in_one_line(cell, monkeypatch):
    monkeypatch.setattr(frames, "MAX_FRAME", 10_000)
    train = wire.Released(3, texts=(TextRow("x" * 20_000),) * 3)
    with pytest.raises(WorkerError, match=r"accesses text and groups .* over the 10000 allowed. Use --limit"):
        cell(method(FIT), access=("text",), train=train)


def test_arrays_of_a_release_are_checked(cell):
    bad = wire.Released(3, groups=wire.pack(np.zeros((3, 1)), "i8"))
    with pytest.raises(WorkerError, match="2 dimensions arrived where 1"):
        cell(method(FIT), access=("groups",), train=bad)
