"""Steps of random networks: layers of all families, each taking an image and returning one."""

from conformance.random_builder import Builder


class ConvolutionSteps(Builder):
    """Convolutions of other kinds than the usual."""

    def depthwise(self, x):
        from keras import layers

        return layers.DepthwiseConv2D(
            self.window(x), padding=self.one_of("same", "valid"),
            depth_multiplier=self.integer(1, 2), activation=self.activation(),
            use_bias=self.one_of(True, False), name=self.name("depthwise"),
        )(x)  # fmt: skip

    def separable(self, x):
        from keras import layers

        return layers.SeparableConv2D(
            self.integer(1, 4), self.window(x), padding=self.one_of("same", "valid"),
            depth_multiplier=self.integer(1, 2), activation=self.activation(),
            name=self.name("separable"),
        )(x)  # fmt: skip

    def transposed(self, x):
        from keras import layers

        return layers.Conv2DTranspose(
            self.integer(1, 3), self.integer(1, 3), strides=self.integer(1, 2),
            padding=self.one_of("same", "valid"), activation=self.activation(),
            name=self.name("transposed"),
        )(x)  # fmt: skip

    def volume(self, x):
        from keras import layers

        cube = layers.Reshape((*x.shape[1:], 1), name=self.name("cube"))(x)
        cube = layers.Conv3D(
            self.integer(1, 2), (1, 2, 1), padding="same", activation=self.activation(),
            name=self.name("conv3d"),
        )(cube)  # fmt: skip
        cube = layers.AveragePooling3D((1, 1, 1), name=self.name("pool3d"))(cube)
        height, width, channels, filters = cube.shape[1:]
        return layers.Reshape((height, width, channels * filters), name=self.name("flat"))(cube)


class ShapeSteps(Builder):
    """Layers that move pixels about."""

    def upsample(self, x):
        from keras import layers

        kinds = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")
        return layers.UpSampling2D(
            (self.integer(1, 2), self.integer(1, 2)), interpolation=self.one_of(*kinds),
            name=self.name("up"),
        )(x)  # fmt: skip

    def crop(self, x):
        from keras import layers

        rows, columns = (self.integer(0, min(1, length // 3)) for length in x.shape[1:3])
        return layers.Cropping2D(((rows, 0), (0, columns)), name=self.name("crop"))(x)

    def permute(self, x):
        from keras import layers

        order = self.one_of((2, 1, 3), (3, 1, 2), (1, 3, 2))
        return layers.Permute(order, name=self.name("permute"))(x)

    def slices(self, x):
        return x[:, :: self.one_of(1, 2), ::-1, self.one_of(0, -1) :]


class NormalizationSteps(Builder):
    """Normalizations by the input's own numbers, and activations with settings."""

    def own_norm(self, x):
        from keras import layers

        kinds = [
            lambda: layers.LayerNormalization(axis=self.one_of(-1, (1, 2), (2, 3)), epsilon=0.1),
            lambda: layers.GroupNormalization(self.one_of(1, -1, x.shape[-1]), epsilon=0.1),
            lambda: layers.RMSNormalization(epsilon=0.1),
            lambda: layers.UnitNormalization(axis=self.one_of(-1, 1)),
        ]
        return self.one_of(*kinds)()(x)

    def bent(self, x):
        from keras import layers

        smooth = [lambda: layers.Activation(self.one_of("silu", "gelu", "softplus", "mish"))]
        kinked = [
            lambda: layers.LeakyReLU(0.2),
            lambda: layers.PReLU(shared_axes=self.one_of(None, (1, 2))),
            lambda: layers.ELU(0.7),
            lambda: layers.Activation(self.one_of("hard_sigmoid", "hard_silu", "relu6", "selu")),
        ]
        return self.one_of(*(smooth if self.smooth else smooth + kinked))()(x)


class SequenceSteps(Builder):
    """Layers of sequences: the image's pixels one after the other."""

    def sequence(self, x):
        from keras import layers

        _, height, width, channels = x.shape
        steps = layers.Reshape((height * width, channels), name=self.name("steps"))(x)
        steps = steps[:, : self.integer(2, 6)]
        steps = self.one_of(self.recurrent, self.attention, self.conv1d, self.distributed)(steps)
        return layers.Reshape((steps.shape[1], 1, steps.shape[2]), name=self.name("back"))(steps)

    def recurrent(self, x):
        from keras import layers

        kind = self.one_of(layers.LSTM, layers.GRU, layers.SimpleRNN)
        direction = self.one_of("forwards", "backwards", "both")
        layer = kind(
            self.integer(1, 4), return_sequences=True, go_backwards=direction == "backwards",
            name=self.name("recurrent"),
        )  # fmt: skip
        if direction == "both":
            mode = self.one_of("concat", "sum", "mul", "ave")
            layer = layers.Bidirectional(layer, merge_mode=mode, name=self.name("both"))
        return layer(x)

    def attention(self, x):
        from keras import layers

        # Keras 3.15 on TensorFlow adds a bias of shape (heads, 1) to the steps where there are as
        # many (Keras on JAX doesn't): no heads of one number.
        layer = layers.MultiHeadAttention(
            self.integer(1, 2), self.integer(2, 3), name=self.name("attention")
        )
        return layer(x, x, use_causal_mask=self.one_of(True, False))

    def conv1d(self, x):
        from keras import layers

        return layers.Conv1D(
            self.integer(1, 4), min(2, x.shape[1]), padding=self.one_of("same", "causal", "valid"),
            activation=self.activation(), name=self.name("conv1d"),
        )(x)  # fmt: skip

    def distributed(self, x):
        from keras import layers

        inner = layers.Dense(self.integer(1, 4), activation="tanh")
        return layers.TimeDistributed(inner, name=self.name("distributed"))(x)


class OperationSteps(Builder):
    """Functions of `keras.ops`."""

    def arithmetic(self, x):
        from keras import ops

        centred = x - ops.mean(x, axis=self.one_of(1, 2, (1, 2)), keepdims=True)
        return self.one_of(
            lambda: centred * 0.5 + 1,
            lambda: 1 - centred / 2,
            lambda: centred / ops.sqrt(ops.var(x, axis=(1, 2, 3), keepdims=True) + 0.1),
            lambda: ops.tanh(x) * ops.sigmoid(centred),
            lambda: ops.concatenate([x, centred], axis=self.one_of(1, 2, 3)),
            lambda: ops.pad(x, ((0, 0), (1, 0), (0, 1), (0, 0))),
            lambda: ops.roll(x, 1, axis=2),
        )()

    def mixed(self, x):
        from keras import ops

        # Every pixel looks at every pixel of its column.
        columns = ops.transpose(x, (0, 2, 1, 3))
        scores = ops.softmax(ops.matmul(columns, ops.transpose(columns, (0, 1, 3, 2))), axis=-1)
        return ops.transpose(ops.einsum("bwij,bwjc->bwic", scores, columns), (0, 2, 1, 3))


class AllSteps(ConvolutionSteps, ShapeSteps, NormalizationSteps, SequenceSteps, OperationSteps):
    """Steps of every family."""

    def families(self):
        """Return a list of steps for each family, so that each is drawn as often."""
        return [
            [self.depthwise, self.separable, self.transposed, self.volume],
            [self.upsample, self.crop, self.permute, self.slices],
            [self.own_norm, self.bent],
            [self.sequence],
            [self.arithmetic, self.mixed],
        ]
