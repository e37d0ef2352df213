"""Whether the published layout is read strictly, and what contradicts itself is said."""

from __future__ import annotations

import gzip
import os
import re
from pathlib import Path

import pytest
from made_up import FLOOR, TOP, run_fields

from w2s_harness.contract.errors import DataError
from w2s_studies.elsewhere.imports.aar import read_folder
from w2s_studies.elsewhere.imports.aar_files import agrees


def test_a_clean_folder_has_no_mismatches(results: Path) -> None:
    found = read_folder(results)
    assert found.mismatches == []
    assert [s.id for s in found.settings] == ["toy/org.small..org.big"]
    assert found.settings[0].n_rows == 4000
    assert found.settings[0].weak_label_acc == pytest.approx(0.6)
    assert [row.method for row in found.settings[0].rows] == ["better", "vanilla_w2s"]
    assert len(found.files) == 12


def test_a_data_set_may_have_an_underscore_in_its_name(put, tmp_path: Path) -> None:
    for seed in (1, 2):
        put("my_data_weak_artifacts", seed, weak_acc=0.5)
        put("my_data_train_ceiling", seed, strong_acc=0.8)
        put("my_data_vanilla_w2s", seed, transfer_acc=0.6)
        put("my_data_other_idea", seed, transfer_acc=0.6)
    found = read_folder(tmp_path / "results")
    assert [s.task for s in found.settings] == ["my_data"]
    assert [row.method for row in found.settings[0].rows] == ["other_idea", "vanilla_w2s"]


@pytest.mark.parametrize(
    ("recorded", "computed", "same"),
    [
        (0.37227866473149535, 0.37227866473149535 + 5e-13, True),
        (0.37227866473149535, 0.37227866473149535 + 5e-12, False),
        (-0.038, -0.03790033865544266, True),
        (0.0704, 0.07077848127643911, False),
        (0.587, 0.5869905759162303, True),
        (0.587, 0.5876, False),
    ],
)
def test_a_rounded_number_is_compared_to_its_digits(recorded: float, computed: float, same: bool) -> None:
    assert agrees(recorded, computed) is same


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"pgr": 0.42}, r"pgr 0\.42, but its transfer_acc and baselines give 0\.450000"),
        ({"idea_name": "other"}, r"idea_name is 'other'"),
        ({"seed": 9}, r"seed is 9"),
        ({"weak_acc": 0.51}, r"weak_acc 0\.51 is not that of weak_artifacts seed 2"),
        (
            {"detailed_eval": {"strong": {"final_eval": {"accuracy": 0.61, "correct": 5, "total": 4000}}}},
            r"accuracy 0\.61 is not 5 of 4000",
        ),
        ({"detailed_eval": {"strong": {"final_eval": {"accuracy": 0.7}}}}, r"transfer_acc 0\.61, but eval"),
    ],
)
def test_a_file_that_contradicts_itself_is_one_line(results: Path, put, fields, said: str) -> None:
    put("toy_vanilla_w2s", 2, **({"idea_name": "vanilla_w2s"} | run_fields(0.61) | fields))
    (line,) = read_folder(results).mismatches
    assert line.startswith("toy_vanilla_w2s/c1/seed_2.json: ")
    assert re.search(said, line)


def test_several_contradictions_of_a_file_share_its_line(results: Path, put) -> None:
    put("toy_vanilla_w2s", 2, **(run_fields(0.61) | {"seed": 9, "idea_name": "other"}))
    (line,) = read_folder(results).mismatches
    assert "idea_name is 'other'; seed is 9" in line


def test_recorded_baselines_that_are_not_the_means_are_said(results: Path, put) -> None:
    for seed, accuracy in ((1, 0.6), (2, 0.61)):
        put("toy_off", seed, **(run_fields(accuracy) | {"fixed_weak_baseline": 0.5, "pgr": None}))
    lines = read_folder(results).mismatches
    assert [line.partition(":")[0] for line in lines] == [f"toy_off/c1/seed_{n}.json" for n in (1, 2)]
    assert all("fixed_weak_baseline 0.5 is not the mean 0.52 of weak_artifacts" in line for line in lines)


def test_without_recorded_baselines_the_pgr_is_held_against_the_means(results: Path, put) -> None:
    put("toy_plain", 1, transfer_acc=0.62, pgr=(0.62 - FLOOR) / (TOP - FLOOR))
    put("toy_plain", 2, transfer_acc=0.62, pgr=0.7)
    (line,) = read_folder(results).mismatches
    assert line.startswith("toy_plain/c1/seed_2.json: pgr 0.7, but")


def test_a_seed_left_out_of_the_middle_is_said(results: Path) -> None:
    (results / "toy_better/c1/seed_2.json").unlink()
    assert read_folder(results).mismatches == ["toy_better/c1: no file for seed 2 between 1 and 3"]


# -- refused ----------------------------------------------------------------------------------------------


def _refused(folder: Path, said: str) -> None:
    with pytest.raises(DataError, match=said) as caught:
        read_folder(folder)
    assert "\n" not in str(caught.value)


def test_no_results_folder(tmp_path: Path) -> None:
    (tmp_path / "a_b" / "c").mkdir(parents=True)
    _refused(tmp_path, r"no results in it. Name a folder that holds DATASET_IDEA/CONFIG/seed_N\.json")


