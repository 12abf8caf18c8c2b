"""The habits of this house that a machine can check: the one test that reads the tree."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "python" / "clustercnn"
SOURCES = sorted(p for p in PACKAGE.rglob("*.py") if "conf" not in p.relative_to(PACKAGE).parts)
TESTS = sorted((ROOT / "tests").rglob("*.py")) + sorted((ROOT / "benchmarks").rglob("*.py"))
NATIVE = sorted(p for p in (ROOT / "csrc").rglob("*") if p.suffix in {".cpp", ".hpp", ".cu", ".cuh", ".h"})
ROOMS = ("physics", "render", "scene", "data", "model", "training", "inference", "evaluation")
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "benchmarks/README.md")
TREES = {path: ast.parse(path.read_text()) for path in SOURCES}


def name(path):
    return str(path.relative_to(ROOT))


def functions(tree):
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def body_lines(function):
    """Lines of a function beside its docstring."""
    first = function.body[0]
    documented = (
        isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    )
    return function.end_lineno - function.lineno + 1 - (first.end_lineno - first.lineno + 1 if documented else 0)


def imported_packages(tree):
    """Top-level names of all packages that a file imports, at its head or inside functions."""
    plain = {
        alias.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    }
    return plain | {
        node.module.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module
    }


def assigned_names(tree):
    """Names that a file assigns at its top level."""
    targets = [t for node in tree.body if isinstance(node, ast.Assign) for t in node.targets]
    targets += [node.target for node in tree.body if isinstance(node, ast.AnnAssign)]
    return {node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)}


def test_files_are_short():
    lengths = {name(path): len(path.read_text().splitlines()) for path in [*SOURCES, *TESTS, *NATIVE]}
    assert {path: n for path, n in lengths.items() if n > 400} == {}


def test_functions_are_short():
    lengths = {f"{name(p)}: {f.name}": body_lines(f) for p, tree in TREES.items() for f in functions(tree)}
    assert {where: n for where, n in lengths.items() if n > 60} == {}


def test_no_assert_no_bare_except_no_star():
    found = []
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            star = isinstance(node, ast.ImportFrom) and (node.level or any(alias.name == "*" for alias in node.names))
            bare = isinstance(node, ast.ExceptHandler) and node.type is None
            if star or bare or isinstance(node, ast.Assert):
                found.append(f"{name(path)}:{node.lineno}")
    assert found == []


def test_no_global_random_state_and_no_environment():
    random = r"np\.random\.(?!(?:Generator|SeedSequence|Philox|default_rng|BitGenerator)\b)\w+"
    wrong = [f"{name(p)}: {call}" for p in SOURCES for call in re.findall(random, p.read_text())]
    elsewhere = [p for p in SOURCES if name(p) != "python/clustercnn/training/distributed.py"]
    wrong += [f"{name(p)}: {call}" for p in elsewhere for call in re.findall(r"os\.(?:environ|getenv)", p.read_text())]
    assert wrong == []


def test_loose_tolerances_are_explained():
    """A tolerance above 1e-3 has a comment or a docstring within the six lines before it."""
    wrong = []
    for path in TESTS:
        lines = path.read_text().splitlines()
        for i, line in enumerate(lines):
            numbers = re.findall(r"\b(?:atol|rtol|abs|rel)=(\d[\d.e+-]*)(?=\s*[,)])", line)
            said = any("#" in before or '"""' in before for before in lines[max(0, i - 6) : i + 1])
            if any(float(n) > 1e-3 for n in numbers) and "not " not in line and not said:
                wrong.append(f"{name(path)}:{i + 1}")
    assert wrong == []


