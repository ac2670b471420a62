"""Every function of `keras.ops` is computed and compared with Keras, or refused by name."""

import importlib
import inspect
import json
from pathlib import Path

import pytest

import phosphene as ph
from phosphene._engine.library import supported

pytestmark = pytest.mark.keras

# By what they are missing; those without a reason of their own are merely rare.
REFUSED = {
    "Python function": "AssociativeScan Cond ForiLoop JVP Map Scan Switch VectorizedMap WhileLoop",
    "depends on values": "Arange Bincount Nonzero Unique",
    "decomposed or inverted": (
        "Cholesky CholeskyInverse Det Eig Eigh Inv Logdet Lstsq LuFactor MatrixRank "
        "PerspectiveTransform Pinv Qr SVD Slogdet Solve SolveTriangular"
    ),
    "complex numbers": "Polar ViewAsComplex ViewAsReal",
    "bits of numbers": "BitwiseAnd BitwiseInvert BitwiseNot BitwiseOr BitwiseXor Nextafter View",
    "random": "ElasticTransform",
    "isn't supported": "Argpartition CTCDecode CTCLoss Function Gcd Histogram I0 Lcm",
}
REASONS = {name: reason for reason, names in REFUSED.items() for name in names.split()}
# Other names of classes with a row, and what Keras can't compute in a row.
ELSEWHERE = {"Abs", "Conj", "ConvTranspose", "Rearrange"}


def operations():
    """Return the classes of Keras that its functions make nodes of."""
    from keras.src.ops.operation import Operation

    found = set()
    for name in ("core", "numpy", "nn", "math", "linalg", "image", "einops", "function"):
        module = importlib.import_module(f"keras.src.ops.{name}")
        found |= {
            each
            for each, kind in vars(module).items()
            if inspect.isclass(kind)
            and issubclass(kind, Operation)
            and kind.__module__ == module.__name__
        }
    # A base of others.
    return found - {"SegmentReduction"}


def compared():
    """Return the classes that the tables of these tests have rows for."""
    modules = [
        importlib.import_module(f"layers.{path.stem}")
        for path in Path(__file__).parent.glob("test_ops_*.py")
        if path.stem != Path(__file__).stem
    ]
    return {name for module in modules for name in module.TABLE}


def test_all_operations_are_computed_or_refused():
    known = set(supported()["operations"])
    assert operations() - known == set(REASONS)


def test_all_operations_are_compared():
    assert set(supported()["operations"]) - compared() == ELSEWHERE


@pytest.mark.parametrize("name", REASONS)
def test_refusals_say_why(name):
    tensor = {
        "class_name": "__keras_tensor__",
        "config": {"shape": [None, 3], "dtype": "float32", "keras_history": ["x", 0, 0]},
    }
    config = {
        "class_name": "Functional",
        "config": {
            "name": "network",
            "layers": [
                {
                    "module": "keras.layers",
                    "class_name": "InputLayer",
                    "name": "x",
                    "config": {"batch_shape": [None, 3], "name": "x"},
                    "inbound_nodes": [],
                },
                {
                    "module": "keras.src.ops.numpy",
                    "class_name": name,
                    "name": "operation",
                    "config": {"name": "operation"},
                    "inbound_nodes": [{"args": [tensor], "kwargs": {}}],
                },
            ],
            "input_layers": [["x", 0, 0]],
            "output_layers": [["operation", 0, 0]],
        },
    }
    with pytest.raises(ph.UnsupportedError, match=f"'operation' .{name}.*{REASONS[name]}"):
        ph.load((json.dumps(config), {}))
