"""The arrows between folders, the sizes of files and the words for names, enforced."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OURS = {"models", "metrics", "datamodules", "lightning_modules", "experiments", "tests"}
SUBSTRATE = {"models.geometry", "models.rendering", "models.networks", "models.morphable", "models.losses"}
MAY_IMPORT = {
    "models.geometry": set(),
    "models.networks": set(),
    "models.rendering": {"models.geometry"},
    "models.morphable": {"models.geometry"},
    "models.losses": {"models.geometry", "models.networks"},
    "models.clothing": SUBSTRATE,
    "models.faces": SUBSTRATE,
    "models.bodies": SUBSTRATE,
    "metrics": {"models.geometry", "models.rendering", "models.networks"},
    "datamodules": {"models.geometry", "models.rendering", "models.morphable"},
    "lightning_modules": {"models", "metrics", "datamodules.samples"},
    "experiments": {"models", "metrics", "datamodules", "lightning_modules"},
}
LIGHTNING_FOLDERS = ("datamodules", "lightning_modules", "experiments")
PRESENTATION = {"wandb", "matplotlib", "gradio"}
PRESENTATION_FOLDERS = ("experiments", "lightning_modules.callbacks")
VAGUE_NAMES = {"utils", "helpers", "helper", "common", "misc", "util", "manager", "managers"}


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def sources() -> list[Path]:
    return sorted(path for folder in OURS for path in (ROOT / folder).rglob("*.py"))


def layer_of(module: str) -> str | None:
    layers = [layer for layer in MAY_IMPORT if module == layer or module.startswith(layer + ".")]
    return max(layers, key=len, default=None)


def imported_names(tree: ast.AST, module: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = module.split(".")[: -node.level] if node.level else []
            stem = ".".join(base + ([node.module] if node.module else []))
            yield from (f"{stem}.{alias.name}" for alias in node.names)


def forbidden_imports(source: str, module: str) -> list[str]:
    """Every import in a module's source that its layer may not make."""
    layer = layer_of(module)
    if layer is None:
        return []
    tree = ast.parse(source)
    statements = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    top_level = {name for node in statements for name in imported_names(node, module)}
    bad = []
    for name in imported_names(tree, module):
        root = name.split(".")[0]
        if root in OURS:
            allowed = MAY_IMPORT[layer] | {layer}
            if not any(name == target or name.startswith(target + ".") for target in allowed):
                bad.append(name)
        elif root in {"lightning", "pytorch_lightning"} and not layer.startswith(LIGHTNING_FOLDERS):
            bad.append(name)
        elif root in PRESENTATION:
            if not module.startswith(PRESENTATION_FOLDERS) or name in top_level:
                bad.append(name)
        elif root in {"torchvision", "drtk", "nvdiffrast"}:
            bad.append(name)
    return bad


@pytest.mark.parametrize("path", sources(), ids=module_name)
def test_a_file_keeps_to_its_layer_and_its_size(path: Path) -> None:
    source = path.read_text()
    assert not forbidden_imports(source, module_name(path))
    assert len(source.splitlines()) <= 400, "a file holds one role: cut it"
    assert path.stem not in VAGUE_NAMES


def test_the_checker_sees_a_forbidden_arrow() -> None:
    assert forbidden_imports("from models.rendering import rasterize", "models.geometry.mesh")
    assert forbidden_imports("import lightning.pytorch", "models.networks.resnet")
    assert forbidden_imports("import wandb", "experiments.cli")
    assert forbidden_imports("from models import faces", "models.clothing.template")
    assert not forbidden_imports("def f():\n    import wandb", "experiments.cli")
    assert not forbidden_imports("from models.geometry import mesh", "models.rendering.render")


def test_nobody_imports_experiments_or_tests() -> None:
    for path in sources():
        module = module_name(path)
        if module.startswith(("experiments", "tests")):
            continue
        names = imported_names(ast.parse(path.read_text()), module)
        assert not [name for name in names if name.startswith(("experiments", "tests"))], module
