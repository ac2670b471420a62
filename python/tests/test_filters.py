"""Drawings of weights, read back from the figure; the weights are numbers that tests chose."""

import numpy as np
import pytest

import phosphene as ph


def network(kernels, dense=None):
    """Return a network of convolutions named conv1, conv2 ... and perhaps a dense layer."""
    channels = kernels[0].shape[2]
    shape = [None, 16, 16, channels]
    layers = [{"class_name": "InputLayer", "config": {"batch_shape": shape, "name": "input"}}]
    weights = []
    for number, kernel in enumerate(kernels, 1):
        settings = {"filters": kernel.shape[3], "kernel_size": kernel.shape[:2], "padding": "same"}
        settings |= {"name": f"conv{number}", "use_bias": False}
        layers.append({"class_name": "Conv2D", "config": settings})
        weights.append(kernel)
    layers.append({"class_name": "GlobalAveragePooling2D", "config": {"name": "mean"}})
    if dense is not None:
        settings = {"name": "dense", "units": dense.shape[1], "use_bias": False}
        layers.append({"class_name": "Dense", "config": settings})
        weights.append(dense)
    return {"class_name": "Sequential", "config": {"name": "net", "layers": layers}}, weights


@pytest.fixture
def model():
    random = np.random.default_rng(0)
    kernels = [random.normal(size=shape) for shape in [(3, 3, 3, 8), (3, 5, 8, 4), (3, 3, 4, 6)]]
    kernels = [kernel.astype(np.float32) for kernel in kernels]
    dense = random.normal(size=(6, 2)).astype(np.float32)
    return ph.load(network(kernels, dense))


def drawn(axes):
    return axes.images[0].get_array()


def test_one_row_of_one_filter_each(model):
    names = ["conv1", "conv2", "conv3"]
    figure = ph.filters(model, names, index=0, input_channel=0, cmap="gray")
    tops = {round(axes.get_position().y1, 6) for axes in figure.axes}
    lefts = [axes.get_position().x0 for axes in figure.axes]
    assert len(tops) == 1
    assert lefts == sorted(lefts)
    for axes, name in zip(figure.axes, names, strict=True):
        kernel = model[name].get_weights()[0]
        assert axes.get_title() == f"{name}\n{kernel.shape}"
        np.testing.assert_array_equal(drawn(axes), kernel[:, :, 0, 0])
        assert axes.images[0].get_clim() == (kernel[:, :, 0, 0].min(), kernel[:, :, 0, 0].max())
        assert "filter 0, input channel 0" in axes.get_xlabel()


def test_first_layer_in_colour_on_one_scale(model):
    (axes,) = ph.filters(model, "conv1").axes
    kernel = model["conv1"].get_weights()[0]
    colours = drawn(axes)
    assert colours.shape == (7, 15, 4)  # 2 x 4 tiles of 3 and gaps of 1; red, green, blue, alpha
    largest = np.abs(kernel).max()
    for number in range(8):
        row, column = number // 4 * 4, number % 4 * 4
        tile = colours[row : row + 3, column : column + 3]
        np.testing.assert_allclose(
            tile[..., :3], 0.5 + kernel[..., number] / (2 * largest), atol=1e-6
        )
        assert (tile[..., 3] == 1).all()
    assert (colours[3, :, 3] == 0).all()  # a gap


def test_colours_of_a_network_that_takes_blue_first(model):
    kernel = model["conv1"].get_weights()[0]
    caffe = ph.load(network([kernel]), preprocessing="caffe")
    plain, reverse = (drawn(ph.filters(m, "conv1").axes[0]) for m in (model, caffe))
    np.testing.assert_array_equal(plain[..., [2, 1, 0, 3]], reverse)


def test_deeper_layers_show_the_mean_over_input_channels(model):
    (axes,) = ph.filters(model, "conv2", index=[1, 3]).axes
    kernel = model["conv2"].get_weights()[0]
    means = kernel.mean(axis=2)
    picture = drawn(axes)
    np.testing.assert_allclose(picture[:3, :5], means[..., 1], rtol=1e-6)
    low, high = axes.images[0].get_clim()
    assert low == -high  # white is zero
    assert high == pytest.approx(np.abs(means[..., [1, 3]]).max())
    assert "2 of 4 filters, mean of 8 channels" in axes.get_xlabel()


