"""The command line: `nicgate COMMAND`; see `gateway.commands`."""

import argparse
import sys
from collections.abc import Sequence

from pydantic_settings import BaseSettings

from gateway.commands import COMMANDS
from gateway.listening import StartError
from models.settings import PREFIX, SettingsError

_MANUAL = """\
The account gateway of a hosting company.

On a machine of your own, `nicgate up` runs all of it. In production a server runs `nicgate migrate`
once for each new version, then `nicgate serve` and `nicgate worker` for as long as it lives."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status."""
    options = vars(_parser().parse_args(arguments))
    run = options.pop("run")
    try:
        run(**options)
    except SettingsError as fault:
        return _fail(fault, 2)
    except StartError as fault:
        return _fail(fault, 1)
    except KeyboardInterrupt:
        return 130
    return 0


def _fail(fault: Exception, status: int) -> int:
    sys.stderr.write(f"{fault}\n")
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nicgate",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=_MANUAL,
        epilog="`nicgate COMMAND --help` lists what a command reads from its environment.",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, command in COMMANDS.items():
        added = commands.add_parser(
            name,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            help=command.summary,
            description=f"{command.summary}\n\n{command.manual}",
            epilog=_variables(*command.settings),
        )
        added.set_defaults(run=command.run)
        command.add_arguments(added)
    return parser


def _variables(*settings: type[BaseSettings]) -> str:
    """List the environment in the words of the settings."""
    fields = {name: field for group in settings for name, field in group.model_fields.items()}
    # Set by `up` alone.
    fields.pop("mailbox_file", None)
    if not fields:
        return "It reads nothing from the environment."
    lines = ["environment:"]
    for name, field in fields.items():
        default = "" if field.default in {None, ""} else f" [{field.default}]"
        needed = " [needed]" if field.is_required() else default
        lines.append(f"  {PREFIX}{name.upper()}\n        {field.description}{needed}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
