"""The only place that reads archives of arrays (.npz): whatever is wrong with one is one kind of error."""

from __future__ import annotations

from io import BytesIO
from typing import Any
from zipfile import ZIP_STORED, ZipFile

import numpy as np
import numpy.typing as npt


def read_arrays(data: bytes | memoryview) -> dict[str, npt.NDArray[Any]]:
    """Return name → array of an archive that `numpy.savez` wrote; nothing of it is unpickled.

    Raises:
        ValueError: it is none, damaged, or says that it unpacks to more than it weighs.
    """
    try:
        with ZipFile(BytesIO(data)) as archive:
            entries = archive.infolist()
        if any(one.compress_type != ZIP_STORED for one in entries):
            raise ValueError("packed arrays")
        if sum(one.file_size for one in entries) > len(data):
            raise ValueError("more arrays than bytes")
        with np.load(BytesIO(data), allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except Exception as error:  # zipfile and numpy raise ten kinds of errors at damaged files
        raise ValueError(f"damaged arrays: {type(error).__name__}: {error}") from error
