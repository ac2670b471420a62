"""Variables of layers that Keras adapted: LoRA merged, quantized kernels turned back into floats.

Keras keeps them as ``kernel``, ``kernel_scale``, ``lora_kernel_a`` ...; the engine wants one
``kernel``. Whether a layer rounds its inputs too (int8 does, int4 doesn't), its configuration says:
that is the engine's part. What can't be computed as Keras does is refused, never approximated.

Source: keras 3.15, ``layers/core/dense.py``, ``einsum_dense.py``, ``embedding.py``,
``quantizers/quantizers.py``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from phosphene._errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from phosphene._models.intake.architecture import Description

_DEQUANTIZED = dict.fromkeys(("Dense", "EinsumDense", "Embedding"), ("int8", "int4"))
"""The classes whose quantized numbers can be turned back, with the modes."""

_LORA = {f"lora_{base}_{side}" for base in ("kernel", "embeddings") for side in "ab"}

_QUANTIZED = {
    f"{base}_{what}"
    for base in ("kernel", "embeddings", "reverse_embeddings", "inputs", "outputs_grad")
    for what in ("scale", "zero", "amax_history")
} | {"g_idx", "zero_point", "awq_scales"}


def quantization_of(settings: Mapping[str, Any]) -> str | None:
    """Return a layer's mode of quantization (int8, int4, float8, gptq, awq), or None."""
    policy = settings.get("dtype")
    if isinstance(policy, dict):
        config = policy.get("config")
        policy = config.get("mode", config.get("name")) if isinstance(config, dict) else None
    if not isinstance(policy, str):
        return None
    mode = policy.split("_from_")[0].split("/")[0]
    return mode if mode in ("int8", "int4", "float8", "gptq", "awq") else None


def is_adapted(names: Sequence[str]) -> bool:
    """Return whether some of a layer's variables are there for LoRA or quantization."""
    return any(map(_is_extra, names))


def plain_config(config: Any) -> Any:
    """Return a configuration as that of a model whose LoRA is merged.

    That a layer is quantized stays in it: Keras rounds what int8 kernels are multiplied with.
    """
    if isinstance(config, list):
        return [plain_config(each) for each in config]
    if not isinstance(config, dict):
        return config
    return {
        key: plain_config(value)
        for key, value in config.items()
        if key not in ("lora_rank", "lora_alpha")
    }


def _is_weight_only(kind: Any, settings: Mapping[str, Any]) -> bool:
    """Whether a layer has quantized weights that can be turned back, and plain inputs."""
    mode = quantization_of(settings)
    config = settings.get("quantization_config") or {}
    inputs = (config.get("config") or {}).get("activation_quantizer")
    return mode in _DEQUANTIZED.get(kind, ()) and (
        kind == "Embedding" or (mode == "int4" and inputs is None)
    )


def stored_names(layer: Description, settings: Mapping[str, Any], count: int) -> list[str]:
    """Return the names of a quantized layer's variables in the order of a ``.keras`` file."""
    names = [weight["name"] for weight in layer["weights"]]
    base = _base(names)
    mode = quantization_of(settings)
    if mode in ("int8", "int4"):
        names.append(f"{base}_scale")
    if mode == "int4" and count > len(names):
        names += [f"{base}_zero", "g_idx"]
    if mode not in _DEQUANTIZED.get(layer["kind"], ()) or count != len(names):
        raise _refusal(layer, f"{mode} quantization with {count} variables isn't supported")
    return names


def plain_variables(
    layer: Description,
    settings: Mapping[str, Any],
    names: Sequence[str],
    arrays: Sequence[NDArray[Any]],
    scaling: Mapping[str, float] | None = None,
) -> tuple[list[str], list[NDArray[Any]]]:
    """Return the variables of a layer without LoRA and quantization.

    Parameters
    ----------
    layer
        The layer.
    settings
        Its ``get_config()``.
    names
        Keras' names of the variables.
    arrays
        Their values.
    scaling
        What the LoRA product of a part of the layer is multiplied by, by the path of the part. By
        default that of the layer itself stands in `settings`.
    """
    parts: dict[str, dict[str, NDArray[Any]]] = {}
    for name, array in zip(names, arrays, strict=True):
        path, _, variable = name.rsplit(":", 1)[0].rpartition("/")
        parts.setdefault(path, {})[variable] = array
    inner = settings
    while isinstance(inner.get("layer"), dict):  # a wrapper around the layer with the weights
        inner = inner["layer"].get("config") or {}
    result: dict[str, NDArray[Any]] = {}
    for path, variables in parts.items():
        factor = (scaling or {}).get(path)
        if factor is None and len(parts) == 1 and inner.get("lora_rank"):
            factor = inner.get("lora_alpha", inner["lora_rank"]) / inner["lora_rank"]
        if not _QUANTIZED.isdisjoint(variables) and (len(parts) > 1 or inner is not settings):
            raise quantized_part(layer)
        for variable, array in _plain(layer, settings, variables, factor).items():
            result[f"{path}/{variable}"] = array
    return list(result), list(result.values())


def quantized_part(layer: Description) -> UnsupportedError:
    """Return the refusal of a layer that isn't quantized itself, but a part of it is.

    Of a TimeDistributed, Keras leaves the scales out of account; of an attention layer, it writes
    files that it can't read.
    """
    return _refusal(layer, "a quantized layer inside another isn't supported, except in models")


