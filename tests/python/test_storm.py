"""The short form of the storm that `make soak` runs in full."""

from __future__ import annotations

import pytest
import storm


@pytest.mark.parametrize("over", ["HTTP/1.1", "HTTP/2"])
def test_storm(over):
    outcomes = storm.run(3000, 1, over)
    assert outcomes["cancelled"] > 300
    assert outcomes["timed out"] > 100
    assert outcomes["answered or left"] > 20  # however slow: some set no bound
