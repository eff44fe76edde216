"""The manifests of k8s/, read as kubectl reads them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any, TypeAlias, cast

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
K8S = ROOT / "k8s"

Manifest: TypeAlias = dict[str, Any]
"""Loosely typed on purpose: kubernetes-validate checks the schema."""


def parse(text: str) -> list[Manifest]:
    """Return the documents of a YAML text, by the rules of YAML 1.1 like kubectl, where 0440 is octal."""
    yaml = YAML(typ="safe", pure=True)
    yaml.version = (1, 1)
    return [cast("Manifest", document) for document in yaml.load_all(text)]


def read(path: Path) -> Manifest:
    (document,) = parse(path.read_text("utf-8"))
    return document


def kustomized(folder: Path = K8S) -> dict[str, Manifest]:
    """Return what `kubectl apply -k` would apply, by kind."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not installed")
    built = subprocess.run([kubectl, "kustomize", folder], capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return {document["kind"]: document for document in parse(built.stdout)}
