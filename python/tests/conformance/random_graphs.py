"""Random Functional networks of layers of every family, chosen by Hypothesis."""

from conformance.random_layers import AllSteps
from hypothesis import strategies as st

SMOOTH = ["linear", "tanh", "sigmoid", "softmax"]
"""Activations whose gradient is no jump anywhere."""

LARGEST = 600
"""Numbers in one sample of a layer's output: examples stay small enough to read."""


def build_network(draw, *, smooth):
    """Return a network of one image input and one output, chosen by `draw` of ``st.data()``.

    No strategy of its own: Keras' initializers take random numbers where Hypothesis forbids it.
    `smooth` leaves out whatever has a kink: its gradient depends on rounding.
    """
    import keras

    builder = NetworkBuilder(draw, smooth, SMOOTH if smooth else [*SMOOTH, "relu"])
    shape = tuple(draw(st.integers(low, high)) for low, high in ((4, 8), (4, 8), (1, 4)))
    image = keras.Input(shape, name="image")
    x = image
    for _ in range(draw(st.integers(1, 6))):
        x = builder.step(x)
    return keras.Model(image, builder.head(x), name="drawn")


class NetworkBuilder(AllSteps):
    """Appends layers to a network."""

    def step(self, x):
        """Return `x` passed through one more layer, or a few that belong together."""
        plain = [
            self.conv, self.conv, self.pool, self.norm, self.activate, self.pad, self.dense,
            self.residual, self.concatenate, self.nested, self.shared, self.reshape, self.dropout,
        ]  # fmt: skip
        self.seen.append(x)
        result = self.one_of(*self.one_of(plain, plain, *self.families()))(x)
        # What would grow too large is left out rather than the whole example.
        return result if result.shape[1] * result.shape[2] * result.shape[3] <= LARGEST else x

    def conv(self, x):
        from keras import layers

        _, height, width, channels = x.shape
        padding = self.one_of("same", "valid")
        # Keras compiles each grouped convolution by itself, which takes a second: few of them.
        groups = self.one_of(1, 1, 1, channels)
        settings = {"padding": padding, "groups": groups, "use_bias": self.one_of(True, False)}
        window = (self.integer(1, min(3, height)), self.integer(1, min(3, width)))
        # Keras can't do both.
        if padding == "same" and self.one_of(True, False):
            settings["dilation_rate"] = (self.integer(1, 2), self.integer(1, 2))
        else:
            # TensorFlow 2.21 errs where a stride exceeds its window (Keras on JAX doesn't).
            settings["strides"] = tuple(self.integer(1, length) for length in window)
        return layers.Conv2D(
            groups * self.integer(1, 3), window, activation=self.activation(),
            name=self.name("conv"), **settings,
        )(x)  # fmt: skip

    def pool(self, x):
        from keras import layers

        kinds = [layers.AveragePooling2D] + [layers.MaxPooling2D] * (not self.smooth)
        window = (self.integer(1, min(3, x.shape[1])), self.integer(1, min(3, x.shape[2])))
        return self.one_of(*kinds)(
            window, strides=self.one_of(None, 1, 2, 3), padding=self.one_of("same", "valid"),
            name=self.name("pool"),
        )(x)  # fmt: skip

    def norm(self, x):
        from keras import layers

        return layers.BatchNormalization(
            axis=self.one_of(-1, -1, 1, 2), center=self.one_of(True, False),
            scale=self.one_of(True, False), epsilon=self.one_of(1e-3, 1e-1),
            name=self.name("norm"),
        )(x)  # fmt: skip

    def activate(self, x):
        from keras import layers

        makers = [
            lambda: layers.Activation(self.activation(), name=self.name("activation")),
            lambda: layers.Softmax(axis=self.one_of(-1, 1, 2), name=self.name("softmax")),
        ]
        if not self.smooth:
            bent = {"max_value": 0.6, "negative_slope": 0.1, "threshold": 0.05}
            makers.append(lambda: layers.ReLU(name=self.name("relu")))
            makers.append(lambda: layers.ReLU(**bent, name=self.name("relu")))
        return self.one_of(*makers)()(x)

    def pad(self, x):
        from keras import layers

        sides = self.one_of(1, (0, 2), ((0, 1), (2, 0)), ((1, 0), (0, 0)))
        return layers.ZeroPadding2D(sides, name=self.name("padding"))(x)

    def dense(self, x):
        from keras import layers

        return layers.Dense(
            self.integer(1, 5), activation=self.activation(), name=self.name("dense")
        )(x)

    def dropout(self, x):
        from keras import layers

        return layers.Dropout(0.5, name=self.name("dropout"))(x)

    def reshape(self, x):
        from keras import layers

        _, height, width, channels = x.shape
        target = self.one_of((width, height, channels), (-1, 1, channels), (height, -1, 1))
        return layers.Reshape(target, name=self.name("reshape"))(x)

    def same_shape(self, x):
        from keras import layers

        return layers.Conv2D(
            x.shape[-1], self.integer(1, 3), padding="same", activation=self.activation(),
            name=self.name("branch"),
        )  # fmt: skip

    def residual(self, x):
        from keras import layers

        branches = [self.same_shape(x)(x) for _ in range(self.integer(1, 2))]
        earlier = [each for each in self.seen if each.shape == x.shape][:1]
        return layers.Add(name=self.name("add"))([x, *branches, *earlier])

    def concatenate(self, x):
        from keras import layers

        parts = [x, self.same_shape(x)(x)]
        return layers.Concatenate(axis=self.one_of(-1, 1, 2), name=self.name("join"))(parts)

    def nested(self, x):
        """Pass `x` through a model of its own, sometimes twice."""
        import keras

        start = keras.Input(x.shape[1:], name=self.name("inner_image"))
        inner = self.norm(self.same_shape(x)(start))
        if self.one_of(True, False):
            inner = keras.layers.Add(name=self.name("inner_add"))([start, inner])
        model = keras.Model(start, inner, name=self.name("inner"))
        return model(model(x)) if self.one_of(True, False) else model(x)

    def shared(self, x):
        layer = self.same_shape(x)
        return layer(layer(x))

    def head(self, x):
        from keras import layers

        kinds = [layers.Flatten, layers.GlobalAveragePooling2D]
        kinds += [layers.GlobalMaxPooling2D] * (not self.smooth)
        x = self.one_of(*kinds)(name=self.name("vector"))(x)
        return layers.Dense(4, activation=self.activation(), name="scores")(x)
