"""One coefficient wrong by 1 %, anywhere in a sampler's source: its states move far beyond tests.

Every number of a sampler's arithmetic is changed in turn, in a copy of its module. The states on
the denoiser and the levels of the tests against hand computations and peers must then move by more
than what those tests let pass, which is 1e-6 at most: no coefficient can be wrong unnoticed.
"""

import ast
import copy
import importlib
from pathlib import Path

import pytest
import torch

from theorylab.diffusion import samplers
from theorylab.diffusion.distributions import GaussianMixture

FOLDER = Path(samplers.__file__).parent
# Twelve steps, one of them longer than a panel of the quadrature in log sigma.
SIGMAS = [30.0, 18.0, 10.0, 6.0, 1.5, 1.0, 0.7, 0.45, 0.3, 0.2, 0.13, 0.08, 0.05]
NOTICED = 1e-5

SEEDED = lambda: {"generator": torch.Generator().manual_seed(3)}
ORDERS = lambda *orders: [{"order": p} for p in orders]
#: file -> samplers in it and the options they are run with
CASES = {
    "ddim": {"ddim": [{}]},
    "runge_kutta": {"heun": [{}], "midpoint": [{}], "rk4": [{}]},
    "gradient_estimation": {"gradient_estimation": [{}, {"mu": 0.5, **SEEDED()}]},
    "ancestral": {"ddpm": [SEEDED()], "ancestral": [{"eta": 0.6, **SEEDED()}]},
    "analytic_ddim": {"analytic_ddim": [{"noise_power": [0.6] * 12, "eta": 0.6, **SEEDED()}]},
    "edm_stochastic": {"edm_stochastic": [{"churn": 8.0, **SEEDED()}]},
    "lms": {"lms": ORDERS(2, 3, 4)},
    "ipndm": {"ipndm": ORDERS(1, 2, 3, 4)},
    "pndm": {"pndm": ORDERS(2, 4)},
    "deis": {"deis": ORDERS(2, 3, 4)},
    "dpm_solver_pp": {
        "dpm_solver_pp": [
            {"order": p, "weights": w} for p in (1, 2, 3) for w in ("published", "exact")
        ]
    },
    "unipc": {
        "unipc": [{"order": p, "step_function": b} for p in (1, 2, 3) for b in ("h", "expm1")]
    },
}
#: What is shared, run through a sampler that uses it.
SHARED = {"multistep": ("lms", "deis", "dpm_solver_pp", "unipc")}


class Numbers(ast.NodeVisitor):
    """Numbers that enter a state: operands, entries of tables, floats handed to functions.

    Left out: indices, ranges, counts of steps and of levels, comparisons, messages and defaults.
    """

    COUNTS = frozenset({"order", "k", "p", "last", "len", "path", "special", "stages", "j", "min"})

    def __init__(self):
        self.found = []

    def visit_Subscript(self, node):
        self.visit(node.value)

    def visit_Raise(self, node):
        pass

    def visit_Compare(self, node):
        pass

    def visit_arguments(self, node):
        pass

    def visit_If(self, node):
        for statement in node.body + node.orelse:
            self.visit(statement)

    def visit_BinOp(self, node):
        names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
        counting = (
            isinstance(node.op, ast.Add | ast.Sub | ast.Mult) and names and names <= self.COUNTS
        )
        if not (isinstance(node.op, ast.FloorDiv | ast.Mod) or counting):
            sides = [getattr(n, "operand", n) for n in (node.left, node.right)]
            self.found += [n for n in sides if isinstance(n, ast.Constant)]
            self.generic_visit(node)

    def visit_Call(self, node):
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if name not in {"arange", "range", "max", "len"}:
            self.found += [
                n
                for n in (*node.args, *(k.value for k in node.keywords))
                if isinstance(n, ast.Constant)
                and (type(n.value) is float or name == "sqrt")
                and name != "min"  # a bound
            ]
            for given in (node.func, *node.args, *node.keywords):
                # The row of a step to 0 is a place: that step returns the denoised.
                if getattr(given, "arg", "") != "to_zero":
                    self.visit(given)
        else:
            self.visit(node.func)

    def visit_Tuple(self, node):
        self.found += [
            n for n in node.elts if isinstance(n, ast.Constant) and type(n.value) is float
        ]
        self.generic_visit(node)

    visit_List = visit_Tuple