def test_negative_numbers_count_from_the_end(model):
    (axes,) = ph.filters(model, "conv3", index=-1, input_channel=-2).axes
    np.testing.assert_array_equal(drawn(axes), model["conv3"].get_weights()[0][:, :, 2, 5])
    assert "filter 5, input channel 2" in axes.get_xlabel()


def test_dense_layers_are_matrices(model):
    (axes,) = ph.filters(model, "dense").axes
    np.testing.assert_array_equal(drawn(axes), model["dense"].get_weights()[0])
    assert "6 inputs, 2 units" in axes.get_xlabel()


def test_nan_weights_are_pink():
    kernel = np.zeros((5, 5, 1, 1), np.float32)
    kernel[2, 2] = np.nan
    (axes,) = ph.filters(network([kernel]), "conv1").axes
    assert len(axes.images) == 2
    np.testing.assert_array_equal(np.argwhere(~drawn_mask(axes.images[1])), [[2, 2]])


def drawn_mask(image):
    return np.ma.getmaskarray(image.get_array())


def test_layers_can_be_given_as_such(model):
    assert ph.filters(model, model.layers[0]).axes[0].get_title().startswith("conv1")


@pytest.mark.parametrize(
    ("layers", "options", "error", "message"),
    [
        ("conv9", {}, ph.InvalidArgumentError, "conv9.*conv1"),
        ([], {}, ph.InvalidArgumentError, "received none"),
        (
            "mean",
            {},
            ph.UnsupportedError,
            "'mean' is a GlobalAveragePooling2D, which has no kernel",
        ),
        ("conv1", {"index": 8}, ph.InvalidArgumentError, "8 filters, 0 to 7; received 8"),
        ("conv1", {"index": []}, ph.InvalidArgumentError, "received none"),
        ("conv1", {"input_channel": 3}, ph.InvalidArgumentError, "3 input channels.*received 3"),
        ("conv1", {"index": 0.5}, ph.InvalidArgumentError, r"received 0\.5"),
        ("dense", {"index": 2}, ph.InvalidArgumentError, "2 units, 0 to 1; received 2"),
        ("conv2", {"cmap": "grey1"}, ph.InvalidArgumentError, "cmap must be .* 'grey1'"),
    ],
)
def test_refusals(model, layers, options, error, message):
    with pytest.raises(error, match=message):
        ph.filters(model, layers, **options)


def signal_network(kernel):
    channels, dimensions = kernel.shape[-2], kernel.ndim - 2
    shape = [None, *[12] * dimensions, channels]
    settings = {"filters": kernel.shape[-1], "kernel_size": kernel.shape[:-2], "use_bias": False}
    layers = [
        {"class_name": "InputLayer", "config": {"batch_shape": shape, "name": "input"}},
        {"class_name": f"Conv{dimensions}D", "config": settings | {"name": "conv"}},
    ]
    config = {"class_name": "Sequential", "config": {"name": "net", "layers": layers}}
    return ph.load((config, [kernel]))


def test_filters_of_signals_are_matrices():
    kernel = np.random.default_rng(1).normal(size=(5, 3, 2)).astype(np.float32)
    model = signal_network(kernel)
    (axes,) = ph.filters(model, "conv", index=1).axes
    np.testing.assert_array_equal(drawn(axes), kernel[:, :, 1].T)
    assert axes.get_title() == "conv\n(5, 3, 2)"
    assert "filter 1, 3 channels downwards" in axes.get_xlabel()
    (axes,) = ph.filters(model, "conv").axes
    assert "2 filters" in axes.get_xlabel()
    (axes,) = ph.filters(model, "conv", index=0, input_channel=2).axes
    np.testing.assert_array_equal(drawn(axes), kernel[np.newaxis, :, 2, 0])


def test_filters_of_volumes_are_refused():
    model = signal_network(np.ones((2, 2, 2, 1, 3), np.float32))
    with pytest.raises(ph.UnsupportedError, match=r"'conv' is a Conv3D, whose weights of shape"):
        ph.filters(model, "conv")
