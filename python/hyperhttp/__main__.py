"""python -m hyperhttp URL...: fetches, and writes the bodies to standard output.

Options are spelled as curl spells them. Exit status: 0 when every URL brought an answer, whatever
its status; 1 when one didn't; 2 for a wrong command line; 130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
import os
import sys

import hyperhttp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

FORM = "application/x-www-form-urlencoded"


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m hyperhttp", description="Fetches URLs; bodies go to standard output."
    )
    add = parser.add_argument
    add("urls", nargs="+", metavar="URL", help="http:// unless it says otherwise")
    add("-X", "--request", metavar="METHOD", help="instead of GET, or POST with a body")
    add("-H", "--header", action="append", default=[], metavar="'NAME: VALUE'")
    add("-d", "--data", metavar="DATA", help="a body, sent as a form")
    add("--json", metavar="JSON", help="a body, sent as JSON")
    add("-o", "--output", metavar="FILE", help="instead of standard output")
    add("-i", "--include", action="store_true", help="the answer's head before its body")
    add("-v", "--verbose", action="store_true", help="both heads, to standard error")
    add("-L", "--location", action="store_true", help="follow redirects")
    add("-m", "--max-time", type=float, metavar="SECONDS", help="for each URL as a whole")
    add("-k", "--insecure", action="store_true", help="don't check certificates")
    for name, what in (
        ("--http2", "HTTP/2 where a TLS server offers it (the default)"),
        ("--http1.1", "no HTTP/2"),
        ("--http2-prior-knowledge", "HTTP/2 without TLS, too"),
    ):
        add(name, dest="http", action="store_const", const=name, help=what)
    add("-V", "--version", action="version", version=f"hyperhttp {hyperhttp.__version__}")
    options = parser.parse_args(arguments)
    if options.data is not None and options.json is not None:
        parser.error("give -d or --json, not both")
    if any(":" not in each for each in options.header):
        parser.error("a header is 'NAME: VALUE'")
    return options


def head_lines(response: hyperhttp.SyncResponse) -> str:
    reason = "" if response.http_version == "HTTP/2" else response.reason  # RFC 9113 §8.3.1
    lines = [f"{response.http_version} {response.status_code} {reason}".rstrip()]
    lines += [f"{name}: {value}" for name, value in response.headers.multi_items()]
    return "\r\n".join([*lines, "", ""])


def make_request(session: hyperhttp.Session, url: str, options: argparse.Namespace) -> object:
    headers = [
        (name.strip(), value.strip())
        for name, _, value in (each.partition(":") for each in options.header)
    ]
    body = options.data if options.data is not None else options.json
    if body is not None and not any(name.lower() == "content-type" for name, _ in headers):
        kind = FORM if options.data is not None else "application/json"
        headers.append(("Content-Type", kind))
    return session.build_request(
        options.request or ("GET" if body is None else "POST"),
        url if "://" in url else f"http://{url}",
        headers=headers,
        content=body,
        timeout=hyperhttp.Timeout(total=options.max_time),
    )


def fetch(
    session: hyperhttp.Session, url: str, options: argparse.Namespace, output: BinaryIO
) -> None:
    request = make_request(session, url, options)
    assert isinstance(request, hyperhttp.Request)
    if options.verbose:
        print(f"> {request.method} {request.url}", file=sys.stderr)
        for name, value in request.headers.multi_items():
            print(f"> {name}: {value}", file=sys.stderr)
    response = session.send(request, stream=True)
    try:
        head = head_lines(response)
        if options.verbose:
            print("".join(f"< {line}\n" for line in head.split("\r\n")[:-2]), file=sys.stderr)
        if options.include:
            output.write(head.encode("utf-8"))
        for chunk in response.iter_bytes():
            output.write(chunk)
        output.flush()
    finally:
        response.close()


def run(options: argparse.Namespace, output: BinaryIO) -> int:
    status = 0
    with hyperhttp.Session(
        verify=not options.insecure,
        follow_redirects=options.location,
        http2=options.http != "--http1.1",
        http2_prior_knowledge=options.http == "--http2-prior-knowledge",
    ) as session:
        for url in options.urls:
            try:
                fetch(session, url, options, output)
            except (hyperhttp.HyperHTTPError, ValueError) as error:
                print(f"hyperhttp: {error}", file=sys.stderr)
                status = 1
    return status


def main(arguments: list[str] | None = None) -> int:
    """The command; its exit status."""
    options = parse(arguments)
    try:
        if options.output is None:
            return run(options, sys.stdout.buffer)
        with open(options.output, "wb") as output:
            return run(options, output)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Nobody reads any more; the interpreter's own flush at exit would say so again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        print(f"hyperhttp: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
