"""The text of a systemd unit (systemd.service(5), systemd.exec(5)) for one checkout."""

import math
from dataclasses import dataclass
from pathlib import Path

from appliance.config.settings import Settings

LOWEST_FREE_PORT = 1024  # below it a process needs a capability to listen

TEMPLATE = """\
# Made by `python run.py systemd`: make it again after moving the checkout or changing [supervisor] or data_dir.
[Unit]
Description=Postroom, the e-mail notification appliance
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=300
StartLimitBurst=10

[Service]
Type=notify
NotifyAccess=main
User={user}
WorkingDirectory={root}
ExecStart={command}
Restart=on-failure
RestartSec=5
# the first start after an upgrade installs packages and migrates the database
TimeoutStartSec=600
# [supervisor] grace_seconds, and some more for the last writes
TimeoutStopSec={stop_seconds}
WatchdogSec=60
KillMode=mixed

# The appliance writes to its data directory and, after an upgrade, to its own packages; it sees no more than it needs.
UMask=0077
ProtectSystem=strict
ReadWritePaths={data_dir}
ReadWritePaths={environment}
{backups}\
ProtectHome={protect_home}
PrivateTmp=yes
PrivateDevices=yes
NoNewPrivileges=yes
CapabilityBoundingSet={capabilities}
AmbientCapabilities={capabilities}
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
LockPersonality=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
SystemCallArchitectures=native
SystemCallFilter=@system-service

[Install]
WantedBy=multi-user.target
"""


@dataclass(frozen=True)
class Unit:
    """All paths are absolute; `config` is None where no file is read."""

    root: Path
    python: Path
    environment: Path
    user: str
    config: Path | None
    settings: Settings

    def text(self) -> str:
        return TEMPLATE.format(
            user=_escaped(self.user),
            root=_escaped(self.root),
            command=self._command(),
            data_dir=_quoted(self.settings.data_dir),
            environment=_quoted(f"-{self.environment}"),
            backups=self._backups(),
            stop_seconds=math.ceil(self.settings.supervisor.grace_seconds) + 15,
            protect_home="read-only" if self._lives_at_home() else "yes",
            capabilities="CAP_NET_BIND_SERVICE" if self._has_low_port() else "",
        )

    def _command(self) -> str:
        words: list[Path | str] = [self.python, self.root / "run.py"]
        if self.config is not None:
            words += ["--config", self.config]
        return " ".join(_quoted(word).replace("$", "$$") for word in words)  # else a variable of the environment

    def _backups(self) -> str:
        """A line for a directory outside of the data directory; the unit starts also while that is not there."""
        place = self.settings.backup_dir
        inside = place.is_relative_to(self.settings.data_dir)
        return "" if inside else f"ReadWritePaths={_quoted(f'-{place}')}\n"

    def _lives_at_home(self) -> bool:
        """Whether ProtectHome=yes would hide something that is needed."""
        settings = self.settings
        needed = (self.root, self.python.resolve(), settings.data_dir, settings.backup_dir, self.config or self.root)
        return any(path.is_relative_to(home) for path in needed for home in ("/home", "/root", "/run/user"))

    def _has_low_port(self) -> bool:
        ports = (self.settings.web.port, self.settings.flower.port)
        return any(0 < port < LOWEST_FREE_PORT for port in ports)


def _escaped(word: object) -> str:
    return str(word).replace("%", "%%")


def _quoted(word: object) -> str:
    """One word, as systemd.syntax(7) reads it."""
    text = _escaped(word).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"' if any(character in text for character in " \\'\"") else text
