"""Distributions: what they run at import or at start, what they lie about, what hides in byte code, names."""

from __future__ import annotations

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


START_HOOKS = (
    ("sitecustomize-package", "sitecustomize/__init__.py", "import sys\n", "ships a sitecustomize package"),
    ("extension", "sitecustomize.abi3.so", "", "ships a sitecustomize as an extension module"),
    (
        "byte-order-mark",
        "w2s_redteam_mark.pth",
        "\ufeffimport sys\n",
        "hides code of a .pth behind a mark",
    ),
    ("in-the-standard-library", "../w2s_redteam_stdlib.py", "", "ships a module of the standard library"),
)


def _module(name: str) -> str:
    return name.replace("-", "_")


def _info(name: str, version: str = "1.0") -> str:
    return f"{_module(name)}-{version}.dist-info"


def _metadata(name: str, *lines: str) -> str:
    return "\n".join(["Metadata-Version: 2.1", f"Name: {name}", "Version: 1.0", *lines, ""])


def _plain(name: str, **more: str) -> dict[str, str]:
    return {f"{_module(name)}.py": METHOD.format(name=name), **more}


ATTACKS = [
    *(
        Attack(
            name=f"import-time-{what}", family="import time", stops=("EACCES", "EPERM", "ENOENT", "EROFS"),
            summary=f"its module {what.replace('-', ' ')} when it is imported",
            files={f"import_time_{_module(what)}.py": (
                REACH.format(body=body) + METHOD.format(name=f"import-time-{what}")
            )},
        )
        for what, body in IMPORTING.items()
    ),
    Attack(
        name="import-time-exit", family="import time", summary="ends the process when it is imported",
        files={"import_time_exit.py": "import os; os._exit(0)"},
    ),
    Attack(
        name="start-hook-pth", family="import time", stops=("interpreter start",),
        summary="ships a .pth with a line that every Python of the environment runs",
        files=_plain("start-hook-pth", **{"w2s_redteam_start.pth": "import sys\n"}),
    ),
    Attack(
        name="start-hook-sitecustomize", family="import time", stops=("interpreter start",),
        summary="ships a sitecustomize.py",
        files=_plain("start-hook-sitecustomize", **{"sitecustomize.py": "import sys\n"}),
    ),
    *(
        Attack(
            name=f"start-hook-{what}", family="import time", stops=("interpreter start",), summary=summary,
            files=_plain(f"start-hook-{what}", **{path: text}),
        )
        for what, path, text, summary in START_HOOKS
    ),
    Attack(
        name="start-hook-byte-code", family="import time", stops=("interpreter start",),
        summary="ships a usercustomize as byte code without source",
        files=_plain("start-hook-byte-code"), compiled={"usercustomize.pyc": "IS_RUN = True\n"},
    ),
    Attack(
        name="start-hook-of-a-dependency", family="import time", stops=("interpreter start",),
        summary="needs a distribution that ships an executable .pth",
        files=_plain(
            "start-hook-of-a-dependency",
            **{
                f"{_info('start-hook-of-a-dependency')}/METADATA": _metadata(
                    "start-hook-of-a-dependency", "Requires-Dist: w2s-redteam-needed"
                ),
                f"{_info('w2s-redteam-needed')}/METADATA": _metadata("w2s-redteam-needed"),
                f"{_info('w2s-redteam-needed')}/RECORD": "w2s_redteam_needed.pth,,\n",
                "w2s_redteam_needed.pth": "import sys\n",
            },
        ),
    ),
    Attack(
        name="trusted-entry-beside", family="lying packages", stops=("trusted plugin",),
        summary="offers a trusted plugin beside its method",
        files=_plain(
            "trusted-entry-beside",
            **{
                "w2s_redteam_guard.py": TRUSTED,
                f"{_info('trusted-entry-beside')}/entry_points.txt": (
                    "[w2s_harness.methods]\ntrusted-entry-beside = trusted_entry_beside\n"
                    "[w2s_harness]\nw2s-redteam-guard = w2s_redteam_guard\n"
                ),
            },
        ),
    ),
    Attack(
        name="trusted-entry-of-a-dependency", family="lying packages", stops=("trusted plugin",),
        summary="hides the trusted plugin in a distribution that it needs",
        files=_plain(
            "trusted-entry-of-a-dependency",
            **{
                "w2s_redteam_hidden.py": TRUSTED,
                f"{_info('trusted-entry-of-a-dependency')}/METADATA": _metadata(
                    "trusted-entry-of-a-dependency", "Requires-Dist: w2s-redteam-hidden"
                ),
                f"{_info('w2s-redteam-hidden')}/METADATA": _metadata("w2s-redteam-hidden"),
                f"{_info('w2s-redteam-hidden')}/RECORD": "w2s_redteam_hidden.py,,\n",
                f"{_info('w2s-redteam-hidden')}/entry_points.txt": (
                    "[w2s_harness]\nw2s-redteam-hidden = w2s_redteam_hidden\n"
                ),
            },
        ),
    ),
    Attack(
        name="says-it-is-w2s-harness", family="lying packages", stops=("unknown method",),
        summary="calls its distribution w2s-harness, so as to run as a shipped method",
        files=_plain(
            "says-it-is-w2s-harness",
            **{f"{_info('says-it-is-w2s-harness')}/METADATA": _metadata("w2s-harness")},
        ),
    ),
    Attack(
        name="offers-another-name", family="lying packages", stops=("offers no method",),
        summary="is installed under one name and offers a method of another",
        files={"offers_another_name.py": METHOD.format(name="something-else")},
    ),
    Attack(
        name="metadata-on-pythonpath", family="lying packages", lay="pythonpath", stops=("unknown method",),
        summary="plants the metadata of a method in a folder on PYTHONPATH",
        files=_plain("metadata-on-pythonpath"),
    ),
    Attack(
        name="shadows-the-harness", family="lying packages", stops=("AttributeError",),
        summary="ships packages called w2s_harness and numpy, to be imported in their place",
        files={
            "w2s_harness/__init__.py": "IS_FAKE = True\n",
            "numpy/__init__.py": "IS_FAKE = True\n",
            "shadows_the_harness.py": REACH.format(body="import w2s_harness, numpy; w2s_harness.IS_FAKE")
            + METHOD.format(name="shadows-the-harness"),
        },
    ),
    Attack(
        name="record-names-other-files", family="lying packages", stops=("EACCES", "ENOENT", "EPERM"),
        summary="claims a file of labels as its own in RECORD",
        files={
            "record_names_other_files.py": REACH.format(body="open('@LABELS@').read()")
            + METHOD.format(name="record-names-other-files"),
            f"{_info('record-names-other-files')}/RECORD": (
                "record_names_other_files.py,,\n@LABELS@,,\n../../../../../labels/test.jsonl,,\n"
            ),
        },
    ),
    Attack(
        name="needs-the-tasks", family="lying packages", stops=("EACCES", "ENOENT", "ModuleNotFoundError"),
        summary="requires w2s-harness and a task package, so that its worker may read them",
        files={
            "needs_the_tasks.py": REACH.format(body="open('@TASKS@/math.py').read()")
            + METHOD.format(name="needs-the-tasks"),
            f"{_info('needs-the-tasks')}/METADATA": _metadata(
                "needs-the-tasks", "Requires-Dist: w2s-harness", "Requires-Dist: torch"
            ),
        },
    ),
    Attack(
        name="calls-itself-editable", family="lying packages", stops=("EACCES", "ENOENT"),
        summary="ships a .pth that names a folder of labels, as an editable install would",
        files=_plain(
            "calls-itself-editable",
            **{
                "calls_itself_editable.py": REACH.format(body="open('@TASKS@/math.py').read()")
                + METHOD.format(name="calls-itself-editable"),
                "w2s_redteam_folder.pth": "@TASKS@\n@STORE@\n",
                f"{_info('calls-itself-editable')}/direct_url.json": (
                    '{"dir_info": {"editable": true}, "url": "file:///"}'
                ),
            },
        ),
    ),
    Attack(
        name="pth-of-a-wheel", family="lying packages", stops=("EACCES", "ENOENT"),
        summary="ships a .pth that names system folders, so that its worker may read them",
        files={
            "pth_of_a_wheel.py": REACH.format(body="open('/etc/passwd').read()")
            + METHOD.format(name="pth-of-a-wheel"),
            "w2s_redteam_folders.pth": "/\n/etc\n/tmp\n/proc\n@TASKS@\n",
        },
    ),
    Attack(
        name="editable-of-somebody-else", family="lying packages", stops=("EACCES", "ENOENT"),
        summary="says that it is an editable install of a folder that holds another project",
        files={
            "editable_of_somebody_else.py": REACH.format(body="open('@TASKS@/math.py').read()")
            + METHOD.format(name="editable-of-somebody-else"),
            "w2s_redteam_project.pth": "@TASKS@\n",
            f"{_info('editable-of-somebody-else')}/direct_url.json": (
                '{"dir_info": {"editable": true}, "url": "file://@TASKS@"}'
            ),
        },
    ),
    Attack(
        name="record-claims-another-package", family="lying packages", stops=("EACCES", "ENOENT", "EPERM"),
        summary="claims a data file of another distribution as its own in RECORD",
        files={
            "record_claims_another_package.py": REACH.format(
                body="import os; open(os.path.dirname(__file__) + '/w2s_redteam_other/labels.csv').read()"
            )
            + METHOD.format(name="record-claims-another-package"),
            "w2s_redteam_other/labels.csv": "1\n",
            f"{_info('w2s-redteam-other')}/METADATA": _metadata("w2s-redteam-other"),
            f"{_info('w2s-redteam-other')}/RECORD": "w2s_redteam_other/labels.csv,,\n",
            f"{_info('record-claims-another-package')}/RECORD": (
                "record_claims_another_package.py,,\nw2s_redteam_other/labels.csv,,\nw2s_redteam_other,,\n"
            ),
        },
    ),
    Attack(
        name="names-no-module", family="lying packages", stops=("ships no such file",),
        summary="offers a method of a module that is not there",
        files={"w2s_redteam_nothing.txt": ""},
    ),
    Attack(
        name="cached-byte-code", family="byte code", stops=("ImportError",),
        summary="ships other byte code in __pycache__ than its source would give",
        files={
            "cached_byte_code.py": REACH.format(body="raise ImportError('the source ran')")
            + METHOD.format(name="cached-byte-code"),
        },
        compiled={
            "__pycache__/cached_byte_code.@TAG@.pyc": "print('SUCCEEDED', flush=True)\n"
            + METHOD.format(name="cached-byte-code"),
        },
    ),
    Attack(
        name="byte-code-without-source", family="byte code", stops=("ImportError",),
        summary="imports a module that it ships as byte code alone",
        files={
            "byte_code_without_source.py": REACH.format(body="import w2s_redteam_hidden")
            + METHOD.format(name="byte-code-without-source"),
        },
        compiled={"w2s_redteam_hidden.pyc": "HIDDEN = True\n"},
    ),
    Attack(
        name="byte-code-as-data", family="byte code", stops=("EACCES", "ENOENT"),
        summary="reads byte code from its __pycache__, to run it by itself",
        files={
            "byte_code_as_data.py": REACH.format(
                body="import marshal, os; exec(marshal.loads(open("
                "os.path.dirname(__file__) + '/__pycache__/w2s_redteam_data.@TAG@.pyc', 'rb').read()[16:]))"
            )
            + METHOD.format(name="byte-code-as-data"),
        },
        compiled={"__pycache__/w2s_redteam_data.@TAG@.pyc": "HIDDEN = True\n"},
    ),
    Attack(
        name="takes-vanilla-s-name", family="impersonation", poses_as="vanilla", stops=("vanilla",),
        summary="offers an entry point called vanilla", files=_plain("vanilla"),
    ),
    Attack(
        name="calls-its-class-vanilla", family="impersonation", poses_as="vanilla", stops=("is taken by",),
        summary="a file whose method is called vanilla", code=METHOD.format(name="vanilla"),
    ),
    Attack(
        name="looks-like-vanilla", family="impersonation", poses_as="v\u0430nilla", stops=("is no name",),
        summary="a file whose method's name has a Cyrillic letter in it",
        code=METHOD.format(name="v\\u0430nilla"),
    ),
    Attack(
        name="name-of-two-lines", family="impersonation", poses_as="vanilla\n1", stops=("is no name",),
        summary="a file whose method's name breaks the table's lines",
        code=METHOD.format(name="vanilla\\n1"),
    ),
    Attack(
        name="name-with-a-path", family="impersonation", poses_as="../../vanilla", stops=("is no name",),
        summary="a file whose method's name is a path", code=METHOD.format(name="../../vanilla"),
    ),
    Attack(
        name="name-that-draws", family="impersonation", poses_as="\x1b[2Jvanilla", stops=("is no name",),
        summary="a file whose method's name clears the terminal",
        code=METHOD.format(name="\\x1b[2Jvanilla"),
    ),
]  # fmt: skip
