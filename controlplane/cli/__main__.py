"""Arguments of `./run`. Exit codes: 0 done, 1 refused or failed (reason on standard error), 2 wrong usage."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TypeAlias

from controlplane.cli.console import CommandFailed, Console
from controlplane.gateways.broker import data_paths
from controlplane.gateways.errors import GatewayError

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="./run", description="Kastellan: the control plane for Apache Kafka.")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    _add_up(commands)
    commands.add_parser("fetch", help="download everything into DIR, for up --offline").add_argument(
        "dir", type=Path
    )
    commands.add_parser("down", help="stop everything; brokers hand over their leaders first")
    status = commands.add_parser("status", help="what runs, where")
    status.add_argument("--json", action="store_true")
    logs = commands.add_parser("logs", help="logs of a process (all names: status)")
    logs.add_argument("name", nargs="?")
    logs.add_argument("-f", "--follow", action="store_true")
    logs.add_argument("-n", "--lines", type=int, default=50)
    commands.add_parser("doctor", help="check this machine and this installation")
    reset = commands.add_parser(
        "reset", help="stop, then delete the data directory with all topics and users"
    )
    reset.add_argument("--yes", action="store_true")
    token = commands.add_parser("token", help="make an API token and print it")
    token.add_argument("--role", required=True, choices=("viewer", "operator", "admin"))
    token.add_argument("--name", default="cli")
    link = commands.add_parser("link", help="make a one-time login link for a user and print it")
    link.add_argument("user")
    commands.add_parser(
        "verify-audit", help="check the hash chain of all operations; ends with 1 if it is broken"
    )
    commands.add_parser("rotate-key", help="seal all stored secrets under a new key and forget the old one")
    test = commands.add_parser("test", help="run the checks and tests", add_help=False)
    test.add_argument("rest", nargs=argparse.REMAINDER)
    bench = commands.add_parser("bench", help="run a benchmark: start, poll, …")
    bench.add_argument("name")
    bench.add_argument("rest", nargs=argparse.REMAINDER)
    commands.add_parser("help", help="this text")
    return top


def _add_up(commands: Commands) -> None:
    up = commands.add_parser("up", help="install, fetch and start everything, then print the URL")
    up.add_argument("--detach", action="store_true", help="return when everything is ready")
    up.add_argument("--brokers", type=broker_count, metavar="N", help="at the first start (default 3)")
    up.add_argument("--dr", action="store_true", help="a second cluster beside the first, for replication")
    up.add_argument("--offline", type=Path, metavar="DIR", help="take every download from DIR (see fetch)")
    up.add_argument(
        "--tls",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="serve https with a certificate of the cluster's own authority",
    )
    up.add_argument(
        "--insecure",
        action="store_true",
        help="serve another address than loopback without TLS; every page warns",
    )
    up.add_argument("--open", action="store_true", help="open the browser")


def broker_count(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 9:
        raise argparse.ArgumentTypeError("a number of brokers from 1 to 9")
    return int(text)


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Imports inside: `status` must not pay for what `up` needs."""
    if arguments.command in ("test", "bench"):
        return run_checks(arguments, console)
    if arguments.command == "up":
        from controlplane.cli.up import UpOptions, up

        options = UpOptions(
            arguments.brokers,
            arguments.detach,
            arguments.offline,
            arguments.open,
            arguments.tls,
            arguments.insecure,
            arguments.dr,
        )
        return up(data_paths(), options, console)
    return run_small(arguments, console)


def run_checks(arguments: argparse.Namespace, console: Console) -> int:
    from controlplane.cli import checks

    if arguments.command == "test":
        return checks.test(arguments.rest, console)
    return checks.bench(arguments.name, arguments.rest)


def run_small(arguments: argparse.Namespace, console: Console) -> int:
    from controlplane.cli import doctor, maintenance, status

    paths = data_paths()
    plain = {
        "doctor": doctor.doctor,
        "verify-audit": maintenance.verify_audit,
        "rotate-key": maintenance.rotate_key,
    }
    if arguments.command in plain:
        return plain[arguments.command](paths)
    match arguments.command:
        case "fetch":
            return maintenance.fetch(arguments.dir, console)
        case "down":
            return maintenance.down(paths, console)
        case "status":
            return status.status(paths, as_json=arguments.json)
        case "logs":
            return maintenance.logs(paths, arguments.name, lines=arguments.lines, follow=arguments.follow)
        case "reset":
            return maintenance.reset(paths, confirmed=arguments.yes, console=console)
        case "token":
            return maintenance.token(paths, role=arguments.role, name=arguments.name)
        case "link":
            return maintenance.link(paths, user=arguments.user)
    parser().print_help()
    return 0


def main() -> int:
    console = Console()
    try:
        # `test` hands everything after it to pytest, options included.
        if sys.argv[1:2] == ["test"]:
            return run(argparse.Namespace(command="test", rest=sys.argv[2:]), console)
        return run(parser().parse_args(), console)
    except CommandFailed as failure:
        return refused(failure.what, failure.hint)
    except GatewayError as failure:
        return refused(failure.what, failure.hint)
    except BrokenPipeError:
        # The reader of our output has gone (`| head`): nothing to say, and nobody to say it to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return refused("interrupted", "Nothing is half-done: `./run up` goes on from here.")


def refused(what: str, hint: str) -> int:
    sys.stdout.flush()
    print(f"\nkastellan: {what}", file=sys.stderr)
    if hint:
        print(f"  {hint}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
