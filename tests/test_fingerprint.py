"""Fingerprints follow code that decides numbers and ignore words, checks and presets."""

import textwrap

import pytest

from theorylab.discovery import load
from theorylab.fingerprint import function_fingerprint

FILE = '''
"""{title}"""
import math
import xarray as xr
from theorylab import Experiment, checks
from theorylab.diffusion import schedules

experiment = Experiment()
FACTOR = {factor}

def helper(x):
    """{words}"""
    return FACTOR * x

def unused(x):
    return {unused}

@experiment.measure(grid={{"n": [1]}}, quick={{"size": {size}}})
def lengths(n, size):
    # {words}
    return xr.Dataset({{"v": helper(n) + {term}}})

def check(lengths):
    return checks.identity(lengths.v, {margin}, 1, "r")
'''
BASE = dict(title="T", factor=2, words="w", unused="x", size=3, term=0, margin=0.1)


@pytest.fixture
def print_of(tmp_path):
    def made(**changes):
        text = textwrap.dedent(FILE.format(**{**BASE, **changes}))
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        (folder / "fingerprinted.py").write_text(text)
        experiment = load("fingerprinted", [folder])
        return function_fingerprint(experiment.measurements["lengths"].function)

    return made


@pytest.mark.parametrize("change", [dict(title="U"), dict(words="v"), dict(unused="2 * x"),
                                    dict(size=4), dict(margin=0.2)])  # fmt: skip
def test_what_does_not_decide_the_numbers(print_of, change):
    assert print_of() == print_of(**change)


@pytest.mark.parametrize("change", [dict(factor=3), dict(term="1")])
def test_what_decides_the_numbers(print_of, change):
    assert print_of() != print_of(**change)


def test_modules_of_the_mathematics_are_followed(tmp_path):
    text = textwrap.dedent(FILE.format(**BASE))
    prints = []
    for i, term in enumerate(("0", "schedules.log_linear")):
        folder = tmp_path / str(i)
        folder.mkdir()
        (folder / "fingerprinted.py").write_text(text.replace("+ 0", f"+ 0 * bool({term})"))
        experiment = load("fingerprinted", [folder])
        prints.append(function_fingerprint(experiment.measurements["lengths"].function))
    assert prints[0] != prints[1]


SCOPES = '''
"""Scopes."""
from math import {imported}
import xarray as xr
from theorylab import Experiment

experiment = Experiment()
SIZES = {{"small": 1}}
SIZES["large"] = {large}

def weight(n, power=1):
    return SIZES["large"] * pi * n**power

@experiment.measure(grid={{"n": [1]}})
def lengths(n):
    learned = weight(n)
    return xr.Dataset({{"v": sum(k * learned for k in range(3))}})

learned = ["{statement}"]  # a claim, say
for k in range({claims}):
    experiment.claims.append(k)
'''
SCOPED = dict(imported="pi", large=2, statement="", claims=3)


@pytest.fixture
def print_of_scopes(tmp_path):
    def made(**changes):
        text = SCOPES.format(**{**SCOPED, **changes})
        path = tmp_path / f"scoped{len(list(tmp_path.iterdir()))}.py"
        path.write_text(text)
        namespace = {}
        exec(compile(text, path, "exec"), namespace)
        return function_fingerprint(namespace["lengths"])

    return made


@pytest.mark.parametrize("change", [dict(statement=" "), dict(imported="cos, pi"), dict(claims=9)])
def test_names_are_those_of_the_module_not_of_a_function(print_of_scopes, change):
    assert print_of_scopes() == print_of_scopes(**change)


def test_an_item_set_later_belongs_to_its_table(print_of_scopes):
    assert print_of_scopes() != print_of_scopes(large=3)
