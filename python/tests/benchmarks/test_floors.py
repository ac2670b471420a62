"""Counts of multiply-adds against published ones, floors against arithmetic by hand."""

import pytest
from floors import Peak, Work, floor_seconds, work
from jobs import Job


def convolution(side: int, window: int, channels: int, filters: int) -> Work:
    """Return the work of a convolution with an output of `side` x `side`."""
    kernel = (window, window, channels, filters)
    return work("Conv2D", [kernel], (side, side, channels), (side, side, filters))


def vgg16() -> list[Work]:
    plan = [(224, 64), (224, 64), (112, 128), (112, 128), *[(56, 256)] * 3]
    plan += [*[(28, 512)] * 3, *[(14, 512)] * 3]
    layers, channels = [], 3
    for side, filters in plan:
        layers.append(convolution(side, 3, channels, filters))
        channels = filters
    dense = ((25088, 4096), (4096, 4096), (4096, 1000))
    return layers + [work("Dense", [each, each[1:]], each[:1], each[1:]) for each in dense]


def resnet50() -> list[Work]:
    """Return the first version, which steps in the first convolution of a stage."""
    layers, channels = [convolution(112, 7, 3, 64)], 64
    for side, width, blocks in ((56, 64, 3), (28, 128, 4), (14, 256, 6), (7, 512, 3)):
        layers.append(convolution(side, 1, channels, 4 * width))
        for _ in range(blocks):
            layers.append(convolution(side, 1, channels, width))
            layers.append(convolution(side, 3, width, width))
            layers.append(convolution(side, 1, width, 4 * width))
            channels = 4 * width
    return [*layers, work("Dense", [(2048, 1000), (1000,)], (2048,), (1000,))]


def mobilenetv2() -> list[Work]:
    # Sandler et al., "MobileNetV2", 2018, table 2: expansion, filters, repetitions, step.
    table = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1)]
    table += [(6, 160, 3, 2), (6, 320, 1, 1)]
    layers, channels, side = [convolution(112, 3, 3, 32)], 32, 112
    for expansion, filters, repetitions, step in table:
        for index in range(repetitions):
            wide = expansion * channels
            if expansion > 1:
                layers.append(convolution(side, 1, channels, wide))
            side //= step if index == 0 else 1
            shape = (side, side, wide)
            layers.append(work("DepthwiseConv2D", [(3, 3, wide, 1), (wide,)], shape, shape))
            layers.append(convolution(side, 1, wide, filters))
            channels = filters
    layers.append(convolution(7, 1, 320, 1280))
    return [*layers, work("Dense", [(1280, 1000), (1000,)], (1280,), (1000,))]


@pytest.mark.parametrize(
    ("layers", "published"),
    [
        (vgg16(), 15.47e9),  # torchvision's table of models
        (resnet50(), 3.86e9),  # He et al., 2015: "3.8 x 10^9"
        (mobilenetv2(), 0.301e9),  # Sandler et al., 2018: 300M
    ],
    ids=["vgg16", "resnet50", "mobilenetv2"],
)
def test_multiply_adds_are_the_published_ones(layers, published):
    total = sum(layer.multiply_adds for layer in layers)
    assert total == pytest.approx(published, rel=5e-3)


def test_weights_are_those_of_vgg16():
    parameters = sum(layer.weight_bytes for layer in vgg16()) / 4
    biases = 64 * 2 + 128 * 2 + 256 * 3 + 512 * 6  # convolutions above have none
    assert parameters + biases == 138_357_544  # Keras' count_params


def test_transposed_convolution_counts_input_positions():
    layer = work("Conv2DTranspose", [(4, 4, 8, 16), (8,)], (5, 5, 16), (10, 10, 8))
    assert layer.multiply_adds == 5 * 5 * 4 * 4 * 8 * 16


def test_separable_convolution_counts_both_kernels():
    kernels = [(3, 3, 8, 2), (1, 1, 16, 32), (32,)]
    layer = work("SeparableConv2D", kernels, (6, 6, 8), (6, 6, 32))
    assert layer.multiply_adds == 36 * (3 * 3 * 16 + 16 * 32)


def test_dense_layer_on_rows_counts_each_row():
    layer = work("Dense", [(50, 75), (75,)], (50, 50), (50, 75))
    assert layer.multiply_adds == 50 * 50 * 75


def test_layers_without_kernels_count_nothing():
    norm = work("BatchNormalization", [(8,)] * 4, (6, 6, 8), (6, 6, 8))
    assert norm.multiply_adds == 0


def test_floor_takes_the_longer_of_arithmetic_and_memory():
    peak = Peak(flops=1000.0, bandwidth=100.0)
    bound_by_arithmetic = Work(multiply_adds=1000, weight_bytes=10, output_bytes=40)
    bound_by_memory = Work(multiply_adds=5, weight_bytes=300, output_bytes=40)
    layers = [bound_by_arithmetic, bound_by_memory]
    assert floor_seconds(Job("x", "forward"), layers, peak) == pytest.approx(2.0 + 3.0)
    assert floor_seconds(Job("x", "gradient"), layers, peak) == pytest.approx(2 * (2.0 + 3.0))
    # Weights are read once for the whole batch; a trace writes 80 bytes a sample.
    assert floor_seconds(Job("x", "forward", batch=4), layers, peak) == pytest.approx(8.0 + 3.0)
    assert floor_seconds(Job("x", "trace"), layers, peak) == pytest.approx(2.0 + 3.0 + 0.8)
    assert floor_seconds(Job("x", "memory"), layers, peak) == 0.0
