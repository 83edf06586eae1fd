"""The shapes of requests about sender accounts."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, StrictInt

from appliance.services import intake
from appliance.web.api.schemas import Request, Text

Host = Annotated[Text, Field(max_length=253, description="Of the SMTP server.")]
Username = Annotated[Text, Field(max_length=320)]
Password = Annotated[
    Text, Field(max_length=4096, description="Never shown again.", json_schema_extra={"writeOnly": True})
]
Email = Annotated[str, AfterValidator(intake.plain_text), AfterValidator(intake.email)]
Port = Annotated[StrictInt, Field(ge=1, le=65535)]
DailyLimit = Annotated[StrictInt, Field(ge=0, le=2_000_000_000)]
AccountPriority = Annotated[StrictInt, Field(ge=-1000, le=1000, description="Higher is used first.")]
Security = Literal["none", "starttls", "tls"]


class AccountRequest(Request):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "name": "Shop",
                "email": "shop@example.com",
                "host": "smtp.example.com",
                "security": "starttls",
                "username": "shop@example.com",
                "password": "the password of that login",
                "daily_limit": 500,
            }
        },
    )

    name: Text = Field(max_length=200, description="Recipients see it as the sender's name.")
    email: Email = Field(description="What messages come from.")
    transport: Literal["smtp", "mailbox"] = "smtp"
    host: Host = ""
    port: Port | None = Field(default=None, description="Without it, the usual port of `security`.")
    security: Security = "starttls"
    username: Username = ""
    password: Password | None = None
    daily_limit: DailyLimit | None = Field(default=None, description="Messages a calendar day; null: no limit.")
    priority: AccountPriority = 0
    active: StrictBool = True


class AccountChange(Request):
    """Fields that are left out stay as they are; an empty password keeps the stored one."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"daily_limit": 1000, "priority": 10}})

    # The defaults are never used: only what is given counts.
    name: Text = Field(default="", max_length=200)
    email: Email = ""
    transport: Literal["smtp", "mailbox"] = "smtp"
    host: Host = ""
    port: Port | None = Field(default=None, description="null: the usual port of `security`.")
    security: Security = "starttls"
    username: Username = ""
    password: Password | None = None
    daily_limit: DailyLimit | None = Field(default=None, description="null: no limit.")
    priority: AccountPriority = 0
    active: StrictBool = True

    def changes(self) -> dict[str, Any]:
        """What was given, and only that. None is among the values where null has a meaning."""
        return self.model_dump(exclude_unset=True)


class AccountTestRequest(Request):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"to": "ann@example.com"}})

    to: Text | None = Field(default=None, description="Also send a test message there.")


class AccountPath(BaseModel):
    id: Text = Field(description="Of a sender account, such as acc_01jd3v…")
