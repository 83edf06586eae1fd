from pathlib import Path

from appliance.config import example, loader
from appliance.config.settings import SECTIONS

FILE = Path(__file__).resolve().parents[2] / "config.example.ini"


def test_file_is_what_the_settings_say() -> None:
    assert FILE.read_text(encoding="utf-8") == example.text(), "python -m appliance.config.example > config.example.ini"


def test_file_loads_to_the_defaults() -> None:
    settings = loader.load(FILE, {}).settings

    for name, section_class in SECTIONS.items():
        assert getattr(settings, name) == section_class()


def test_file_has_every_key_with_its_variable() -> None:
    loaded = loader.load(FILE, {})

    keys = {f"{name}.{key}" for name, section_class in SECTIONS.items() for key in section_class.model_fields}
    assert set(loaded.sources) == keys
    assert all(f"({loader.variable_name(*key.split('.'))})" in example.text().replace("\n# ", " ") for key in keys)
