"""Custom layers in every place of a model: nested, shared, subclassed, with variables."""

from __future__ import annotations

import keras
from intake.custom import case, numbers
from keras import layers, ops


class Scale(layers.Layer):
    """Variables on either side of an operator, and a function of a variable alone."""

    def build(self, shape):
        self.gamma = self.add_weight(shape=(shape[-1],), name="gamma", initializer="normal")
        self.rho = self.add_weight(shape=(), name="rho", initializer="normal", trainable=False)

    def call(self, x):
        return self.gamma * x + ops.exp(self.rho) - x / (2.0 + self.rho * self.rho)


class Block(layers.Layer):
    """Layers in attributes, lists and dicts, one of them twice, with BatchNormalization."""

    def __init__(self, units, **settings):
        super().__init__(**settings)
        self.first = layers.Dense(units, name="first")
        self.norm = layers.BatchNormalization(name="norm")
        self.scale = Scale(name="scale")
        self.more = [layers.Dense(units, activation="tanh"), layers.Dense(units)]
        self.named = {"gate": layers.Dense(units, activation="sigmoid", name="gate")}

    def call(self, x, training=None):
        y = self.norm(self.first(x), training=training)
        for layer in self.more:
            y = layer(y) * 0.5
        return ops.maximum(self.scale(y), -0.1) - self.first(x) * self.named["gate"](x)


@case
def variables():
    model = keras.Sequential([layers.Input((4,)), Scale(name="scale"), layers.Dense(2)])
    return model, numbers(3, 4)


@case
def nested():
    image = layers.Input((5,), name="image")
    block = Block(5, name="block")
    model = keras.Model(image, layers.Dense(3, name="head")(block(block(image))), name="nested")
    return model, numbers(3, 5)


@case
def subclassed():
    class Net(keras.Model):
        def __init__(self):
            super().__init__(name="net")
            self.block = Block(5, name="block")
            self.stack = keras.Sequential(
                [layers.Dense(5, activation="relu"), layers.Dropout(0.3), Scale()], name="stack"
            )
            self.head = layers.Dense(3, activation="softmax", name="head")

        def call(self, inputs, training=None):
            x = self.stack(self.block(inputs, training=training)) + self.block(inputs)
            return {"scores": self.head(x), "features": x}

    model = Net()
    model(numbers(2, 5))
    return model, numbers(3, 5)


@case
def dict_inputs():
    class Net(keras.Model):
        def __init__(self):
            super().__init__(name="net")
            self.left, self.right = layers.Dense(3, name="left"), layers.Dense(3, name="right")

        def call(self, inputs):
            a, b = self.left(inputs["x"]), self.right(inputs["a"])
            return [a + b, (a - b, ops.maximum(a, b))]

    model = Net()
    feed = {"x": numbers(2, 4), "a": numbers(2, 6)}
    model(feed)
    return model, feed


class Mix(layers.Layer):
    """Several arguments, numbers and flags among them, and several results."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self.dense = layers.Dense(4, name="dense")

    def call(self, x, y=None, *, factor=1.0, swap=False):
        if swap:
            x, y = y, x
        both = self.dense(x) + self.dense(y) * factor
        return {"sum": both, "parts": (both - x, y - both), "rest": [y * 2.0]}


@case
def arguments():
    x, y = layers.Input((4,), name="x"), layers.Input((4,), name="y")
    mix = Mix(name="mix")
    first = mix(x, y=y, factor=0.5)
    second = mix(first["sum"], y=first["parts"][0], swap=True)
    return keras.Model([x, y], [second["sum"], first["rest"][0]]), [
        numbers(2, 4),
        numbers(3, 4)[1:],
    ]


@case
def several_inputs():
    class Net(keras.Model):
        def __init__(self):
            super().__init__(name="net")
            self.dense = layers.Dense(3, name="dense")

        def call(self, x, y):
            return self.dense(x) * self.dense(y)

    inner = Net()
    x, y = layers.Input((4,), name="x"), layers.Input((4,), name="y")
    return keras.Model([x, y], inner(x, y)), [numbers(2, 4), numbers(3, 4)[1:]]


@case
def lambdas():
    x = layers.Input((4,))
    y = layers.Lambda(lambda t: t * 2.0 + 1.0, name="twice")(x)
    y = layers.Dense(3, activation=lambda t: ops.maximum(t, 0.2 * t), name="leaky")(y)
    y = layers.Activation(lambda t: t * t, name="squared")(y)
    z = layers.Lambda(lambda pair: pair[0] - pair[1], name="difference")([y, layers.Dense(3)(x)])
    return keras.Model(x, z), numbers(3, 4)


class OwnDense(layers.Dense):
    """A built-in layer with a call of its own."""

    def call(self, inputs):
        return super().call(inputs) * 3.0


@case
def derived():
    return keras.Sequential([layers.Input((4,)), OwnDense(3, name="own")]), numbers(2, 4)


@case
def functional_subclass():
    class Net(keras.Model):
        def __init__(self, name):
            x = layers.Input((4,))
            super().__init__(inputs=x, outputs=Scale(name="scale")(layers.Dense(4)(x)), name=name)

    class Doubled(Net):
        def call(self, inputs, training=None, mask=None):
            return 2.0 * super().call(inputs)

    x = layers.Input((4,))
    return keras.Model(x, [Net("plain")(x), Doubled("doubled")(x)]), numbers(2, 4)


@case
def backbone():
    image = layers.Input((6, 6, 3), name="image")
    deep = layers.Conv2D(4, 3, name="conv")(image)
    deep = layers.BatchNormalization(name="norm")(deep)
    inner = keras.Model(
        image, [deep, layers.GlobalAveragePooling2D(name="pool")(deep)], name="inner"
    )

    class Net(keras.Model):
        def __init__(self):
            super().__init__(name="net")
            self.inner, self.head = inner, layers.Dense(2, name="head")

        def call(self, x):
            deep, pooled = self.inner(x / 2.0)
            return self.head(pooled) + self.head(layers.GlobalMaxPooling2D()(layers.ReLU()(deep)))

    model = Net()
    model(numbers(2, 6, 6, 3))
    return model, numbers(1, 6, 6, 3)


@case
def side_effects():
    class Watchful(layers.Layer):
        def __init__(self, **settings):
            super().__init__(**settings)
            self.dense = layers.Dense(4, activity_regularizer="l2", name="dense")
            self.seen, self.log = None, []
            self.mean = keras.metrics.Mean(name="mean")

        def build(self, shape):
            self.steps = self.add_weight(shape=(), name="steps", trainable=False)

        def call(self, x):
            self.steps.assign_add(1.0)
            self.seen = x
            self.log.append(x)
            y = self.dense(x)
            self.add_loss(ops.mean(y))
            self.mean.update_state(ops.mean(y))
            return y * 2.0

    x = layers.Input((4,))
    return keras.Model(x, Watchful(name="watchful")(x)), numbers(2, 4)


class Positions(layers.Layer):
    """What it returns doesn't depend on its input."""

    def build(self, shape):
        self.table = self.add_weight(shape=shape[1:], name="table", initializer="normal")

    def call(self, x):
        return self.table * 1.0


@case
def positions():
    x = layers.Input((3, 4))
    return keras.Model(x, x + Positions(name="positions")(x)), numbers(2, 3, 4)
