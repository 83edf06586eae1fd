from pathlib import Path

import pytest

from appliance.config import loader
from appliance.config.settings import SECTIONS, Settings
from appliance.errors import ConfigError


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    path = tmp_path / "config.ini"
    path.touch()
    return path


@pytest.fixture
def closed_file(config_file: Path) -> Path:
    config_file.chmod(0)
    return config_file


def problems_of(path: Path | None, **environ: str) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        loader.load(path, environ)
    return refused.value.problems


def test_file_sets_keys_and_the_rest_keeps_its_default(config_file: Path) -> None:
    config_file.write_text("[web]\nport = 9090\n\n[flower]\nENABLED = no\n")

    settings = loader.load(config_file, {}).settings

    assert settings.web.port == 9090
    assert settings.flower.enabled is False
    assert settings.worker == Settings().worker


def test_relative_data_directory_starts_at_the_file(config_file: Path) -> None:
    config_file.write_text("[appliance]\ndata_dir = data\n")

    settings = loader.load(config_file, {}).settings

    assert settings.data_dir == config_file.parent / "data"


def test_without_a_file_paths_start_beside_run_py() -> None:
    settings = loader.load(None, {"APPLIANCE_TIMEZONE": "Asia/Shanghai"}).settings

    assert (settings.base_dir / "run.py").exists()
    assert settings.zone.key == "Asia/Shanghai"


def test_environment_comes_before_the_file(config_file: Path) -> None:
    config_file.write_text("[flower]\nport = 5556\nuser = file\n")

    loaded = loader.load(config_file, {"FLOWER_PORT": "5557", "FLOWER": "x", "HOME": "/root"})

    assert (loaded.settings.flower.port, loaded.settings.flower.user) == (5557, "file")
    assert loaded.sources == {
        "flower.port": "environment variable FLOWER_PORT",
        "flower.user": "config.ini, line 3",
    }


@pytest.mark.parametrize(("section", "key"), [(name, key) for name in SECTIONS for key in SECTIONS[name].model_fields])
def test_every_key_has_a_variable(section: str, key: str) -> None:
    variable = loader.variable_name(section, key)

    problems = problems_of(None, **{variable: "x", f"{variable}_FILE": "/nowhere"})

    assert problems == [f"[{section}] {key}: {variable} and {variable}_FILE are both set; unset one of them"]


def test_secret_comes_from_a_file_without_its_last_newline(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cret%(x)s \n")

    settings = loader.load(None, {"FLOWER_PASSWORD_FILE": str(secret)}).settings

    assert settings.flower.password.get_secret_value() == "s3cret%(x)s "


def test_secret_file_that_cannot_be_read_is_a_problem() -> None:
    assert problems_of(None, DATABASE_URL_FILE="/nowhere/at/all") == [
        "[database] url: the file that DATABASE_URL_FILE names cannot be read: No such file or directory"
    ]


def test_value_is_taken_as_it_stands(config_file: Path) -> None:
    config_file.write_text("[flower]\npassword = 100% ${HOME} #;: = %(x)s\n")

    settings = loader.load(config_file, {}).settings

    assert settings.flower.password.get_secret_value() == "100% ${HOME} #;: = %(x)s"


def test_word_that_is_one_of_a_few_may_be_in_capitals() -> None:
    assert loader.load(None, {"LOG_LEVEL": "INFO"}).settings.log.level == "info"


def test_every_problem_is_reported_at_once(config_file: Path) -> None:
    config_file.write_text(
        "[worker]\nconcurrency = many\nconcurency = 3\n[web]\nport = 99999\nport = 8080\n"
        "[wbe]\nport = 1\nno value\n[schedule]\nreset_email_daily_counts = 61 * * * *\n"
    )

    problems = problems_of(config_file, DELIVERY_RETRY_SECONDS="1 two", SUPERVISOR_GRACE_SECONDS="inf")

    assert problems == [
        "config.ini, line 9: expected `key = value`",
        "[web] port: given twice (config.ini, lines 5 and 6)",
        "[wbe]: unknown section; did you mean web? (config.ini)",
        "[worker] concurency: unknown key; did you mean concurrency? (config.ini, line 3)",
        "[worker] concurrency: expected a positive integer, got 'many' (config.ini, line 2)",
        "[delivery] retry_seconds: expected seconds separated by spaces such as '60 300 600', got '1 two' "
        "(environment variable DELIVERY_RETRY_SECONDS)",
        "[schedule] reset_email_daily_counts: expected a cron expression of five fields such as '0 3 * * *', "
        "got '61 * * * *': minute '61' is not one of 0 to 59 (config.ini, line 11)",
        "[supervisor] grace_seconds: expected a number of seconds above 0, got 'inf' "
        "(environment variable SUPERVISOR_GRACE_SECONDS)",
    ]


def test_what_is_wrong_has_its_default_when_examined(config_file: Path) -> None:
    config_file.write_text("[web]\nport = x\nthreads = 7\n")

    loaded, problems = loader.examine(config_file, {})

    assert (loaded.settings.web.port, loaded.settings.web.threads) == (8080, 7)
    assert len(problems) == 1


def test_values_that_contradict_each_other_are_a_problem() -> None:
    problems = problems_of(None, WEB_PORT="5555", DISPATCHER_MIN_SLOTS="50", DELIVERY_BREAKER_SECONDS="1000")

    assert [problem.split(":")[0] for problem in problems] == [
        "[flower] port",
        "[dispatcher] min_slots",
        "[delivery] breaker_seconds",
    ]


def test_indented_line_is_not_swallowed_by_the_value_above(config_file: Path) -> None:
    config_file.write_text("[web]\nhost = 127.0.0.1\n  port = 9090\n")

    assert problems_of(config_file) == [
        "[web] host: the line below it is indented and so belongs to its value (config.ini, line 2)"
    ]


def test_key_before_any_section_is_a_problem(config_file: Path) -> None:
    config_file.write_text("port = 1\n")

    assert problems_of(config_file) == ["config.ini, line 1: a [section] must come first"]


def test_default_section_of_other_programs_is_unknown_here(config_file: Path) -> None:
    config_file.write_text("[DEFAULT]\nport = 1\n")

    assert problems_of(config_file) == ["[DEFAULT]: unknown section (config.ini)"]


def test_missing_file_is_a_problem(tmp_path: Path) -> None:
    assert problems_of(tmp_path / "other.ini") == [
        f"{tmp_path / 'other.ini'}: cannot be read: No such file or directory"
    ]


def test_file_in_another_encoding_is_a_problem(config_file: Path) -> None:
    config_file.write_bytes("[flower]\nuser = Jürgen\n".encode("latin-1"))

    assert problems_of(config_file) == [f"{config_file}: not UTF-8 text; save it in that encoding"]


def test_file_that_may_not_be_read_is_a_problem(closed_file: Path, as_ordinary_user: None) -> None:
    assert problems_of(closed_file) == [f"{closed_file}: cannot be read: Permission denied"]


def test_byte_order_mark_of_windows_editors_is_harmless(config_file: Path) -> None:
    config_file.write_bytes(b"\xef\xbb\xbf[web]\r\nport = 9090\r\n")

    assert loader.load(config_file, {}).settings.web.port == 9090


def test_no_problem_quotes_a_secret(config_file: Path) -> None:
    config_file.write_text("[flower]\npassword = hunter2\n continued hunter2\n[database]\nurl hunter2\n")

    assert not any("hunter2" in problem for problem in problems_of(config_file, FLOWER_PASSWORD_FILE="/nowhere"))
