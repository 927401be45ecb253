"""A study is one config file, checked before any job starts."""

from pathlib import Path

import pytest
import yaml

from vlmeter.errors import UserError
from vlmeter.study.read_study import read_study


def test_several_config_files_are_refused(values):
    with pytest.raises(UserError, match=r"2 config files are given.*: a.yaml, b.yaml\.$"):
        read_study([Path("a.yaml"), Path("b.yaml")], values)


def test_a_key_that_stands_twice_is_refused_though_snakemake_accepts_it(values, tmp_path):
    file = tmp_path / "study.yaml"
    file.write_text(f"{yaml.safe_dump(values)}study: other\n")
    with pytest.raises(UserError, match='key "study" stands twice'):
        read_study([file], values)


def test_a_local_source_that_is_missing_is_named_with_the_file(values, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = Path("study.yaml")
    file.write_text(yaml.safe_dump(values), encoding="utf-8")
    with pytest.raises(UserError, match=r"^study\.yaml: datasets\.photos: "):
        read_study([file], values)
