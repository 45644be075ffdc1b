"""Files that are always whole: written beside and moved into place."""

import os
from pathlib import Path

from fcnlab.errors import DataError


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that, whatever happens, `path` holds either its old content or all of the new.

    Raises:
        DataError: If the content cannot be written (disk full, no permission); the old file is untouched.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with partial.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(partial, path)
        except BaseException:  # an interrupt leaves no half file behind either
            partial.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise DataError(
            f"{path} could not be written ({error.strerror}); what was there before is unchanged."
        ) from error
