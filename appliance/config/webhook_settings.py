"""The settings of [webhooks]."""

from pydantic import Field

from appliance.config.values import Count, Networks, PositiveInt, Seconds, SecondsList, Section, Switch


class WebhookSettings(Section):
    allow_http: Switch = Field(False, description="Whether a URL may have http, which is not encrypted.")
    allow_networks: Networks = Field(
        (),
        description="Networks besides the public internet that webhooks may be sent to, such as 10.1.0.0/16.",
    )
    allow_private: Switch = Field(
        False,
        description="Whether webhooks may be sent to any address, this machine and its own network among them. "
        "Whoever may create an endpoint then reaches what stands there.",
    )
    timeout_seconds: Seconds = Field(
        15, description="Seconds that a request may take, from the look at the name to the end of the answer."
    )
    retry_seconds: SecondsList = Field(
        (5, 300, 1800, 7200, 18000, 36000, 21600),
        description="Waits after the first, second, ... attempt that was not accepted, up to a tenth shorter; "
        "after the last one it is given up. Together they make a day.",
    )
    concurrency: PositiveInt = Field(16, description="Requests to endpoints at once.")
    per_endpoint: PositiveInt = Field(4, description="Requests to one endpoint at once; 1 keeps them in order.")
    batch_size: PositiveInt = Field(20, description="Webhooks that one task sends over one connection, at most.")
    endpoints: PositiveInt = Field(20, description="Endpoints that can be created.")
    log_days: Count = Field(30, description="Days that deliveries and what was answered to them are kept.")