def test_missing_per_seed_files(results: Path) -> None:
    for file in (results / "toy_better/c1").iterdir():
        file.unlink()
    _refused(results, r"toy_better/c1: no seed_N\.json in it")


def test_an_idea_without_a_configuration(results: Path) -> None:
    (results / "toy_empty").mkdir()
    _refused(results, r"toy_empty: no folder CONFIG/")


def test_two_configurations_of_an_idea(results: Path, put) -> None:
    put("toy_better", 4, "c2", **run_fields(0.6))
    _refused(results, r"toy_better: mixed configurations \(c1 and c2\)")


@pytest.mark.parametrize(
    "fields",
    [
        {"config": {"epochs": 4, "seed": 4}},
        {"hyperparam_config_key": "c9"},
        {"strong_model": "org/other"},
        {"dataset_name": "toy-2"},
        {"fixed_weak_baseline": 0.51, "pgr": None},
    ],
)
def test_files_of_two_configurations_in_one_folder(results: Path, put, fields) -> None:
    put("toy_better", 4, **(run_fields(0.6) | fields))
    _refused(results, r"seed_4\.json: (mixed|other fixed)")


def test_two_holdouts_in_one_data_set(results: Path, put) -> None:
    for seed in (1, 2):
        put("toy_other", seed, **(run_fields(0.6) | {"step1_data_loading": {"test_samples": 10}}))
    _refused(results, r"the holdout size is .*, in .* Import them apart")


def test_duplicate_seeds(results: Path, put) -> None:
    put("toy_better", "02", **run_fields(0.6))
    _refused(results, r"seed 2 stands in seed_02\.json too|seed 2 stands in seed_2\.json too")


def test_seeds_that_lie_far_apart_are_no_list_of_all_between(results: Path, put) -> None:
    put("toy_better", "20240501", **run_fields(0.6))
    assert any(
        "no file for seed" in said and "..." in said and "20240501" in said
        for said in read_folder(results).mismatches
    )
    put("toy_better", "9" * 30, **run_fields(0.6))
    _refused(results, r"seed_9+\.json: its name holds no seed")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"step1_data_loading": {"test_samples": 1}}, "a holdout of one row"),
        ({"detailed_eval": {"strong": {"final_eval": {"accuracy": 0.6, "correct": 10**400}}}}, "`$."),
    ],
)
def test_counts_that_no_holdout_has(results: Path, put, fields, said) -> None:
    put("toy_better", 2, **(run_fields(0.6) | fields))
    _refused(results, rf"seed_2\.json: .*{re.escape(said)}")


def test_a_name_without_a_seed(results: Path, put) -> None:
    put("toy_better", "x", **run_fields(0.6))
    _refused(results, r"seed_x\.json: its name holds no seed")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not JSON"),
        ('{"dataset_name": "toy-1", "seed": 1}', "missing required field `transfer_acc`"),
        ('{"dataset_name": "toy-1", "seed": 1, "transfer_acc": 1.5}', r"<= 1.*`\$\.transfer_acc`"),
        ('{"dataset_name": "toy-1", "seed": 1, "transfer_acc": -0.1}', r">= 0.*`\$\.transfer_acc`"),
        ('{"dataset_name": "toy-1", "seed": 1, "transfer_acc": NaN}', "NaN is not JSON"),
        ('{"dataset_name": "toy-1", "seed": 1, "transfer_acc": 1e400}', "'1e400' is too large a number"),
        ('{"seed": 1,\n"transfer_acc": 0.5,\n"transfer_acc": 0.9}', "the key 'transfer_acc' stands twice"),
        ('\ufeff{"seed": 1}', "byte order mark"),
        ('{"dataset_name": "toy-1", "seed": 1, "transfer_acc": "0.5"}', r"`\$\.transfer_acc`"),
        ('{"config": {"a": ' + "[" * 100_000, "nested too deeply"),
    ],
)
def test_a_broken_file_is_named(results: Path, text: str, said: str) -> None:
    (results / "toy_better/c1/seed_2.json").write_text(text)
    _refused(results, rf"toy_better/c1/seed_2\.json:(\d+:)? .*{said}")


def test_the_line_of_a_second_key_is_named(results: Path) -> None:
    text = '{"seed": 1, "config": {"a\\n": "{", "b": [{"b": 1}]},\n"transfer_acc": 0.5,\n"transfer_acc": 0.9}'
    (results / "toy_better/c1/seed_2.json").write_text(text)
    _refused(results, r"seed_2\.json:3: the key 'transfer_acc' stands twice\. Keep one\.")


def test_a_compressed_file_and_a_pipe_are_named(results: Path) -> None:
    file = results / "toy_better/c1/seed_2.json"
    file.write_bytes(gzip.compress(file.read_bytes()))
    _refused(results, r"seed_2\.json: is compressed \(gzip\)")
    file.unlink()
    os.mkfifo(file)
    _refused(results, r"seed_2\.json: not a regular file but a pipe")


def test_no_baselines_at_all(put, tmp_path: Path) -> None:
    put("toy_vanilla_w2s", 1, transfer_acc=0.6)
    _refused(tmp_path / "results", "records no fixed baselines")


def test_no_method(results: Path) -> None:
    for idea in ("better", "vanilla_w2s"):
        for file in (results / f"toy_{idea}/c1").iterdir():
            file.unlink()
        (results / f"toy_{idea}/c1").rmdir()
        (results / f"toy_{idea}").rmdir()
    _refused(results, "the data set 'toy' has no method")
