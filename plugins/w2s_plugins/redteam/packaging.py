"""Distributions: what they run at import or at start, what they lie about, what hides in byte code, names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from w2s_harness import Attack

METHOD = '''
from w2s_harness import Method, hookimpl

class Hostile(Method):
    """A method of the red team."""
    name = "{name}"

    def fit(self, problem, student, rng):
        if globals().get("STOPPED"): raise SystemExit("prevented")
        return student.fit(problem.rows, problem.weak)

@hookimpl
def w2s_methods():
    return [Hostile]
'''
REACH = """
import errno, sys
try:
    {body}
except (OSError, ImportError, AttributeError) as bad:
    STOPPED, number = True, getattr(bad, "errno", None)
    print("PREVENTED", errno.errorcode.get(number, type(bad).__name__), bad, flush=True)
else:
    print("SUCCEEDED", flush=True)
"""
TRUSTED = """
from w2s_harness import hookimpl

@hookimpl
def w2s_judge_run(cell, predictions):
    return None
"""
IMPORTING = {
    "reads-labels": "open('@LABELS@').read()",
    "reads-the-store": "import os; os.listdir('@STORE@')",
    "starts-a-process": "import os; os.fork() or os._exit(0)",
    "rewrites-itself": "open(__file__, 'a').close()",
    "leaves-a-pth": "open('@SITE@/w2s_redteam.pth', 'x').close()",
    "opens-a-socket": "import socket; socket.socket()",
}
START_HOOKS = {
    "pth": (
        "w2s_redteam_start.pth", "import sys\n",
        "ships a .pth with a line that every Python of the environment runs",
    ),
    "sitecustomize": ("sitecustomize.py", "import sys\n", "ships a sitecustomize.py"),
    "sitecustomize-package": ("sitecustomize/__init__.py", "import sys\n", "ships a sitecustomize package"),
    "extension": ("sitecustomize.abi3.so", "", "ships a sitecustomize as an extension module"),
    "byte-order-mark": ("w2s_redteam_mark.pth", "\ufeffimport sys\n", "hides code of a .pth behind a mark"),
    "in-the-standard-library": ("../w2s_redteam_stdlib.py", "", "ships a module of the standard library"),
}  # fmt: skip
BAD_NAMES = (
    ("looks-like-vanilla", "v\u0430nilla", "v\\u0430nilla", "has a Cyrillic letter in it"),
    ("name-of-two-lines", "vanilla\n1", "vanilla\\n1", "breaks the table's lines"),
    ("name-with-a-path", "../../vanilla", "../../vanilla", "is a path"),
    ("name-that-draws", "\x1b[2Jvanilla", "\\x1b[2Jvanilla", "clears the terminal"),
)
UNREADABLE = ("EACCES", "ENOENT")


def _module(name: str) -> str:
    return name.replace("-", "_")


def _info(name: str, **files: str) -> dict[str, str]:
    """Files of the metadata folder of a distribution, by their names without `.txt` and `.json`."""
    ends = {"entry_points": ".txt", "direct_url": ".json"}
    return {f"{_module(name)}-1.0.dist-info/{file}{ends.get(file, '')}": text for file, text in files.items()}


def _metadata(name: str, *needs: str) -> str:
    lines = ["Metadata-Version: 2.1", f"Name: {name}", "Version: 1.0"]
    return "\n".join([*lines, *(f"Requires-Dist: {needed}" for needed in needs), ""])


def _laid(name: str, files: Mapping[str, str] | None = None, *, reach: str = "", **more: Any) -> Attack:
    """A distribution of a module that does `reach` when it is imported, and of other `files`."""
    source = (REACH.format(body=reach) if reach else "") + METHOD.format(name=more.get("poses_as", name))
    return Attack(
        name=name, files={f"{_module(more.get('poses_as', name))}.py": source, **(files or {})}, **more
    )


ATTACKS = [
    *(
        _laid(
            f"import-time-{what}", family="import time", stops=("EACCES", "EPERM", "ENOENT", "EROFS"),
            summary=f"its module {what.replace('-', ' ')} when it is imported", reach=body,
        )
        for what, body in IMPORTING.items()
    ),
    Attack(
        name="import-time-exit", family="import time", summary="ends the process when it is imported",
        files={"import_time_exit.py": "import os; os._exit(0)"},
    ),
    *(
        _laid(
            f"start-hook-{what}", {path: text}, family="import time", stops=("interpreter start",),
            summary=summary,
        )
        for what, (path, text, summary) in START_HOOKS.items()
    ),
    _laid(
        "start-hook-byte-code", family="import time", stops=("interpreter start",),
        summary="ships a usercustomize as byte code without source",
        compiled={"usercustomize.pyc": "IS_RUN = True\n"},
    ),
    _laid(
        "start-hook-of-a-dependency",
        {
            **_info(
                "start-hook-of-a-dependency",
                METADATA=_metadata("start-hook-of-a-dependency", "w2s-redteam-needed"),
            ),
            **_info(
                "w2s-redteam-needed", METADATA=_metadata("w2s-redteam-needed"),
                RECORD="w2s_redteam_needed.pth,,\n",
            ),
            "w2s_redteam_needed.pth": "import sys\n",
        },
        family="import time", stops=("interpreter start",),
        summary="needs a distribution that ships an executable .pth",
    ),
    _laid(
        "trusted-entry-beside",
        {
            "w2s_redteam_guard.py": TRUSTED,
            **_info(
                "trusted-entry-beside",
                entry_points="[w2s_harness.methods]\ntrusted-entry-beside = trusted_entry_beside\n"
                "[w2s_harness]\nw2s-redteam-guard = w2s_redteam_guard\n",
            ),
        },
        family="lying packages", stops=("trusted plugin",),
        summary="offers a trusted plugin beside its method",
    ),
    _laid(
        "trusted-entry-of-a-dependency",
        {
            "w2s_redteam_hidden.py": TRUSTED,
            **_info(
                "trusted-entry-of-a-dependency",
                METADATA=_metadata("trusted-entry-of-a-dependency", "w2s-redteam-hidden"),
            ),
            **_info(
                "w2s-redteam-hidden", METADATA=_metadata("w2s-redteam-hidden"),
                RECORD="w2s_redteam_hidden.py,,\n",
                entry_points="[w2s_harness]\nw2s-redteam-hidden = w2s_redteam_hidden\n",
            ),
        },
        family="lying packages", stops=("trusted plugin",),
        summary="hides the trusted plugin in a distribution that it needs",
    ),
    _laid(
        "says-it-is-w2s-harness", _info("says-it-is-w2s-harness", METADATA=_metadata("w2s-harness")),
        family="lying packages", stops=("unknown method",),
        summary="calls its distribution w2s-harness, so as to run as a shipped method",
    ),
    Attack(
        name="offers-another-name", family="lying packages", stops=("offers no method",),
        summary="is installed under one name and offers a method of another",
        files={"offers_another_name.py": METHOD.format(name="something-else")},
    ),
    _laid(
        "metadata-on-pythonpath", family="lying packages", lay="pythonpath", stops=("unknown method",),
        summary="plants the metadata of a method in a folder on PYTHONPATH",
    ),
    _laid(
        "shadows-the-harness",
        {"w2s_harness/__init__.py": "IS_FAKE = True\n", "numpy/__init__.py": "IS_FAKE = True\n"},
        reach="import w2s_harness, numpy; w2s_harness.IS_FAKE",
        family="lying packages", stops=("AttributeError",),
        summary="ships packages called w2s_harness and numpy, to be imported in their place",
    ),
    _laid(
        "record-names-other-files",
        _info(
            "record-names-other-files",
            RECORD="record_names_other_files.py,,\n@LABELS@,,\n../../../../../labels/test.jsonl,,\n",
        ),
        reach="open('@LABELS@').read()",
        family="lying packages", stops=(*UNREADABLE, "EPERM"),
        summary="claims a file of labels as its own in RECORD",
    ),
    _laid(
        "needs-the-tasks",
        _info("needs-the-tasks", METADATA=_metadata("needs-the-tasks", "w2s-harness", "torch")),
        reach="open('@TASKS@/math.py').read()",
        family="lying packages", stops=(*UNREADABLE, "ModuleNotFoundError"),
        summary="requires w2s-harness and a task package, so that its worker may read them",
    ),
    _laid(
        "calls-itself-editable",
        {
            "w2s_redteam_folder.pth": "@TASKS@\n@STORE@\n",
            **_info(
                "calls-itself-editable", direct_url='{"dir_info": {"editable": true}, "url": "file:///"}'
            ),
        },
        reach="open('@TASKS@/math.py').read()", family="lying packages", stops=UNREADABLE,
        summary="ships a .pth that names a folder of labels, as an editable install would",
    ),
    _laid(
        "pth-of-a-wheel", {"w2s_redteam_folders.pth": "/\n/etc\n/tmp\n/proc\n@TASKS@\n"},
        reach="open('/etc/passwd').read()", family="lying packages", stops=UNREADABLE,
        summary="ships a .pth that names system folders, so that its worker may read them",
    ),
    _laid(
        "editable-of-somebody-else",
        {
            "w2s_redteam_project.pth": "@TASKS@\n",
            **_info(
                "editable-of-somebody-else",
                direct_url='{"dir_info": {"editable": true}, "url": "file://@TASKS@"}',
            ),
        },
        reach="open('@TASKS@/math.py').read()", family="lying packages", stops=UNREADABLE,
        summary="says that it is an editable install of a folder that holds another project",
    ),
    _laid(
        "record-claims-another-package",
        {
            "w2s_redteam_other/labels.csv": "1\n",
            **_info(
                "w2s-redteam-other", METADATA=_metadata("w2s-redteam-other"),
                RECORD="w2s_redteam_other/labels.csv,,\n",
            ),
            **_info(
                "record-claims-another-package",
                RECORD="record_claims_another_package.py,,\nw2s_redteam_other/labels.csv,,\n"
                "w2s_redteam_other,,\n",
            ),
        },
        reach="import os; open(os.path.dirname(__file__) + '/w2s_redteam_other/labels.csv').read()",
        family="lying packages", stops=(*UNREADABLE, "EPERM"),
        summary="claims a data file of another distribution as its own in RECORD",
    ),
    Attack(
        name="names-no-module", family="lying packages", stops=("ships no such file",),
        summary="offers a method of a module that is not there",
        files={"w2s_redteam_nothing.txt": ""},
    ),
    _laid(
        "cached-byte-code", reach="raise ImportError('the source ran')",
        family="byte code", stops=("ImportError",),
        summary="ships other byte code in __pycache__ than its source would give",
        compiled={
            "__pycache__/cached_byte_code.@TAG@.pyc": "print('SUCCEEDED', flush=True)\n"
            + METHOD.format(name="cached-byte-code"),
        },
    ),
    _laid(
        "byte-code-without-source", reach="import w2s_redteam_hidden",
        family="byte code", stops=("ImportError",),
        summary="imports a module that it ships as byte code alone",
        compiled={"w2s_redteam_hidden.pyc": "HIDDEN = True\n"},
    ),
    _laid(
        "byte-code-as-data",
        reach="import marshal, os; exec(marshal.loads(open("
        "os.path.dirname(__file__) + '/__pycache__/w2s_redteam_data.@TAG@.pyc', 'rb').read()[16:]))",
        family="byte code", stops=UNREADABLE,
        summary="reads byte code from its __pycache__, to run it by itself",
        compiled={"__pycache__/w2s_redteam_data.@TAG@.pyc": "HIDDEN = True\n"},
    ),
    _laid(
        "takes-vanilla-s-name", family="impersonation", poses_as="vanilla", stops=("vanilla",),
        summary="offers an entry point called vanilla",
    ),
    Attack(
        name="calls-its-class-vanilla", family="impersonation", poses_as="vanilla", stops=("is taken by",),
        summary="a file whose method is called vanilla", code=METHOD.format(name="vanilla"),
    ),
    *(
        Attack(
            name=name, family="impersonation", poses_as=poses_as, stops=("is no name",),
            summary=f"a file whose method's name {why}", code=METHOD.format(name=written),
        )
        for name, poses_as, written, why in BAD_NAMES
    ),
]  # fmt: skip
