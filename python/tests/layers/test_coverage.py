"""Nothing is supported that isn't compared with Keras, and no layer of Keras is forgotten."""

import inspect

import pytest
from layers.tables import covered

from phosphene._engine.library import supported

OLD_NAMES = {
    "AvgPool1D", "AvgPool2D", "AvgPool3D", "Convolution1D", "Convolution1DTranspose",
    "Convolution2D", "Convolution2DTranspose", "Convolution3D", "Convolution3DTranspose",
    "DepthwiseConvolution1D", "DepthwiseConvolution2D", "GlobalAvgPool1D", "GlobalAvgPool2D",
    "GlobalAvgPool3D", "GlobalMaxPool1D", "GlobalMaxPool2D", "GlobalMaxPool3D",
    "GroupedQueryAttention", "MaxPool1D", "MaxPool2D", "MaxPool3D", "SeparableConvolution1D",
    "SeparableConvolution2D",
}  # fmt: skip
"""Names under which Keras 1 and 2 wrote classes that are compared under their present name."""

KERAS_2_ONLY = {
    "CuDNNGRU", "Custom>CustomScaleLayer", "CuDNNLSTM", "RandomHeight", "RandomWidth",
    "SlicingOpLambda", "TFOpLambda", "TensorFlowOpLayer", "ThresholdedReLU",
}  # fmt: skip
"""Classes that Keras 3 has no more: tests of the intake compare them with files of Keras 2."""

UNDER_OTHER_NAMES = {
    "Equalization", "GRUCell", "LSTMCell", "SimpleRNNCell", "StackedRNNCells",
}  # fmt: skip
"""Cells are compared by themselves under "Cells" and inside "RNN"; equalization is the identity."""

NO_FUNCTION = {
    "FlaxLayer": "code",
    "HashedCrossing": "text",
    "Hashing": "text",
    "IntegerLookup": "text",
    "JaxLayer": "code",
    "Lambda": "code",
    "StringLookup": "text",
    "TFSMLayer": "code",
    "TextVectorization": "text",
    "TorchModuleWrapper": "code",
}
"""Layers of Keras that are refused: code in a file, and looking up text."""

ABSTRACT = {"InputLayer", "Layer", "Wrapper"}


def test_every_supported_layer_is_compared_with_keras():
    untested = set(supported()["layers"]) - set(covered(operations=False)) - OLD_NAMES
    assert sorted(untested - KERAS_2_ONLY - UNDER_OTHER_NAMES) == []


@pytest.mark.keras
def test_every_layer_of_keras_is_supported_or_refused_for_a_reason(keras):
    names = {
        value.__name__
        for value in vars(keras.layers).values()
        if inspect.isclass(value) and issubclass(value, keras.layers.Layer)
    }
    known = set(supported()["layers"]) | set(NO_FUNCTION) | ABSTRACT
    assert sorted(names - known) == []
