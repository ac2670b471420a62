"""Keras for the time of a symbolic run: variables count as symbolic, opaque layers open up.

What is changed are classes of Keras, in the calling thread alone, and everything is put back. A
user's layers aren't touched; `phosphene._models.intake.expansion.snapshot` sees to what their own
code does to them.
"""

from __future__ import annotations

import contextlib
import copy
import threading
import warnings
from typing import TYPE_CHECKING, Any

from phosphene._errors import PhospheneError
from phosphene._models.intake.expansion.control import controlled, recurrent
from phosphene._models.intake.expansion.snapshot import REMOVED, replaced

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from phosphene._models.intake.expansion.backend import Keras
    from phosphene._models.intake.expansion.frames import Trace

Change = tuple[Any, str, Any]
"""Whose attribute, its name, its value."""

_LOCK = threading.RLock()

_BINARY = ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor"]
_OTHERS = ["lt", "le", "gt", "ge", "eq", "ne", "neg", "abs", "invert", "getitem", "round"]
_OPERATORS = [f"__{name}__" for name in [*_BINARY, *[f"r{name}" for name in _BINARY], *_OTHERS]]


@contextlib.contextmanager
def recording(trace: Trace) -> Iterator[None]:
    """Let a trace see what Keras does in this thread."""
    keras = trace.keras
    thread = threading.get_ident()

    def active() -> bool:
        # Inside shape inference Keras runs layers on tensors of the backend, as always.
        here = threading.get_ident() == thread and not trace.is_paused
        return here and not keras.in_symbolic_scope()

    changes = [
        *_layers(trace, active),
        *_variables(trace, active),
        *_tensors(trace, active),
        *_backend(trace, active),
    ]
    with _LOCK, replaced(*changes), _context(keras), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            _forget(trace)


def _layers(trace: Trace, active: Callable[[], bool]) -> list[Change]:
    keras, thread = trace.keras, threading.get_ident()
    layer_call, inference = keras.Layer.__call__, keras.Layer.symbolic_call
    maybe_build, add_loss = keras.Layer._maybe_build, keras.Layer.add_loss
    operation_call, node_init = keras.Operation.symbolic_call, keras.Node.__init__
    next_seed = keras.SeedGenerator.next

    def call_layer(layer: Any, *args: Any, **kwargs: Any) -> Any:
        if active():
            args, kwargs = keras.map_structure(trace.symbolic, (args, kwargs))
        return layer_call(layer, *args, **kwargs)

    def call_symbolic(layer: Any, *args: Any, **kwargs: Any) -> Any:
        if active() and trace.opens(layer):
            return trace.expand(layer, args, kwargs)
        try:
            return inference(layer, *args, **kwargs)
        except Exception:
            if active() and trace.handles(layer):
                return trace.sample(layer, args, kwargs)
            raise

    def build(layer: Any, call_spec: Any) -> Any:
        if not active() or layer.built:
            return maybe_build(layer, call_spec)
        maybe_build(layer, call_spec)
        if layer.weights:
            raise PhospheneError(
                f"the layer {layer.name!r} that it calls has no weights yet; call the model once "
                "on real data before"
            )
        return None

    def call_operation(operation: Any, *args: Any, **kwargs: Any) -> Any:
        if active():
            args, kwargs = keras.map_structure(trace.symbolic, (args, kwargs))
            if type(operation).__name__ == "ConvertToTensor" and operation.dtype is None:
                return args[0]
            result = controlled(keras, operation, args)
            if result is not NotImplemented:
                return result
        return operation_call(operation, *args, **kwargs)

    def init_node(
        node: Any,
        operation: Any,
        call_args: Any = None,
        call_kwargs: Any = None,
        outputs: Any = None,
    ) -> None:
        if active():  # a layer may return None or a constant beside its tensors
            flat = keras.flatten(outputs)
            outputs = [each for each in flat if isinstance(each, keras.KerasTensor)]
        node_init(node, operation, call_args, call_kwargs, outputs)
        if threading.get_ident() == thread:
            trace.note(node)

    def add(layer: Any, loss: Any) -> None:
        if not active():
            add_loss(layer, loss)

    def draw(generator: Any, *args: Any, **kwargs: Any) -> Any:
        if active():
            raise PhospheneError(
                "it draws random numbers when it is called, so that its output isn't a function of "
                "its input"
            )
        return next_seed(generator, *args, **kwargs)

    return [
        (keras.Layer, "__call__", call_layer),
        (keras.Layer, "symbolic_call", call_symbolic),
        (keras.Layer, "_maybe_build", build),
        (keras.Layer, "add_loss", add),
        (keras.Operation, "symbolic_call", call_operation),
        (keras.Node, "__init__", init_node),
        (keras.SeedGenerator, "next", draw),
    ]


