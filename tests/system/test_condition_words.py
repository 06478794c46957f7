"""What a setting of the world stands for is said in the system's file, and only of values that it has."""

import pytest
from pydantic import ValidationError

from perflab.system.tables.settings import Condition


def test_about_speaks_of_values_that_the_condition_has():
    told = Condition(name="latency", help="think time", default="fast", values=("fast", "slow"),
                     about={"slow": "the service of today"})  # fmt: skip
    assert told.told("slow") == "think time: the service of today" and told.told("fast") == ""
    with pytest.raises(ValidationError, match="about speaks of slwo, which must be among"):
        Condition(name="latency", default="fast", values=("fast", "slow"), about={"slwo": "a slip of the pen"})
