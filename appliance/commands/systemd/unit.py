"""The text of a systemd unit (systemd.service(5), systemd.exec(5)) for one checkout."""

import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from appliance.config.settings import Settings
from appliance.program import PROGRAM

STATE = Path("/var/lib")
CONFIGURATION = Path("/etc")

LOWEST_FREE_PORT = 1024  # below it a process needs a capability to listen

TEMPLATE = """\
# Made by `{program} systemd`: make it again after an upgrade or a change of [supervisor], a port or a directory.
[Unit]
Description=Postroom, the e-mail notification appliance
Wants=network-online.target
After=network-online.target
# a database or a broker that is away for an hour must not be the end: it is tried again for as long as it takes
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
User={user}
WorkingDirectory={root}
ExecStart={command}
SyslogIdentifier=postroom
# who holds the event loop when the watchdog ends the process stands in the journal then
Environment=PYTHONFAULTHANDLER=1
# but not what is in memory, which is mail and passwords
LimitCORE=0
# for 1,000 connections, and as many files as mail and databases need beside them
LimitNOFILE=16384
Restart=always
RestartSec=5
# a configuration that is wrong stays so until somebody has changed it
RestartPreventExitStatus={misconfigured}
# the first start after an upgrade installs packages and migrates the database, which must not be cut off
TimeoutStartSec=infinity
# [supervisor] grace_seconds, and some more for the last writes
TimeoutStopSec={stop_seconds}
WatchdogSec=60
KillMode=mixed

# It writes to its data directory and, after an upgrade, to its own packages; it sees no more than it needs.
{places}\
UMask=0077
ProtectSystem=strict
ProtectHome={protect_home}
PrivateTmp=yes
PrivateDevices=yes
PrivateMounts=yes
{private_users}\
NoNewPrivileges=yes
CapabilityBoundingSet={capabilities}
AmbientCapabilities={capabilities}
MemoryDenyWriteExecute=yes
RemoveIPC=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProcSubset=pid
LockPersonality=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM

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
        low_port = self._has_low_port()
        return TEMPLATE.format(
            program=PROGRAM,
            user=_escaped(self.user),
            root=_escaped(self.root),
            command=self._command(),
            places="".join(f"{line}\n" for line in self._places()),
            misconfigured=os.EX_CONFIG,
            stop_seconds=math.ceil(self.settings.supervisor.grace_seconds) + 15,
            protect_home="read-only" if self._lives_at_home() else "yes",
            private_users="" if low_port else "PrivateUsers=yes\n",  # which would take the capability away again
            capabilities="CAP_NET_BIND_SERVICE" if low_port else "",
        )

    def _places(self) -> Iterator[str]:
        data_dir, config = self.settings.data_dir, self.config
        if _is_plain(data_dir, STATE):
            yield f"StateDirectory={data_dir.relative_to(STATE)}"
            yield "StateDirectoryMode=0700"
        else:
            yield f"ReadWritePaths={_quoted(data_dir)}"
        if config is not None and _is_plain(config.parent, CONFIGURATION):
            yield f"ConfigurationDirectory={config.parent.relative_to(CONFIGURATION)}"
        yield f"ReadWritePaths={_quoted(f'-{self.environment}')}"
        yield from (f"ReadWritePaths={_quoted(f'-{place}')}" for place in self._elsewhere())

    def _elsewhere(self) -> list[Path]:
        """Directories outside of the data directory that are written to; the unit starts also while they are away."""
        settings = self.settings
        log = (settings.data_dir / settings.log.file).parent
        places = dict.fromkeys((settings.backup_dir, log) if settings.log.file else (settings.backup_dir,))
        return [place for place in places if not place.is_relative_to(settings.data_dir)]

    def _command(self) -> str:
        words: list[Path | str] = [self.python, self.root / "run.py"]
        if self.config is not None:
            words += ["--config", self.config]
        return " ".join(_quoted(word).replace("$", "$$") for word in words)  # else a variable of the environment

    def _lives_at_home(self) -> bool:
        """Whether ProtectHome=yes would hide something that is needed."""
        settings = self.settings
        needed = (self.root, self.python.resolve(), settings.data_dir, settings.backup_dir, self.config or self.root)
        return any(path.is_relative_to(home) for path in needed for home in ("/home", "/root", "/run/user"))

    def _has_low_port(self) -> bool:
        ports = (self.settings.web.port, self.settings.flower.port)
        return any(0 < port < LOWEST_FREE_PORT for port in ports)


def _is_plain(path: Path, parent: Path) -> bool:
    """Whether systemd can look after `path`, which it knows by a name within `parent` without odd characters."""
    return path.is_relative_to(parent) and re.fullmatch(r"[\w./-]+", str(path.relative_to(parent))) is not None


def _escaped(word: object) -> str:
    return str(word).replace("%", "%%")


def _quoted(word: object) -> str:
    """One word, as systemd.syntax(7) reads it."""
    text = _escaped(word).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"' if any(character in text for character in " \\'\"") else text