def _plain(
    layer: Description,
    settings: Mapping[str, Any],
    variables: dict[str, NDArray[Any]],
    factor: float | None,
) -> dict[str, NDArray[Any]]:
    base = _base(variables)
    if base not in variables or not is_adapted(list(variables)):
        return variables
    mode = quantization_of(settings)
    value = variables[base]
    quantized = not _QUANTIZED.isdisjoint(variables)
    if quantized:
        if mode not in _DEQUANTIZED.get(layer["kind"], ()):
            raise _refusal(layer, f"{mode or 'this'} quantization isn't supported")
        shape = next(weight["shape"] for weight in layer["weights"] if weight["name"] == base)
        value = _dequantized(layer, settings, variables, base, tuple(shape))
    if f"lora_{base}_a" in variables:
        if factor is None:
            raise _refusal(layer, "the LoRA weights of a part of it don't say their alpha")
        if quantized and not _is_weight_only(layer["kind"], settings):
            raise _refusal(
                layer,
                "LoRA on an int8 kernel isn't supported, since Keras rounds the inputs of one and "
                "not of the other: save the model as .keras, which merges them",
            )
        product = np.matmul(variables[f"lora_{base}_a"], variables[f"lora_{base}_b"])
        value = value + np.float32(factor) * product
    kept = {name: array for name, array in variables.items() if not _is_extra(name)}
    return kept | {base: value}


def _dequantized(
    layer: Description,
    settings: Mapping[str, Any],
    variables: Mapping[str, NDArray[Any]],
    base: str,
    shape: tuple[int, ...],
) -> NDArray[Any]:
    """Return the floats that a quantized kernel or table stands for."""
    value, scale = variables[base], np.asarray(variables[f"{base}_scale"], np.float32)
    zero, group = variables.get(f"{base}_zero"), variables.get("g_idx")
    if quantization_of(settings) == "int4":
        rows = shape[0] if base == "embeddings" or len(shape) < 3 else value.shape[0]
        value = _unpacked(layer, value, (rows, int(np.prod(shape)) // rows))
    if zero is not None and group is not None:
        axis = -1 if base == "embeddings" else 0
        places = np.asarray(group).astype(int)
        if places.min() < 0 or places.max() >= scale.shape[axis]:
            raise _refusal(layer, f"g_idx names groups that {base}_scale doesn't have")
        offsets = np.take(np.asarray(zero, np.float32), places, axis)
        return ((value - offsets) * np.take(scale, places, axis)).reshape(shape)
    if base == "embeddings":
        scale = scale[:, np.newaxis]
    elif layer["kind"] == "EinsumDense" and quantization_of(settings) == "int8":
        scale = _along_kernel(layer, str(settings.get("equation", "")), scale, shape)
    return (value.astype(np.float32) / scale).reshape(shape)


def _unpacked(
    layer: Description, packed: NDArray[Any], shape: tuple[int, int]
) -> NDArray[np.float32]:
    """Return the numbers of four bits that lie in pairs along an axis, the first one in the low."""
    rows, columns = shape
    if packed.shape == (rows, -(-columns // 2)):
        axis = 1
    elif packed.shape == (-(-rows // 2), columns):  # before Keras 3.13
        axis = 0
    else:
        raise _refusal(layer, f"int4 values of shape {packed.shape} don't fit a kernel {shape}")
    bits = packed.astype(np.int8).view(np.uint8)
    halves = np.stack([bits & 15, bits >> 4], axis=axis + 1)
    values = halves.reshape((rows, -1) if axis else (-1, columns))[:rows, :columns]
    return (values.astype(np.int8) ^ 8).astype(np.float32) - 8


def _along_kernel(
    layer: Description, equation: str, scale: NDArray[np.float32], shape: tuple[int, ...]
) -> NDArray[np.float32]:
    """Return the scale of an EinsumDense, which lies along the output, along its kernel."""
    operands, _, output = equation.replace(" ", "").partition("->")
    kernel = operands.partition(",")[2]
    letters = output.replace("...", "")
    elided = scale.ndim - len(letters)
    letters = letters + "." * elided if output.endswith("...") else "." * elided + letters
    kept = [letters.index(letter) for letter in kernel if letter in letters]
    lengths = [n if c in letters else 1 for c, n in zip(kernel, shape, strict=False)]
    if len(kernel) != len(shape) or scale.size != np.prod(lengths):
        raise _refusal(layer, f"a scale of shape {scale.shape} doesn't fit {equation!r}")
    rest = [axis for axis in range(scale.ndim) if axis not in kept]
    return scale.transpose(kept + rest).reshape(lengths)


def _is_extra(name: str) -> bool:
    """Whether a variable is there for LoRA or quantization only."""
    return name.rsplit(":", 1)[0].rsplit("/", 1)[-1] in _LORA | _QUANTIZED


def _base(names: Sequence[str] | Mapping[str, Any]) -> str:
    return "embeddings" if "embeddings" in names else "kernel"


def _refusal(layer: Description, reason: str) -> UnsupportedError:
    return UnsupportedError(f"layer {layer['path']!r} ({layer['kind']}): {reason}.")
