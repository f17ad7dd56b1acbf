"""A fault planted in the mathematics makes the claims that use it miss their expectation."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

SETS = ["--set", "images=digits", "--set", "set=2 in R^1,20 in R^4,digits"]

# module, code appended to it, experiment that must notice, what keeps it short
FAULTS = {
    "a thousandth more in the ideal denoiser": (
        "diffusion/ideal.py",
        "_right = IdealDenoiser.__call__\n"
        "IdealDenoiser.__call__ = lambda self, x, sigma: 1.001 * _right(self, x, sigma)\n",
        "ideal_denoiser",
        SETS,
    ),
    "sigma^2 for sigma in the noise prediction": (
        "diffusion/denoisers.py",
        "def eps_from_denoised(denoised, x, sigma):\n"
        "    return (x - denoised) / expand_sigma(sigma, x) ** 2\n",
        "ideal_denoiser",
        SETS,
    ),
    "sigma for sigma^2 in the score of a mixture": (
        "diffusion/distributions.py",
        "_right = GaussianMixture.score\n"
        "GaussianMixture.score = lambda self, x, sigma=0.0: _right(self, x, sigma) * sigma\n",
        "multimeasurement",
        ["--set", "images=digits"],
    ),
    "a wrong exponent in the log-linear schedule": (
        "diffusion/schedules.py",
        "_right = log_linear\n"
        "def log_linear(n, sigma_min, sigma_max):\n"
        "    right = _right(n, sigma_min, sigma_max)\n"
        "    return right[0] * (right / right[0]) ** 1.01\n",
        "admissible_schedule",
        [],
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_it_is_noticed(fault, tmp_path):
    module, code, experiment, options = FAULTS[fault]
    for name in ("theorylab", "experiments", "pyproject.toml"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    with open(tmp_path / "theorylab" / module, "a") as file:
        file.write("\n\n" + code)
    done = subprocess.run(
        [sys.executable, "-m", "theorylab", "run", experiment, "--preset", "quick", *options],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    # 1: an expectation is contradicted. 3, not reached, could come of the fewer cells, and 4 would
    # only say that something broke.
    assert done.returncode == 1, done.stdout + done.stderr
