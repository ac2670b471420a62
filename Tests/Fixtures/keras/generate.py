"""Writes what Keras computes, for the tests of KerasModels: ``layers.json`` and ``models.json``.

    python Tests/Fixtures/keras/generate.py

Made with Keras 3.15.1 and TensorFlow 2.21.0 (CPU); ``legacy.json``, the dialect of Keras 2, with
tf_keras 2.21.0 (``python generate.py legacy``). Inputs and weights are multiples of 1/64, so that
their decimal numbers are exact; everything is drawn from one seed for each network.
"""

from __future__ import annotations

import json
import sys
import zlib
from pathlib import Path

import numpy as np

if "legacy" in sys.argv:
    import tf_keras as keras
else:
    import keras

layers = keras.layers
FOLDER = Path(__file__).parent


def draw(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Return numbers between -2 and 2 that depend on nothing but `name`."""
    generator = np.random.default_rng(zlib.crc32(name.encode()))
    return (generator.integers(-128, 129, shape) / 64).astype(np.float32)


def array(values: np.ndarray) -> dict[str, list]:
    values = np.asarray(values, np.float32)
    numbers = [float(np.format_float_positional(x, unique=True)) for x in values.ravel()]
    numbers = [int(x) if x == int(x) else x for x in numbers]
    return {"shape": list(values.shape), "elements": numbers}


def variables(model, prefix=""):
    """Yield key and variable of every weight, in the order of `get_weights()`."""
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from variables(layer, f"{prefix}{layer.name}/")
        else:
            for variable in layer.weights:
                name = variable.name.split("/")[-1].removesuffix(":0")
                yield f"{prefix}{layer.name}/{name}", variable


def fixture(name: str, model, shapes: list[tuple[int, ...]], paths=()) -> dict:
    """Give a model small weights and return what it computes, at the outputs and at `paths`."""
    weights = {}
    for key, variable in variables(model):
        values = draw(f"{name} {key}", tuple(variable.shape))
        values = abs(values) + 0.25 if "variance" in key else values / 2
        variable.assign(values)
        weights[key] = array(values)
    inputs = [draw(f"{name} {index}", shape) for index, shape in enumerate(shapes)]
    outputs = model(inputs if len(inputs) > 1 else inputs[0], training=False)
    outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
    case = {
        "name": name,
        "config": model.to_json(),
        "weights": weights,
        "inputs": [array(x) for x in inputs],
        "outputs": [array(y) for y in outputs],
    }
    if paths:
        tensors = [model.get_layer(path).output for path in paths]
        values = keras.Model(model.inputs, tensors)(inputs if len(inputs) > 1 else inputs[0])
        values = values if isinstance(values, (list, tuple)) else [values]
        case["layers"] = {path: array(value) for path, value in zip(paths, values)}
    return case


def layer_fixture(name: str, layer, *shapes: tuple[int, ...], batch: int = 2) -> dict:
    inputs = [keras.Input(shape, name=f"input_{i}") for i, shape in enumerate(shapes)]
    outputs = layer(inputs if len(inputs) > 1 else inputs[0])
    layer.name = "layer"
    model = keras.Model(inputs, outputs, name="model")
    return fixture(name, model, [(batch, *shape) for shape in shapes])


def layer_fixtures() -> list[dict]:
    image, wide, vector = (5, 6, 2), (7, 5, 4), (6,)
    conv = {
        "conv2d": dict(filters=3, kernel_size=3),
        "conv2d_one_number": dict(filters=2, kernel_size=(2, 3), use_bias=False),
        "conv2d_same": dict(filters=2, kernel_size=(3, 2), padding="same", activation="relu"),
        "conv2d_strides": dict(filters=2, kernel_size=3, strides=(2, 3), padding="same"),
        "conv2d_valid_strides": dict(filters=2, kernel_size=2, strides=2, activation="tanh"),
        "conv2d_dilation": dict(filters=2, kernel_size=2, dilation_rate=(2, 3)),
        "conv2d_same_dilation": dict(filters=2, kernel_size=3, dilation_rate=2, padding="same"),
    }
    cases = [layer_fixture(n, layers.Conv2D(**s), image, batch=1) for n, s in conv.items()]
    cases += [
        layer_fixture("conv2d_groups", layers.Conv2D(6, 3, groups=2), wide, batch=1),
        layer_fixture("conv2d_depthwise", layers.Conv2D(8, 2, groups=4), wide, batch=1),
        layer_fixture("conv2d_softmax", layers.Conv2D(3, 1, activation="softmax"), image, batch=1),
    ]
    for kind in ("Max", "Average"):
        for padding in ("valid", "same"):
            for size, strides in ((2, None), ((3, 2), (1, 2)), (3, 2)):
                layer = getattr(layers, f"{kind}Pooling2D")(size, strides, padding)
                name = f"{kind}Pooling2D {padding} {size} {strides}"
                cases.append(layer_fixture(name, layer, image, batch=1))
        for keepdims in (False, True):
            layer = getattr(layers, f"Global{kind}Pooling2D")(keepdims=keepdims)
            cases.append(layer_fixture(f"Global{kind}Pooling2D {keepdims}", layer, image))
    norm = {
        "batch_normalization": {},
        "batch_normalization_no_center": dict(center=False, epsilon=0.01),
        "batch_normalization_no_scale": dict(scale=False),
        "batch_normalization_bare": dict(scale=False, center=False),
        "batch_normalization_axis_1": dict(axis=1),
    }
    cases += [layer_fixture(n, layers.BatchNormalization(**s), image) for n, s in norm.items()]
    cases += [
        layer_fixture("batch_normalization_vector", layers.BatchNormalization(), vector),
        layer_fixture("dense", layers.Dense(4), vector),
        layer_fixture("dense_no_bias", layers.Dense(3, "sigmoid", use_bias=False), vector),
        layer_fixture("dense_softmax", layers.Dense(3, "softmax"), vector),
        layer_fixture("dense_rank_3", layers.Dense(4, "softmax"), (3, 5)),
        layer_fixture("dense_relu6", layers.Dense(5, "relu6"), vector),
        layer_fixture("flatten", layers.Flatten(), (2, 3, 4)),
        layer_fixture("reshape", layers.Reshape((3, 2)), vector),
        layer_fixture("reshape_free", layers.Reshape((2, -1, 2)), (4, 3)),
        layer_fixture("zero_padding", layers.ZeroPadding2D(), (2, 3, 2)),
        layer_fixture("zero_padding_pair", layers.ZeroPadding2D((2, 1)), (2, 3, 2)),
        layer_fixture("zero_padding_4", layers.ZeroPadding2D(((0, 2), (3, 1))), (2, 3, 2)),
        layer_fixture("dropout", layers.Dropout(0.5), vector),
        layer_fixture("spatial_dropout", layers.SpatialDropout2D(0.5), (2, 2, 3)),
        layer_fixture("gaussian_noise", layers.GaussianNoise(1.0), vector),
        layer_fixture("gaussian_dropout", layers.GaussianDropout(0.5), vector),
        layer_fixture("alpha_dropout", layers.AlphaDropout(0.5), vector),
        layer_fixture("spatial_dropout_1d", layers.SpatialDropout1D(0.5), (2, 3)),
        layer_fixture("spatial_dropout_3d", layers.SpatialDropout3D(0.5), (2, 1, 2, 3)),
        layer_fixture("activity_regularization", layers.ActivityRegularization(0.1), vector),
        layer_fixture("identity", layers.Identity(), vector),
        layer_fixture("softmax", layers.Softmax(), vector),
        layer_fixture("softmax_axis_1", layers.Softmax(axis=1), (4, 3)),
        layer_fixture("softmax_axis_-2", layers.Softmax(axis=-2), (2, 4, 3)),
        layer_fixture("softmax_axes_1_-1", layers.Softmax(axis=(1, -1)), (2, 4, 3)),
    ]
    relu = {
        "relu_layer": {},
        "relu_layer_max": dict(max_value=0.75),
        "relu_layer_slope": dict(negative_slope=0.25),
        "relu_layer_threshold": dict(threshold=0.5),
        "relu_layer_all": dict(max_value=1.25, negative_slope=0.5, threshold=0.75),
        "relu_layer_max_slope": dict(max_value=1.25, negative_slope=0.5),
    }
    cases += [layer_fixture(n, layers.ReLU(**s), (12,)) for n, s in relu.items()]
    for name in ("linear", "relu", "relu6", "sigmoid", "softmax", "tanh"):
        cases.append(layer_fixture(f"activation_{name}", layers.Activation(name), (3, 4)))
    for name in ("Add", "Average", "Maximum", "Minimum", "Multiply"):
        merge = getattr(layers, name)
        cases.append(layer_fixture(f"{name}_3", merge(), vector, vector, vector))
    cases += [
        layer_fixture("subtract", layers.Subtract(), vector, vector),
        layer_fixture("add_ranks", layers.Add(), (1, 3), (3,)),
        layer_fixture("multiply_ranks", layers.Multiply(), (3,), (2, 4, 3)),
        layer_fixture("add_broadcast", layers.Add(), (3, 4), (1, 4)),
        layer_fixture("concatenate", layers.Concatenate(), (2, 3), (2, 1), (2, 2)),
        layer_fixture("concatenate_axis_1", layers.Concatenate(axis=1), (2, 3), (1, 3)),
    ]
    return cases


def model_fixtures() -> list[dict]:
    Input, Model, Sequential = keras.Input, keras.Model, keras.Sequential

    def unbuilt():
        model = Sequential([layers.Dense(3, "relu", name="a"), layers.Dense(2, name="b")], name="late")
        model.build((None, 4))
        return model

    sequential = Sequential(
        [
            Input((6, 6, 1)),
            layers.Conv2D(2, 3, activation="relu", name="conv"),
            layers.MaxPooling2D(name="pool"),
            layers.Flatten(name="flatten"),
            layers.Dense(3, activation="softmax", name="dense"),
        ],
        name="sequential",
    )

    x = inputs = Input((None, None, 2), name="image")
    x = layers.Conv2D(3, 3, padding="same", use_bias=False, name="conv1")(x)
    x = layers.BatchNormalization(name="bn")(x)
    x = trunk = layers.Activation("relu", name="relu")(x)
    x = layers.Conv2D(3, 1, name="conv2")(x)
    x = layers.Add(name="add")([x, trunk])
    x = layers.Concatenate(name="join")([x, trunk])
    y = layers.GlobalAveragePooling2D(name="mean")(x)
    functional = Model(inputs, [y, trunk], name="functional")

    block = Sequential([Input((4,)), layers.Dense(4, "tanh", name="dense")], name="block")
    inputs = Input((4,), name="vector")
    inner_inputs = Input((4,), name="inner_input")
    inner = Model(inner_inputs, layers.Dense(3, name="dense")(block(inner_inputs)), name="inner")
    nested = Model(inputs, layers.Dense(2, name="dense")(inner(inputs)), name="nested")

    # A Functional model's own construction counts as a call where the outputs are named.
    inputs, inner_inputs = Input((3,), name="vector"), Input((3,), name="inner_input")
    twice = Model(inner_inputs, layers.Dense(3, "tanh", name="dense")(inner_inputs), name="twice")
    once = twice(inputs)
    outer = Model(inputs, [twice(once), once], name="outer")

    first, second = Input((4,), name="first"), Input((4,), name="second")
    shared_layer = layers.Dense(3, "relu", name="shared")
    a, b = shared_layer(first), shared_layer(second)
    tower = Sequential([Input((3,)), layers.Dense(2, name="dense")], name="tower")
    outputs = layers.Subtract(name="difference")([tower(a), tower(b)])
    shared = Model([first, second], outputs, name="shared")

    names = Input((2,), name="zulu"), Input((2,), name="alpha")
    dictionary = Model(
        {"zulu": names[0], "alpha": names[1]},
        layers.Concatenate(name="join")([names[0], names[1]]),
        name="dictionary",
    )
    by_name = fixture_of_dictionary(dictionary)

    return [
        fixture("sequential", sequential, [(2, 6, 6, 1)], ["conv", "pool", "flatten"]),
        fixture("unbuilt", unbuilt(), [(2, 4)]),
        fixture("functional", functional, [(1, 4, 5, 2)], ["conv1", "bn", "conv2", "add", "join"]),
        fixture("nested", nested, [(2, 4)]),
        fixture("nested outputs", outer, [(2, 3)]),
        fixture("shared", shared, [(2, 4), (2, 4)]),
        by_name,
    ]


def fixture_of_dictionary(model) -> dict:
    """A model that takes its inputs by name; the engine takes them sorted by name."""
    inputs = {"alpha": draw("alpha", (2, 2)), "zulu": draw("zulu", (2, 2))}
    return {
        "name": "dictionary",
        "config": model.to_json(),
        "weights": {},
        "inputs": [array(x) for x in inputs.values()],
        "outputs": [array(model(inputs))],
    }


def legacy_fixtures() -> list[dict]:
    """The same kinds of networks in the words of Keras 2."""
    sequential = keras.Sequential(
        [
            layers.Conv2D(2, 3, activation="relu", input_shape=(6, 6, 1), name="conv"),
            layers.AveragePooling2D(name="pool"),
            layers.Flatten(name="flatten"),
            layers.Dense(3, activation="softmax", name="dense"),
        ],
        name="sequential",
    )
    first, second = keras.Input((4,), name="first"), keras.Input((4,), name="second")
    shared = layers.Dense(3, "relu", name="shared")
    block = keras.Sequential([keras.Input((3,)), layers.Dense(2, name="dense")], name="block")
    a, b = block(shared(first)), block(shared(second))
    norm = layers.BatchNormalization(name="norm")
    inner_input = keras.Input((2,), name="inner_input")
    inner = keras.Model(inner_input, layers.Dense(2, name="dense")(inner_input), name="inner")
    outputs = [layers.Concatenate(name="join")([norm(a), b]), inner(inner(b)), a]
    functional = keras.Model([first, second], outputs, name="functional")
    return [
        fixture("legacy sequential", sequential, [(2, 6, 6, 1)], ["conv", "pool"]),
        fixture("legacy functional", functional, [(2, 4), (2, 4)]),
    ]


def write(name: str, cases: list[dict]) -> None:
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    (FOLDER / name).write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    if "legacy" in sys.argv:
        write("legacy.json", legacy_fixtures())
    else:
        write("layers.json", layer_fixtures())
        write("models.json", model_fixtures())
