import pytest

from fcnlab.data.releases import read_networks
from fcnlab.errors import DataError


def test_a_missing_table_is_refused(tmp_path) -> None:
    with pytest.raises(DataError, match=r"uci-digits --tables"):
        read_networks("uci-digits", folder=tmp_path)
