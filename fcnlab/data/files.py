"""Files that are always whole: written beside and moved into place."""

import os
import secrets
from pathlib import Path

from fcnlab.errors import DataError


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that, whatever happens, `path` holds either its old content or all of the new.

    Raises:
        DataError: If the content cannot be written (disk full, no permission); the old file is untouched.
    """
    # As mkstemp does: a name nobody can foresee, created by us or not at all; but readable as any other file.
    partial = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with partial.open("xb") as file:
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