def numbers(tree):
    visitor = Numbers()
    visitor.visit(tree)
    return [n for n in visitor.found if type(n.value) in (int, float) and n.value != 0]


def module_of(tree, name):
    namespace = {"__name__": f"planted.{name}"}
    exec(compile(tree, f"{name}.py", "exec"), namespace)
    return namespace


def source(name):
    return ast.parse((FOLDER / f"{name}.py").read_text())


def states(namespace, name):
    law = GaussianMixture.isotropic([0.4, 0.6], [[1.0, -0.5], [-0.8, 0.4]], [0.3, 0.5])
    x = 30 * torch.randn((6, 2), dtype=torch.float64, generator=torch.Generator().manual_seed(7))
    runs = []
    for sampler, options in CASES[name].items():
        for chosen in options:
            given = {k: v for k, v in chosen.items() if k != "generator"}
            if "generator" in chosen:
                given["generator"] = torch.Generator().manual_seed(3)
            runs.append(torch.stack(list(namespace[sampler](law, x, SIGMAS, **given))))
    return runs


def moved(before, after):
    """Largest change of a state over its largest entry; a state that is refused moved too."""
    gaps = [
        ((a - b).abs().amax(dim=(1, 2)) / a.abs().amax(dim=(1, 2))).max()
        for a, b in zip(before, after, strict=True)
    ]
    return float(max(gaps))


def planted(name):
    """Each number of a file as ``(line, value, namespace with it wrong)``."""
    for place in range(len(numbers(source(name)))):
        tree = copy.deepcopy(source(name))
        number = numbers(tree)[place]
        right, number.value = number.value, number.value * 1.01
        yield number.lineno, right, module_of(tree, name)


@pytest.mark.parametrize("name", CASES)
def test_each_number_of_a_sampler_matters(name):
    right = states(vars(importlib.import_module(f"{samplers.__name__}.{name}")), name)
    silent = [
        (line, value)
        for line, value, namespace in planted(name)
        if moved(right, states(namespace, name)) < NOTICED
    ]
    assert silent == []


@pytest.mark.parametrize("shared", SHARED)
def test_each_number_of_what_is_shared_matters(shared):
    right = {
        name: states(vars(importlib.import_module(f"{samplers.__name__}.{name}")), name)
        for name in SHARED[shared]
    }
    silent = []
    for line, value, wrong in planted(shared):
        changes = []
        for name in SHARED[shared]:
            namespace = module_of(source(name), name)
            namespace.update({k: v for k, v in wrong.items() if k in namespace and k[0] != "_"})
            changes.append(moved(right[name], states(namespace, name)))
        if max(changes) < NOTICED:
            silent.append((line, value))
    assert silent == []
    assert len(list(planted(shared))) >= 5


def test_a_copy_without_a_fault_is_silent():
    # The control: what is noticed above is the fault, not the copying.
    for name in CASES:
        right = states(vars(importlib.import_module(f"{samplers.__name__}.{name}")), name)
        assert moved(right, states(module_of(source(name), name), name)) == 0


def test_numbers_are_found_where_they_are_known_to_be():
    # Adams-Bashforth: 1; 3/2, 1/2; 23/12, 16/12, 5/12; 55/24, 59/24, 37/24, 9/24: signs apart.
    assert len(numbers(source("ipndm"))) == 19
    assert sorted({n.value for n in numbers(source("runge_kutta"))}) == [2, 3, 6]