def test_no_room_for_odds_and_ends():
    banned = {"utils", "util", "misc", "helpers", "helper", "common"}
    assert [name(p) for p in [*SOURCES, *NATIVE] if {p.stem.strip("_"), p.parent.name.strip("_")} & banned] == []


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_lists_its_public_names(room):
    """Its ``__init__`` imports names from its own files, as themselves, and ``__all__`` is exactly these."""
    tree = TREES[PACKAGE / room / "__init__.py"]
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module != "__future__"]
    assert [node.module for node in imports if not node.module.startswith(f"clustercnn.{room}.")] == []
    names = sorted(alias.name for node in imports for alias in node.names)
    assert names == sorted(alias.asname or "" for node in imports for alias in node.names)
    assert names == sorted(importlib.import_module(f"clustercnn.{room}").__all__)
    assert all(isinstance(node, ast.Expr | ast.ImportFrom | ast.Assign) for node in tree.body)  # no work at import


def test_the_front_door_lists_its_names():
    module = importlib.import_module("clustercnn")
    assert set(module.__all__) <= set(vars(module))
    assert not set(vars(module)) & {"utils", "np", "torch"}


def test_files_list_their_public_names():
    wrong = []
    for path, tree in TREES.items():
        defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
        lists = [
            node.value
            for node in tree.body
            if isinstance(node, ast.Assign) and node.targets[0].__dict__.get("id") == "__all__"
        ]
        listed = set(ast.literal_eval(lists[0])) if lists else set()
        if path.name != "__init__.py" and any(not key.startswith("_") for key in defined) and not listed:
            wrong.append(f"{name(path)}: no __all__")
        if path.name != "__init__.py" and listed - defined - assigned_names(tree):
            wrong.append(f"{name(path)}: {sorted(listed - defined - assigned_names(tree))} in __all__ do not exist")
    assert wrong == []


def test_imports_stay_light():
    """Simulating needs neither the network nor figures: ``scene`` imports all rooms before it."""
    code = "import sys, clustercnn.scene; print(*sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(answer.stdout.split()) & {"torch", "numba", "matplotlib", "wandb", "hydra", "photutils"} == set()


def test_some_packages_live_in_one_place():
    homes = {"matplotlib": r"evaluation/plots\w*\.py", "wandb": r"training/trackers\.py", "hydra": r"\w+\.py"}
    wrong = []
    for path, tree in TREES.items():
        for package in imported_packages(tree) & set(homes):
            if not re.fullmatch(homes[package], path.relative_to(PACKAGE).as_posix()):
                wrong.append(f"{name(path)} imports {package}")
    assert wrong == []


def test_inheritance_is_shallow():
    classes = [node for tree in TREES.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    parents = {cls.name: [base.id for base in cls.bases if isinstance(base, ast.Name)] for cls in classes}

    def depth(cls):
        return 1 + max((depth(base) for base in parents[cls] if base in parents and base != cls), default=0)

    assert {cls: depth(cls) for cls in parents if depth(cls) > 2} == {}


def test_the_core_knows_neither_python_nor_torch():
    wrong = []
    for path in NATIVE:
        text = path.read_text()
        if path.name != "bindings.cpp" and re.search(r"nanobind|Python\.h", text):
            wrong.append(f"{name(path)}: Python")
        if re.search(r"#include\s*[<\"]torch|\bat::|\btorch::", text):
            wrong.append(f"{name(path)}: torch")
        kernels = re.findall(r"__global__[^;{(]*?\b(\w+)\s*\(", text)
        wrong += [f"{name(path)}: kernel {kernel}" for kernel in kernels if not kernel.endswith("_kernel")]
    assert wrong == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_paths_in_documents_exist(document):
    """Every word in backticks, and every link, that looks like a path of this repository."""
    prose = re.sub(r"```.*?```", "", (ROOT / document).read_text(), flags=re.DOTALL)
    words = re.findall(r"`([^`\n]+)`", prose)
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", prose) if not re.match(r"\w+:|#", link)]
    made = set((ROOT / ".gitignore").read_text().replace("/", "").split())  # by running the commands, not in the tree
    tops = ({p.name for p in ROOT.iterdir()} | set(ROOMS)) - made
    paths = [w for w in words if "/" in w and re.fullmatch(r"[\w./*-]+", w) and w.split("/")[0] in tops] + links
    places = (ROOT, (ROOT / document).parent, PACKAGE)
    missing = [p for p in paths if not any(list(place.glob(p.split("#")[0].rstrip("/"))) for place in places)]
    assert missing == []
