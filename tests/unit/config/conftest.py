"""A config with one mistake."""

import pytest

from vlmeter.errors import UserError


@pytest.fixture
def refuse(config):
    """Set a key of a valid config; return what is said of it."""

    def run(key, value):
        with pytest.raises(UserError) as refusal:
            config.set(key, value).checked()
        return str(refusal.value)

    return run
