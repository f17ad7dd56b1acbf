"""theorylab: are the theorems about diffusion models true as stated, and what shows it?

    import theorylab
    result = theorylab.run("thin_shell", preset="quick")
    result.data, result.verdicts, result.figure()
    theorylab.claims()  # the ledger of all that is stored

Names are imported on first use, so that ``python -m theorylab --help`` stays fast.
"""

from importlib import import_module
from pathlib import Path

__version__ = "0.1.0"

# In a checkout the experiments and figures are folders beside this package; in a wheel they lie
# inside it. Either way they are `theorylab.experiments` and `theorylab.paper_figures`.
_root = Path(__file__).resolve().parent.parent
if (_root / "pyproject.toml").is_file() and (_root / "experiments").is_dir():
    __path__.append(str(_root))

_HOME = {
    "Claim": "claim",
    "Control": "claim",
    "Evidence": "evidence",
    "Experiment": "experiment",
    "Missing": "errors",
    "Source": "claim",
    "StorageError": "errors",
    "TheorylabError": "errors",
    "UsageError": "errors",
    "claims": "ledger",
    "compare": "comparison",
    "load": "discovery",
    "load_result": "interactive",
    "run": "interactive",
}

__all__ = [
    "Claim",
    "Control",
    "Evidence",
    "Experiment",
    "Missing",
    "Source",
    "StorageError",
    "TheorylabError",
    "UsageError",
    "checks",
    "claims",
    "compare",
    "load",
    "load_result",
    "run",
]


def __getattr__(name: str):
    if name == "checks":
        return import_module(".checks", __name__)
    if name in _HOME:
        return getattr(import_module(f".{_HOME[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *__all__})
