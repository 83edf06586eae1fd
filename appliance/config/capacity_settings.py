"""The settings of [capacity]."""

from pydantic import Field

from appliance.config.values import Count, Section


class CapacitySettings(Section):
    min_free_mb: Count = Field(
        200,
        description="With less free space than this on the disk of data_dir, new mail is refused with 507: what is "
        "left is for the outcomes of the mail that was accepted. 0: no floor.",
    )
    queue_messages: Count = Field(
        1_000_000,
        description="With so many messages that have not ended, further ones are refused with 503. 0: no limit.",
    )
