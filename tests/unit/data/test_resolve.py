import shutil
from pathlib import Path

import pytest

from w2s_harness.contract.errors import DataError, HarnessError, UsageError
from w2s_harness.contract.types import Task
from w2s_harness.data.reading.file_task import FolderTask, YamlTask, data_task, source_digest

from .conftest import verify_rows


def failure(path, error: type[HarnessError] = DataError) -> str:
    with pytest.raises(error) as caught:
        data_task(path)
    return str(caught.value)


def test_a_folder_and_a_yaml(verify_folder):
    assert isinstance(data_task("mine"), FolderTask)
    for name in ("a.yaml", "b.yml"):
        Path(name).write_text("name: x\nkind: verify\nfolder: mine\n")
        assert isinstance(data_task(name), YamlTask)


def test_paths_that_are_no_task(verify_folder, write):
    assert failure("mime") == ("mime: no such file or folder (did you mean 'mine'?). Check the path.")
    assert failure("a\nb").startswith("'a\\nb': no such file or folder")
    assert failure("a" * 5000).endswith(": no such file or folder. Check the path.")
    assert failure("mine/test.jsonl", UsageError) == (
        "mine/test.jsonl: a task is a folder or a .yaml file. "
        "Put `file: test.jsonl` into a YAML and name that."
    )


@pytest.mark.parametrize("split", ["train_label", "train_unlabel", "test"])
def test_a_folder_without_one_of_the_three_names_it(verify_folder, split):
    (verify_folder / f"{split}.jsonl").unlink()
    assert failure(verify_folder).startswith(f"mine/{split}.jsonl: no such file")


def test_an_unreadable_file_is_named(verify_folder):
    (verify_folder / "test.jsonl").unlink()
    (verify_folder / "test.jsonl").mkdir()
    task = data_task(verify_folder)
    with pytest.raises(DataError, match=r"^mine/test\.jsonl: not a regular file but a folder\."):
        source_digest(task)


def test_the_digest_follows_content_and_not_names(verify_folder, write):
    digest = source_digest(data_task("mine"))
    assert len(digest) == 64
    assert digest == source_digest(data_task("mine"))
    shutil.copytree("mine", "yours")
    assert source_digest(data_task("yours")) == digest
    write("yours/test.jsonl", [*verify_rows("test"), verify_rows("test", 5)[-1]])
    assert source_digest(data_task("yours")) != digest


def test_the_digest_follows_the_settings(verify_folder):
    digests = set()
    for extra in ("", "columns: {group: subset}\n", "columns: {subset: choice2}\n"):
        Path("a.yaml").write_text(f"name: x\nkind: verify\nfolder: mine\n{extra}")
        digests.add(source_digest(data_task("a.yaml")))
    sizes = "splits: {train_label: 2, train_unlabel: 2, test: 2}\n"
    for extra in ("", sizes, sizes.replace("test: 2", "test: 4")):
        Path("a.yaml").write_text(f"name: x\nkind: verify\nfile: mine/test.jsonl\n{extra}")
        digests.add(source_digest(data_task("a.yaml")))
    assert len(digests) == 6
    assert source_digest(data_task("mine")) in digests


def test_swapped_files_are_another_source(verify_folder):
    digest = source_digest(data_task("mine"))
    Path("mine/test.jsonl").rename("mine/x")
    Path("mine/train_label.jsonl").rename("mine/test.jsonl")
    Path("mine/x").rename("mine/train_label.jsonl")
    assert source_digest(data_task("mine")) != digest


def test_other_tasks_have_no_source():
    assert source_digest(Task()) is None
