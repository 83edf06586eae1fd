"""What runs here, and under which licences."""

import sqlite3

from flask.testing import FlaskClient

from appliance import __version__
from appliance.web.admin.about import packages


def test_versions_are_told(alice: FlaskClient) -> None:
    page = alice.get("/about").text

    assert f"Postroom {__version__}" in page
    assert f"<dd>{sqlite3.sqlite_version}</dd>" in page


def test_every_package_that_we_build_on_has_its_version_and_its_licence() -> None:
    found = {one.name.lower(): one for one in packages()}

    for name in ("flask", "sqlalchemy", "celery", "gevent", "waitress", "apscheduler"):
        assert found[name].version
        assert found[name].licence, name
    assert "postroom" not in found
    assert "\n" not in "".join(one.licence for one in found.values())
