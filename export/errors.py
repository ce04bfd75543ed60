"""What can be wrong with a file that somebody wants converted; each has its own type, all are ModelErrors (exit 4).

::

    ModelError
    ├── UnreadableCheckpointError   truncated, empty, or no checkpoint at all
    ├── UnsafeCheckpointError       a pickle that wants more than tensors; nothing of it was executed
    ├── BombError                   unpacks to far more than it weighs
    ├── WrongNetworkError           another network's keys or shapes
    ├── NotFiniteError              NaN or infinite weights
    ├── ExternalDataError           an ONNX file that reads tensors from outside its folder
    ├── GraphError                  an ONNX file whose inputs or outputs are not the network's
    ├── TensorNamesError            ┐
    ├── TensorAxesError             │ the rungs of `validate`, in this order; before them ManifestError
    ├── OutputShapeError            ┘
    └── GateError                   a converted or quantized file that got worse than its spec allows
"""

from __future__ import annotations

from lipsync_edge.errors import ModelError


class UnreadableCheckpointError(ModelError):
    """The file is truncated, empty or no checkpoint."""


class UnsafeCheckpointError(ModelError):
    """The pickle asks for something other than tensors."""


class BombError(ModelError):
    """The file unpacks to far more than it weighs."""


class WrongNetworkError(ModelError):
    """The checkpoint belongs to another network."""


class NotFiniteError(ModelError):
    """The checkpoint holds NaN or infinite numbers."""


class ExternalDataError(ModelError):
    """The ONNX file keeps tensors outside its folder."""


class GraphError(ModelError):
    """The ONNX file's inputs or outputs are not the network's."""


class GateError(ModelError):
    """The file got worse than its spec allows."""


class TensorNamesError(ModelError):
    """A file's inputs or outputs are called otherwise than in its spec."""


class TensorAxesError(ModelError):
    """An input or output has other axes than its spec says, a fixed batch for instance."""


class OutputShapeError(ModelError):
    """A file gives arrays of another shape or type than its spec says."""
