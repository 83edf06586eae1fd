"""The command line: chooses the command, reads the configuration, sets up the log, turns errors into exit codes."""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import structlog

from appliance.commands import COMMANDS, DEFAULT, Command
from appliance.config import loader, log_journal, logs
from appliance.config.log_settings import LogSettings
from appliance.db.models.audit_entry import ActorKind
from appliance.errors import ApplianceError, ConfigError, SchemaMismatch
from appliance.program import PROGRAM
from appliance.services import audit
from appliance.services.audit import Actor

FAILED = 1
MISFIT = os.EX_CONFIG  # it would be so again, so systemd does not start the service again
INTERRUPTED = 130

log = structlog.get_logger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code. Raises SystemExit for `--help` and for words it does not know."""
    arguments = build_parser().parse_args(argv)
    logs.configure(LogSettings(), sys.stderr)
    try:
        return _run(arguments.command, arguments)
    except ConfigError as error:
        for problem in error.problems:
            _complain(problem)
        return MISFIT
    except SchemaMismatch as error:
        _complain(str(error))
        return MISFIT
    except ApplianceError as error:
        _complain(str(error))
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # whoever read our output, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception:
        log.exception("unexpected error")
    return FAILED


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="Postroom, an e-mail notification appliance in one process. Without a command it starts.",
        epilog=f"`{PROGRAM} COMMAND --help` tells more of a command.",
    )
    _add_config_option(parser, default=None)
    parser.set_defaults(command=DEFAULT)
    DEFAULT.add_arguments(parser)
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", prog=PROGRAM)
    for command in COMMANDS:
        subparser = subparsers.add_parser(command.NAME, help=command.HELP, description=command.HELP)
        _add_config_option(subparser, default=argparse.SUPPRESS)  # else it would undo the one before the command
        command.add_arguments(subparser)
        subparser.set_defaults(command=command)
    subparsers.add_parser("test", help="run the test suite; what follows is for pytest", add_help=False)
    return parser


def _add_config_option(parser: argparse.ArgumentParser, default: Path | str | None) -> None:
    parser.add_argument(
        "--config",
        metavar="PATH",
        type=Path,
        default=default,
        help="the configuration file; default: config.ini beside run.py, if there is one",
    )


def _run(command: Command, arguments: argparse.Namespace) -> int:
    if not command.NEEDS_SETTINGS:
        return command.run(arguments, None)
    loaded = loader.load(arguments.config, os.environ)
    logs.configure(loaded.settings.log, sys.stderr)
    with audit.act_as(_actor(command)):
        return command.run(arguments, loaded)


def _actor(command: Command) -> Actor:
    """The appliance that is started acts by itself; any other command is somebody's who may log in to this box."""
    return audit.SYSTEM if command is DEFAULT else Actor(ActorKind.COMMAND, "local", f"{PROGRAM} {command.NAME}")


def _complain(line: str) -> None:
    if log_journal.is_behind(sys.stderr, os.environ):
        line = log_journal.prioritised(line, logging.ERROR)
    sys.stderr.write(f"{line}\n")
