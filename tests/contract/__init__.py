"""The contracts of the two ports, as suites that every kind runs."""

import pytest

pytest.register_assert_rewrite("tests.contract.frame_contract", "tests.contract.source_contract")
