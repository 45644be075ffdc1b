"""One small network for all verbs."""

import pytest

from tests.support.checkpoints import tiny_checkpoint


@pytest.fixture(scope="session")
def network(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_checkpoint(tmp_path_factory.mktemp("models")))
