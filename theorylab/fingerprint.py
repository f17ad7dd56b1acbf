"""Fingerprints of code: what a stored number depends on, without comments or formatting.

A measure function's fingerprint covers its own syntax tree, the functions, classes and constants
of its file that it uses, and every module of theorylab's mathematics that it imports, followed
through their imports. Docstrings, comments, formatting, checks, claims and the lab itself are
not in it: rewording a docstring or sharpening a margin never invalidates stored data.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import inspect
import symtable
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

#: Packages whose code decides measured values; everything else in theorylab only judges or stores.
MATHEMATICS = ("theorylab.diffusion", "theorylab.images")


def function_fingerprint(function: Callable) -> str:
    """sha256 of the function's code and of all the code of this project that it uses."""
    source = Path(inspect.getsourcefile(function)).read_bytes()
    definitions, scopes = _definitions(_parse(source)), _scopes(source)
    used, queue = {}, [function.__name__]
    while queue:
        name = queue.pop()
        if name in used or name == "experiment":
            continue
        used[name] = [_bare(node) for node in definitions.get(name, [])]
        for node in used[name]:
            queue += _looked_up(node, scopes)
    parts = {name: "\0".join(map(ast.dump, nodes)) for name, nodes in used.items()}
    for name, nodes in used.items():
        for module in {module for node in nodes for module in _imported(node, "")}:
            parts[f"{name} imports {module}"] = module_fingerprint(module)
    return _digest({name: text for name, text in parts.items() if text})


@cache
def module_fingerprint(name: str) -> str:
    """sha256 of a module of the mathematics and of those that it imports, transitively."""
    closure, queue = {}, [name]
    while queue:
        module = queue.pop()
        if module in closure:
            continue
        path = Path(importlib.util.find_spec(module).origin)
        tree = _tree(path)
        closure[module] = ast.dump(tree)
        package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        queue += _imported(tree, package)
    return _digest(closure)


def file_fingerprint(*paths: Path) -> str:
    """sha256 of whole files as syntax trees, docstrings left out."""
    return _digest({path.name: ast.dump(_tree(path)) for path in paths})


def _imported(node: ast.AST, package: str) -> Iterator[str]:
    """Modules of the mathematics that a piece of code imports."""
    for item in ast.walk(node):
        if isinstance(item, ast.Import):
            names = [alias.name for alias in item.names]
        elif isinstance(item, ast.ImportFrom):
            base = item.module or ""
            if item.level:
                parents = package.split(".")[: len(package.split(".")) - item.level + 1]
                base = ".".join([*parents, base] if base else parents)
            names = [f"{base}.{alias.name}" for alias in item.names]
        else:
            continue
        for name in names:
            if not name.startswith(MATHEMATICS):
                continue
            # `from package import name`: the name may be a module or something inside one.
            yield name if _is_module(name) else name.rpartition(".")[0]


@cache
def _is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def _definitions(tree: ast.Module) -> dict[str, list[ast.stmt]]:
    """The top-level statements that bind or change each name of a module, in their order."""
    found = defaultdict(list)
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found[node.name].append(node)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                # Alone: what else the line imports is nobody's business.
                alone = {field: getattr(node, field, None) for field in node._fields}
                own = (alias.asname or alias.name).partition(".")[0]
                found[own].append(type(node)(**{**alone, "names": [alias]}))
        elif not isinstance(node, ast.Expr):
            for name in _stored(node):
                found[name].append(node)
    return found


def _stored(node: ast.stmt) -> set[str]:
    """Names that a statement assigns to, or to whose items or attributes it does."""
    targets = [n for n in ast.walk(node) if isinstance(getattr(n, "ctx", None), ast.Store)]
    return {n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)}


def _looked_up(node: ast.stmt, scopes: dict[str, symtable.SymbolTable]) -> set[str]:
    """Names that a statement looks up in its module, so not those that a function binds itself."""
    if isinstance(node, ast.FunctionDef):
        defaults = [*node.args.defaults, *filter(None, node.args.kw_defaults)]
        outside = [*node.decorator_list, *defaults]
    elif isinstance(node, ast.ClassDef):
        outside = [*node.decorator_list, *node.bases, *node.keywords]
    else:
        return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    names = {n.id for part in outside for n in ast.walk(part) if isinstance(n, ast.Name)}
    inside = [scopes[node.name]]
    while inside:
        scope = inside.pop()
        names |= {symbol.get_name() for symbol in scope.get_symbols() if symbol.is_global()}
        inside += scope.get_children()
    return names


@cache
def _scopes(source: bytes) -> dict[str, symtable.SymbolTable]:
    """The scope of each function and class at a module's top level."""
    top = symtable.symtable(source.decode(), "module", "exec")
    return {scope.get_name(): scope for scope in top.get_children()}


def _bare(node: ast.stmt) -> ast.stmt:
    """The statement without what registers it: a measure function's decorator holds its presets."""
    decorators = getattr(node, "decorator_list", [])
    measured = [d for d in decorators if "measure" in ast.dump(d)]
    if not measured:
        return node
    copy = type(node)(**{field: getattr(node, field, None) for field in node._fields})
    copy.decorator_list = [d for d in decorators if d not in measured]
    return copy


def _tree(path: Path) -> ast.Module:
    return _parse(path.read_bytes())


@cache
def _parse(source: bytes) -> ast.Module:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and _is_docstring(node, body[0]):
            del body[0]
    return tree


def _is_docstring(node: ast.AST, first: ast.stmt) -> bool:
    return (
        isinstance(node, (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
        and isinstance(first, ast.Expr)
        and isinstance(first.value, ast.Constant)
        and isinstance(first.value.value, str)
    )


def _digest(parts: dict[str, str]) -> str:
    lines = [f"{name}\0{text}" for name, text in sorted(parts.items())]
    return hashlib.sha256("\0\0".join(lines).encode()).hexdigest()
