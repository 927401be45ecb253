"""Prices: what electricity and devices cost. They change no measurement."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from vlmeter.config.base import Block
from vlmeter.errors import shorten

Price = Annotated[float, Field(ge=0, allow_inf_nan=False, strict=True)]


def _check_currency(code: str) -> str:
    if not re.fullmatch(r"[A-Z]{3}", code):
        raise ValueError(f'"{shorten(code)}" is no currency: give its three letters, such as EUR')
    return code


class MoneyConfig(Block):
    """What answers are paid with. One price at least; what is not given takes no part."""

    currency: Annotated[str, AfterValidator(_check_currency)] = Field(
        description="Of the prices, by its three letters (ISO 4217), such as `EUR`."
    )
    per_kwh: Price | None = Field(None, description="Price of a kilowatt-hour of electricity.")
    per_device_hour: Price | None = Field(
        None,
        description="Price of an hour of a device: of each GPU of a cell, or of the machine of a "
        "cell on the CPU.",
    )

    @model_validator(mode="after")
    def _check_prices(self) -> "MoneyConfig":
        if self.per_kwh is None and self.per_device_hour is None:
            raise ValueError("has no price: give `per_kwh`, `per_device_hour` or both")
        return self