def _variables(trace: Trace, active: Callable[[], bool]) -> list[Change]:
    cls = trace.keras.Variable
    value, assign = cls.value, cls.assign

    def operator(name: str) -> Any:
        own = getattr(cls, name)

        def method(variable: Any, *args: Any) -> Any:
            if active():
                return getattr(trace.stand_in(variable), name)(*args)
            return own(variable, *args)

        return method

    def read(variable: Any) -> Any:
        return trace.stand_in(variable) if active() else value.fget(variable)

    def change(variable: Any, new: Any) -> Any:
        if not active():
            return assign(variable, new)
        trace.change(variable)
        return new

    return [
        *[(cls, name, operator(name)) for name in _OPERATORS if hasattr(cls, name)],
        (cls, "value", property(read)),
        (cls, "assign", change),
        (cls, "__array_ufunc__", None),
        (cls, "__torch_function__", REMOVED),
    ]


def _tensors(trace: Trace, active: Callable[[], bool]) -> list[Change]:
    keras = trace.keras
    cls = keras.KerasTensor
    iterate = cls.__iter__

    class Symbolic(type):
        def __instancecheck__(cls, value: Any) -> bool:
            if isinstance(value, keras.KerasTensor):
                return True
            return isinstance(value, keras.Variable) and active()

    def equal(tensor: Any, other: Any) -> Any:
        if not active():
            return NotImplemented
        if other is None or isinstance(other, str):
            return False
        return keras.Equal().symbolic_call(tensor, other)

    def unpack(tensor: Any) -> Any:
        if not active() or not tensor.shape:
            return iterate(tensor)
        return (tensor[index] for index in range(tensor.shape[0]))

    def length(tensor: Any) -> int:
        if not tensor.shape:
            raise TypeError("a tensor without axes has no len()")
        return int(tensor.shape[0])

    return [
        # What any_symbolic_tensors() asks for.
        (keras.tensors, "KerasTensor", Symbolic("KerasTensor", (), {})),
        (cls, "__eq__", equal),
        (cls, "__iter__", unpack),
        (cls, "__len__", length),
        # So that array * tensor asks the tensor, as tensor * array does.
        (cls, "__array_ufunc__", None),
        (cls, "__jax_array__", REMOVED),
    ]


def _backend(trace: Trace, active: Callable[[], bool]) -> list[Change]:
    """Let the functions of the backend that Keras' own layers call take symbolic tensors."""
    keras = trace.keras
    backend = keras.backend
    convert, cast, rnn = backend.convert_to_tensor, backend.cast, backend.rnn

    def is_symbolic(value: Any) -> bool:
        return active() and isinstance(value, (keras.KerasTensor, keras.Variable))

    def convert_symbolic(x: Any, *args: Any, **kwargs: Any) -> Any:
        return trace.symbolic(x) if is_symbolic(x) else convert(x, *args, **kwargs)

    def cast_symbolic(x: Any, dtype: Any) -> Any:
        return keras.ops.cast(x, dtype) if is_symbolic(x) else cast(x, dtype)

    def unroll(step: Any, inputs: Any, states: Any, **settings: Any) -> Any:
        if any(map(is_symbolic, keras.flatten(inputs))):
            return recurrent(keras, step, inputs, states, **settings)
        return rnn(step, inputs, states, **settings)

    return [
        (backend, "convert_to_tensor", convert_symbolic),
        (backend, "cast", cast_symbolic),
        (backend, "rnn", unroll),
    ]


@contextlib.contextmanager
def _context(keras: Keras) -> Iterator[None]:
    """Set Keras' state of this thread: inference, own counters of names, plain tracebacks."""
    state = keras.global_state
    names = state.get_global_attribute("object_name_uids")
    context = state.get_global_attribute("current_call_ctx")
    filtering = state.get_global_attribute("traceback_filtering", default=True)
    inference = keras.layers.CallContext(entry_layer=None)
    inference.set_value("training", value=False)
    settings = {
        "object_name_uids": copy.copy(names),
        "current_call_ctx": inference,
        "traceback_filtering": False,
    }
    for name, value in settings.items():
        state.set_global_attribute(name, value)
    try:
        yield
    finally:
        state.set_global_attribute("object_name_uids", names)
        state.set_global_attribute("current_call_ctx", context)
        state.set_global_attribute("traceback_filtering", filtering)


def _forget(trace: Trace) -> None:
    """Take what was recorded off the layers and operations that it was recorded at."""
    for node in reversed(trace.nodes):
        _drop(node.operation._inbound_nodes, node)
        for tensor in node.arguments.keras_tensors:
            operation = tensor._keras_history.operation
            if operation is not None:
                _drop(operation._outbound_nodes, node)


def _drop(nodes: list[Any], node: Any) -> None:
    for index in reversed(range(len(nodes))):
        if nodes[index] is node:
            del nodes[index]
            return
