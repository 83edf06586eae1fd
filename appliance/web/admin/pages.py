"""The pages for people, registered on the application."""

from flask import Flask


def register(app: Flask) -> None:
    del app
