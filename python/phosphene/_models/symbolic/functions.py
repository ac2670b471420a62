"""The functions of ``keras.ops`` as one table: where Keras has them and what they take."""

from __future__ import annotations

import inspect
import re
from ast import literal_eval
from dataclasses import dataclass
from functools import cache
from typing import Any

_TABLE = {
    "numpy": """
        (array, .k=1, .axes=(0, 1)) rot90
        (x) absolute fabs angle arccos arccosh arcsin arcsinh arctan arctanh cbrt ceil conjugate
            copy cos cosh deg2rad rad2deg exp exp2 expm1 fliplr flipud floor imag isfinite isinf
            isnan isneginf isposinf isreal log log10 log1p log2 logical_not ravel real reciprocal
            sign signbit sin sinc sinh tan tanh trunc negative square sqrt corrcoef
        (x1, x2) add arctan2 heaviside dot equal greater greater_equal hypot kron ldexp less
            less_equal logaddexp logaddexp2 logical_and logical_or matmul maximum fmax minimum fmin
            mod fmod not_equal outer vdot inner subtract multiply divide divide_no_nan true_divide
            power floor_divide logical_xor
        (x, .axis=None, .keepdims=False) all any amax amin argmax argmin median nanargmax nanargmin
            nanmax nanmean nanmedian nanmin nanprod nanstd nansum nanvar ptp std mean var sum
        (x1, x2, .rtol=1e-05, .atol=1e-08, .equal_nan=False) AllClose:allclose
        (x1, x2, .axis=None) append
        (x, .axis=-1) argsort sort
        (x, .axis=None, weights=None) average
        (x, y) bitwise_left_shift left_shift bitwise_right_shift right_shift
        (x, .shape) broadcast_to
        (x, .x_min, .x_max) clip
        (xs, .axis=0) concatenate
        (x, .axis=None) count_nonzero flip squeeze
        (x1, x2, .axisa=-1, .axisb=-1, .axisc=-1, .axis=None) cross
        (x, .axis=None, .dtype=None) cumprod cumsum nancumsum nancumprod
        (x, .k=0) diag diagflat tril triu
        (x, .offset=0, .axis1=0, .axis2=1) diagonal trace
        (a, .n=1, .axis=-1) diff
        (x, bins) digitize
        (xs) dstack hstack vstack
        (.subscripts, *operands) einsum
        (x, .dtype=None) empty_like ones_like zeros_like
        (x, .axis) expand_dims
        (x, fill_value, .dtype=None) full_like
        (x, key) get_item
        (x, .indices_or_sections) hsplit vsplit dsplit
        (x1, x2, rtol=1e-05, atol=1e-08, .equal_nan=False) isclose
        (x1, x2, .assume_unique=False, .invert=False) IsIn:isin
        (x, .axis=None, .keepdims=False, .initial=None) max min
        (*x, .indexing='xy') meshgrid
        (x, .source, .destination) moveaxis
        (x, q, .axis=None, .method='linear', .keepdims=False) nanpercentile nanquantile percentile
            quantile
        (x, .nan=0.0, .posinf=None, .neginf=None) nan_to_num
        (x, .pad_width, .mode='constant', constant_values=None) pad
        (x, .axis=None, .keepdims=False, .dtype=None) prod
        (indices, .shape) unravel_index
        (x, .repeats, .axis=None) repeat
        (x, .newshape) reshape
        (x, .shift, .axis=None) roll
        (x, .decimals=0) round
        (sorted_sequence, values, .side='left') SearchSorted:searchsorted
        (x, .indices_or_sections, .axis=0) split array_split
        (x, .axis=0) stack
        (x, .axis1, .axis2) swapaxes
        (x, indices, .axis=None) take take_along_axis
        (x1, x2, .axes=2) tensordot
        (x, .repeats) tile
        (condition, x1=None, x2=None) where
        (x, .axes=None) transpose
        (y, .x=None, .dx=1.0, .axis=-1) trapezoid
        (x, .N=None, .increasing=False) vander
        (x1, x2, .mode='valid') correlate
        (condlist, choicelist, default=0) select
    """,
    "nn": """
        (x) relu relu6 sigmoid sparse_sigmoid softplus softsign sparse_plus silu log_sigmoid
            hard_sigmoid hard_silu selu tanh_shrink hard_tanh
        (x, .threshold=0.5) soft_shrink hard_shrink
        (x, .b=4) squareplus
        (x, .negative_slope=0.2) leaky_relu
        (x, .alpha=1.0) elu celu
        (x, .approximate=True) gelu
        (x, .axis=-1) glu softmax log_softmax sparsemax
        (x, .threshold, .default_value) threshold
        (inputs, .pool_size, .strides=None, .padding='valid', .data_format=None) max_pool
            average_pool
        (inputs, .output_size, .data_format=None) adaptive_max_pool adaptive_average_pool
        (inputs, kernel, .strides=1, .padding='valid', .data_format=None, .dilation_rate=1) conv
            depthwise_conv
        (inputs, depthwise_kernel, pointwise_kernel, .strides=1, .padding='valid',
            .data_format=None, .dilation_rate=1) separable_conv
        (inputs, kernel, .strides=1, .padding='valid', .output_padding=None, .data_format=None,
            .dilation_rate=1) conv_transpose
        (x, .num_classes, .axis=-1, .dtype=None, .sparse=False) one_hot
        (target, output, .from_logits=False) binary_crossentropy
        (target, output, .from_logits=False, .axis=-1) categorical_crossentropy
            sparse_categorical_crossentropy
        (inputs, .num_classes=None, .axis=-1, .dtype=None, .sparse=False) multi_hot
        (x, .axes, .keepdims=False, .synchronized=False) moments
        (x, mean, variance, .axis, offset=None, scale=None, .epsilon=0.001)
            BatchNorm:batch_normalization
        (x, .axis=-1, .order=2, .epsilon=None) normalize
        (x1, x2, .max_val) PSNR:psnr
        (query, key, value, bias=None, mask=None, scale=None, .is_causal=False,
            .flash_attention=None, .attn_logits_soft_cap=None) dot_product_attention
        (x, scale=None, .axis=-1, .epsilon=None) RMSNorm:rms_normalization
        (x, gamma=None, beta=None, .axis=-1, .epsilon=None) LayerNorm:layer_normalization
        (x, .kernel_size, .dilation=1, .padding=0, .stride=1) unfold
        (x, .output_size, .kernel_size, .dilation=1, .padding=0, .stride=1) fold
        (x, .block_size, .data_format='channels_last') depth_to_space space_to_depth
    """,
    "math": """
        (data, segment_ids, .num_segments=None, .sorted=False) segment_sum segment_max segment_min
            segment_prod
        (x, .k, .sorted=True) top_k
        (targets, predictions, .k) in_top_k
        (x, .axis=None, .keepdims=False) logsumexp
        (x, y) CDist:cdist
        (x, .sequence_length, .sequence_stride) extract_sequences
        (x) FFT:fft FFT2:fft2 IFFT2:ifft2 rsqrt erf erfc erfinv
        (x, .fft_length=None) RFFT:rfft IRFFT:irfft
        (x, .sequence_length, .sequence_stride, .fft_length, .window='hann', .center=True)
            STFT:stft
        (x, .sequence_length, .sequence_stride, .fft_length, .length=None, .window='hann',
            .center=True) ISTFT:istft
    """,
    "core": """
        (indices, values, .shape) scatter
        (inputs, indices, updates, .reduction=None) scatter_update
        (inputs, start_indices, .shape) slice
        (inputs, start_indices, updates) slice_update
        (variable) stop_gradient
        (x, .num=None, .axis=0) unstack
        (x, .dtype) cast saturate_cast
    """,
    "image": """
        (images, .data_format=None) RGBToGrayscale:rgb_to_grayscale RGBToHSV:rgb_to_hsv
            HSVToRGB:hsv_to_rgb sobel_edges
        (images, .size, .interpolation='bilinear', .antialias=False, .crop_to_aspect_ratio=False,
            .pad_to_aspect_ratio=False, .fill_mode='constant', .fill_value=0.0, .data_format=None)
            resize
        (images, transform, .interpolation='bilinear', .fill_mode='constant', .fill_value=0,
            .data_format=None) affine_transform
        (images, .size, .strides=None, .dilation_rate=1, .padding='valid', .data_format=None)
            extract_patches
        (volumes, .size, .strides=None, .dilation_rate=1, .padding='valid', .data_format=None)
            ExtractPatches:extract_patches_3d
        (inputs, coordinates, .order, .fill_mode='constant', .fill_value=0) map_coordinates
        (images, .top_padding=None, .left_padding=None, .bottom_padding=None, .right_padding=None,
            .target_height=None, .target_width=None, .data_format=None) pad_images
        (images, .top_cropping=None, .left_cropping=None, .bottom_cropping=None,
            .right_cropping=None, .target_height=None, .target_width=None, .data_format=None)
            crop_images
        (images, .kernel_size=(3, 3), .sigma=(1.0, 1.0), .data_format=None) gaussian_blur
        (images, output_shape, scale, translation, .spatial_dims, .method, .antialias=True)
            scale_and_translate
        (image1, image2, .max_val=1.0, .filter_size=11, .filter_sigma=1.5, .k1=0.01, .k2=0.03,
            .data_format=None) SSIM:ssim
    """,
    "linalg": """
        (x, .ord=None, .axis=None, .keepdims=False) norm
    """,
    "einops": """
        (tensor, pattern) rearrange
    """,
}
"""By module: parameters, then the functions that have them.

A dot marks a parameter that Keras keeps in the configuration of the function's class. The class is
named like the function (``log_softmax``: ``LogSoftmax``) or stands in front of it.
"""

