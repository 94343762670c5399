#!/usr/bin/env python3
"""Collect the ids of public models that public packages name: dictionary/models.txt, which core::public::models reads.

    tools/model_ids.py FILE...      wheels and sdists of releases, folders of a checkout; adds what they name to the list

What it keeps: ids of the organisations in whitelist.yaml, with a number or a hyphen in their name. What looks like a
file, a placeholder (`my-model`) or one word of everyday language is left out: a folder may be called like it.
"""
import pathlib
import re
import sys
import tarfile
import zipfile

import yaml

HERE = pathlib.Path(__file__).resolve().parent.parent
LIST = HERE / "dictionary" / "models.txt"
TEXT = re.compile(r"\.(py|md|qmd|json|ya?ml|txt|toml|jinja|sh|ipynb)$")
TEXT_BYTES_MAX = 4_000_000
FILE = re.compile(r"\.(py|md|json|ya?ml|txt|sh|cc|h|html|rs|toml|gguf|safetensors|bin|pdf|git|png|jpg)$")
PLACEHOLDER = re.compile(r"(^|[-_])(my|your|test|dummy|xxx|foo|bar)([-_]|$)", re.I)


def texts(source):
    """Every text in an archive or a folder."""
    path = pathlib.Path(source)
    if path.is_dir():
        for file in path.rglob("*"):
            if file.is_file() and TEXT.search(file.name) and file.stat().st_size < TEXT_BYTES_MAX:
                yield file.read_text(errors="replace")
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                if TEXT.search(info.filename) and info.file_size < TEXT_BYTES_MAX:
                    yield archive.read(info).decode("utf8", "replace")
    else:
        with tarfile.open(path) as archive:
            for info in archive:
                if info.isfile() and TEXT.search(info.name) and info.size < TEXT_BYTES_MAX:
                    yield archive.extractfile(info).read().decode("utf8", "replace")


def is_kept(name):
    return (len(name) > 3 and name[-1] not in "-_." and ".." not in name and re.search(r"[0-9-]", name)
            and not FILE.search(name) and not PLACEHOLDER.search(name))


def main():
    organizations = "|".join(map(re.escape, yaml.safe_load((HERE / "whitelist.yaml").read_text())["organizations"]))
    name = r"([A-Za-z0-9][A-Za-z0-9_.-]{1,95})"
    forms = [re.compile(rf"(?<![\w./@:-])({organizations})/{name}(?![\w/-])"),
             re.compile(rf"(?:huggingface\.co|hf\.co)/({organizations})/{name}")]
    ids = set(LIST.read_text().split()) if LIST.exists() else set()
    for source in sys.argv[1:]:
        for text in texts(source):
            for form in forms:
                for organization, model in form.findall(text):
                    model = model.rstrip(".").removesuffix(".git")
                    if is_kept(model):
                        ids.add(f"{organization}/{model}")
    LIST.write_text("".join(f"{model}\n" for model in sorted(ids)))
    print(f"{len(ids)} ids")


if __name__ == "__main__":
    main()
