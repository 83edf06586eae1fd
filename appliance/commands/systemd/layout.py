"""Where an installation lives: as the configuration says, or, when it has said nothing yet, where Linux expects it."""

import contextlib
import grp
import os
import pwd
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from appliance.config import loader
from appliance.config.data_dir import user_name
from appliance.config.loader import Loaded
from appliance.config.settings import Settings
from appliance.errors import StartupError

USER = "postroom"
DATA_DIR = Path("/var/lib/postroom")
CONFIG = Path("/etc/postroom/config.ini")

FIRST_CONFIG = """\
; The configuration of the service postroom. Every key is in {example}.

[appliance]
data_dir = {data_dir}
"""


@dataclass(frozen=True)
class Layout:
    """`is_new`: nobody has chosen anything yet, so that directories, file and user may be made."""

    settings: Settings
    config: Path | None
    user: str
    is_new: bool


def layout_of(loaded: Loaded, user: str | None, environ: Mapping[str, str]) -> Layout:
    """A file that was named, or data that is there already, is a choice that was made: nothing is moved.

    Raises:
        ConfigError: the file in /etc is wrong.
    """
    settings = loaded.settings
    if loaded.path is not None or settings.data_dir.exists() or "appliance.data_dir" in loaded.sources:
        config = loaded.path.resolve() if loaded.path else None
        return Layout(settings, config, user or _owner_of(settings.data_dir) or USER, is_new=False)
    if CONFIG.exists():
        settings = loader.load(CONFIG, environ).settings
    else:
        appliance = settings.appliance.model_copy(update={"data_dir": DATA_DIR})
        settings = settings.model_copy(update={"appliance": appliance})
    return Layout(settings, CONFIG, user or USER, is_new=True)


def make_user(name: str) -> bool:
    """A user who can do nothing but run a service. False when there is one of that name.

    Raises:
        StartupError: it cannot be made.
    """
    if _exists(name):
        return False
    useradd = shutil.which("useradd")
    command = f"useradd --system --no-create-home --home-dir {DATA_DIR} --shell /usr/sbin/nologin {name}"
    if useradd is None:
        raise StartupError(f"There is no user {name}, and no useradd to make one. Make it, or name one: --user NAME")
    result = subprocess.run([useradd, *command.split()[1:]], capture_output=True, text=True, check=False)  # noqa: S603
    if result.returncode != 0:
        raise StartupError(f"The user {name} cannot be made: {' '.join(result.stderr.split())} Try: {command}")
    return True


def known_user(name: str) -> pwd.struct_passwd:
    """Raises StartupError."""
    try:
        return pwd.getpwnam(name)
    except KeyError:
        raise StartupError(
            f"There is no user {name}. Make one: useradd --system --shell /usr/sbin/nologin {name}"
        ) from None


def make_config(layout: Layout, user: pwd.struct_passwd) -> bool:
    """A first configuration in /etc, which its user may read and root write. False when there is one.

    Raises:
        StartupError: it cannot be written.
    """
    config = layout.config
    if config is None or config.exists():
        return False
    example = loader.base_directory() / "config.example.ini"
    try:
        config.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        with open(config, "x", encoding="utf-8", opener=_for_owner_and_group) as file:
            file.write(FIRST_CONFIG.format(example=example, data_dir=layout.settings.data_dir))
            os.chown(file.fileno(), -1, user.pw_gid)
    except OSError as error:
        raise StartupError(f"{config} cannot be written: {error.strerror}.") from error
    return True


def make_link(layout: Layout, root: Path) -> bool:
    """Without it, a command in the checkout `root` that names no file would make a second installation there.

    False where there is a configuration already, or the checkout cannot be written to.
    """
    place = root / loader.FILE_NAME
    if layout.config is None or not layout.is_new or os.path.lexists(place):
        return False
    with contextlib.suppress(OSError):
        place.symlink_to(layout.config)
    return place.is_symlink()


def is_found(config: Path, root: Path) -> bool:
    """Whether `config` is what a command in the checkout `root` reads by itself."""
    return (root / loader.FILE_NAME).resolve() == config.resolve()


def make_data_directory(path: Path, user: pwd.struct_passwd) -> bool:
    """systemd does not start a unit whose writable paths are missing; what is there already is never given away.

    Returns False when it is there. Raises StartupError when it is somebody else's.
    """
    if not path.exists():
        path.mkdir(mode=0o700, parents=True)
        os.chown(path, user.pw_uid, user.pw_gid)
        return True
    if path.stat().st_uid != user.pw_uid:
        raise StartupError(
            f"The data directory {path} belongs to {user_name(path.stat().st_uid)}. Stop the appliance, then: "
            f"chown -R {user.pw_name}: {path}"
        )
    return False


def require_readable(path: Path, user: pwd.struct_passwd) -> None:
    """Raises StartupError when `user` could not read `path`: the service would fail at its first line."""
    groups = {user.pw_gid, *(group.gr_gid for group in grp.getgrall() if user.pw_name in group.gr_mem)}
    for place in (*reversed(path.parents), path):
        if not _may_enter(place.stat(), user.pw_uid, groups, directory=place != path):
            raise StartupError(
                f"The user {user.pw_name} may not read {place}{'' if place == path else f', so not {path} either'}. "
                f"Open it (chmod -R go+rX {place}), put it where others may read (a checkout into /opt/postroom, "
                "a configuration into /etc/postroom), or name a user who may: --user NAME"
            )


def _may_enter(facts: os.stat_result, uid: int, groups: set[int], *, directory: bool) -> bool:
    wanted = 0o1 if directory else 0o4
    if uid in (0, facts.st_uid):
        return uid == 0 or bool(facts.st_mode & wanted << 6)
    return bool(facts.st_mode & (wanted << 3 if facts.st_gid in groups else wanted))


def _owner_of(data_dir: Path) -> str | None:
    """None where nobody but root has it: the service does without root."""
    if not data_dir.exists() or data_dir.stat().st_uid == 0:
        return None
    return user_name(data_dir.stat().st_uid)


def _exists(name: str) -> bool:
    return any(one.pw_name == name for one in pwd.getpwall())


def _for_owner_and_group(path: str, flags: int) -> int:
    return os.open(path, flags, 0o640)