SEVERAL = frozenset(
    [
        "array_split",
        "dsplit",
        "fft",
        "fft2",
        "hsplit",
        "ifft2",
        "meshgrid",
        "moments",
        "rfft",
        "split",
        "stft",
        "top_k",
        "unstack",
        "vsplit",
    ]
)
"""The functions that return several tensors."""


@dataclass(frozen=True)
class Function:
    """One function of ``keras.ops``."""

    name: str
    module: str
    """The module that holds its class, such as ``"numpy"``."""
    class_name: str
    signature: inspect.Signature
    settings: frozenset[str]
    """The parameters that stand in the configuration."""


@cache
def functions() -> dict[str, Function]:
    """Return all functions by name; those of ``keras.ops.image`` as ``"image.resize"``."""
    found: dict[str, Function] = {}
    for module, lines in _TABLE.items():
        text = re.sub(r"\s+", " ", lines)
        for parameters, names in re.findall(r"\(((?:[^()]|\([^()]*\))*)\) ([^(]+)", text):
            signature, settings = _signature(parameters)
            for entry in names.split():
                class_name, _, name = entry.rpartition(":")
                class_name = class_name or "".join(
                    word[:1].upper() + word[1:] for word in name.split("_")
                )
                public = f"image.{name}" if module == "image" else name
                found[public] = Function(name, module, class_name, signature, settings)
    return found


def _signature(parameters: str) -> tuple[inspect.Signature, frozenset[str]]:
    made: list[inspect.Parameter] = []
    settings: set[str] = set()
    kind: Any = inspect.Parameter.POSITIONAL_OR_KEYWORD
    for part in re.split(r", (?![^(]*\))", parameters):
        text, _, default = part.partition("=")
        name = text.lstrip(".*")
        if text.startswith("."):
            settings.add(name)
        value = literal_eval(default) if default else inspect.Parameter.empty
        if text.lstrip(".").startswith("*"):
            made.append(inspect.Parameter(name, inspect.Parameter.VAR_POSITIONAL))
            kind = inspect.Parameter.KEYWORD_ONLY
        else:
            made.append(inspect.Parameter(name, kind, default=value))
    return inspect.Signature(made), frozenset(settings)
