"""The settings of [log]."""

from typing import Annotated, Literal

from pydantic import Field

from appliance.config.values import Count, Expects, PositiveInt, Section, Text

Level = Annotated[Literal["debug", "info", "warning", "error"], Expects("debug, info, warning or error")]


class LogSettings(Section):
    level: Level = Field("info", description="The least important lines that are written.")
    format: Annotated[Literal["text", "json"], Expects("text or json")] = Field(
        "text", description="text for people, json for programs."
    )
    repeat_seconds: Count = Field(
        60, description="A line that comes again within this time is counted, and told of once; 0 writes each of them."
    )
    file: Text = Field(
        "postroom.log",
        description="A file that is written beside the standard error output, within the data directory unless it is "
        "an absolute path; empty: none.",
    )
    file_level: Level = Field("warning", description="The least important lines that the file gets.")
    file_max_mb: PositiveInt = Field(5, description="A file that grows larger is put aside, and a new one begun.")
    file_keep: PositiveInt = Field(3, description="How many files that were put aside are kept.")
