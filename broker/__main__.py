"""`python -m broker`: the bundled cluster alone, without the control plane: up, down, status, logs, roll, remove, supervise.

Exit codes: 0 done, 1 refused or failed (the reason is on standard error), 2 wrong usage.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from broker import commands
from broker.control import ControlError
from broker.errors import BundledError
from broker.lock import AlreadySupervised
from broker.paths import DataPaths
from broker.record import UnreadableRecord
from broker.supervisor import Supervisor, install_signals

Command = Callable[[DataPaths, argparse.Namespace], None]


def parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--data", type=Path, metavar="DIR", help="the data directory (default: $KASTELLAN_DATA or ./data)"
    )
    root = argparse.ArgumentParser(
        prog="python -m broker", description="A secured Kafka cluster on this machine."
    )
    verbs = root.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def verb(name: str, text: str) -> argparse.ArgumentParser:
        return verbs.add_parser(name, help=text, description=text, parents=[common])

    up = verb("up", "Create the cluster if there is none, start it, and wait until it is ready.")
    up.add_argument(
        "--brokers", type=_count, default=3, metavar="N", help="nodes of a new cluster (default 3)"
    )
    verb("down", "Stop everything in an orderly way.")
    verb("status", "Show every process.").add_argument("--json", action="store_true")
    logs = verb("logs", "Show the last lines of one log, or of all.")
    logs.add_argument("name", nargs="?")
    logs.add_argument("-f", "--follow", action="store_true")
    logs.add_argument("-n", "--lines", type=_count, default=50)
    roll = verb("roll", "Restart the nodes one by one, never below min.insync.replicas.")
    roll.add_argument("nodes", nargs="*", type=int, metavar="NODE", help="node ids (default: all)")
    remove = verb("remove", "Take out a broker that was added and hosts no replica any more.")
    remove.add_argument("node", type=int, metavar="NODE")
    remove.add_argument(
        "--delete-data", action="store_true", help="delete its data instead of setting it aside"
    )
    supervise = verb("supervise", "Run the supervisor (`up` does it for you).")
    supervise.add_argument("--detach", action="store_true")
    return root


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def supervise(paths: DataPaths, arguments: argparse.Namespace) -> None:
    if arguments.detach and os.fork():
        os._exit(0)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    supervisor = Supervisor(paths.prepare())
    install_signals(supervisor)
    supervisor.run()


COMMANDS: Mapping[str, Command] = {
    "up": commands.up,
    "down": commands.down,
    "status": commands.status,
    "logs": commands.logs,
    "roll": commands.roll,
    "remove": commands.remove,
    "supervise": supervise,
}


def main(arguments: Sequence[str]) -> int:
    parsed = parser().parse_args(arguments)
    paths = DataPaths(parsed.data.absolute()) if parsed.data else DataPaths.from_env()
    try:
        COMMANDS[parsed.command](paths, parsed)
    except (BundledError, ControlError, AlreadySupervised, UnreadableRecord) as error:
        print(f"kastellan: {error}", file=sys.stderr)
        hint = getattr(error, "hint", "")
        if hint:
            print(f"  {hint}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
