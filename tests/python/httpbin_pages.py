"""The pages of the local httpbin (httpbin.py): what each path answers, shaped as at httpbin.org.

Pages are found by their first segment, then by pattern. Two kinds of hosts know more than httpbin:
at api.anything every other path answers as /anything, at example.com and its like with a page of
HTML.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import importlib.util
import json
import random
import re
import struct
import uuid
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from email.message import Message
from email.parser import BytesParser
from email.policy import HTTP
from email.utils import formatdate
from urllib.parse import parse_qsl, urlencode

from httpbin_wire import Answer, Asked

LONGEST_DELAY = 10.0  # seconds
MOST_BYTES = 256 << 20
BYTES_PER_PIECE = 64 << 10

Page = Callable[..., Answer | Awaitable[Answer]]
ANY = ("GET", "POST", "PUT", "PATCH", "DELETE")
PAGES: dict[str, list[tuple[re.Pattern, tuple[str, ...], Page]]] = {}


def page(pattern: str, *methods: str) -> Callable[[Page], Page]:
    """Makes a function the answer to a path; {name} is a segment, {name...} the rest."""
    source = re.sub(r"\{\w+\.\.\.\}", "(.+)", pattern)
    source = re.sub(r"\{\w+\}", "([^/]+)", source)
    compiled = re.compile(source)

    def add(function: Page) -> Page:
        entry = (compiled, methods or ("GET",), function)
        PAGES.setdefault(pattern.split("/")[1], []).append(entry)
        return function

    return add


async def answer_request(asked: Asked) -> Answer:
    """What the server answers."""
    found = [
        (methods, function, match.groups())
        for pattern, methods, function in PAGES.get(asked.path.split("/")[1], ())
        if (match := pattern.fullmatch(asked.path))
    ]
    if not found:
        return answer_unknown(asked)
    method = "GET" if asked.method == "HEAD" else asked.method
    allowed = sorted({name for methods, _, _ in found for name in methods} | {"OPTIONS"})
    if method == "OPTIONS":
        return Answer(200, b"", [("Allow", ", ".join(allowed))])
    for methods, function, arguments in found:
        if method in methods:
            try:
                answer = function(asked, *arguments)
                return answer if isinstance(answer, Answer) else await answer
            except ValueError as error:
                return answer_text(400, f"{error}\n")
    answer = answer_html(405, "<title>405 Method Not Allowed</title>")
    answer.headers.append(("Allow", ", ".join(allowed)))
    return answer


def answer_unknown(asked: Asked) -> Answer:
    host = asked.host.split(":")[0]
    if host.startswith("api."):
        return answer_json(describe(asked, *EVERYTHING))
    if host.endswith((".com", ".org")) and host != "httpbin.org":
        return answer_html(200, EXAMPLE)
    return answer_html(404, "<title>404 Not Found</title>\n<h1>Not Found</h1>")


def answer_bad_request() -> Answer:
    return answer_html(400, "<title>400 Bad Request</title>")


# Shapes.


def answer_json(value: object, status: int = 200) -> Answer:
    text = json.dumps(value, indent=2, sort_keys=True) + "\n"
    return Answer(status, text.encode(), [("Content-Type", "application/json")])


def answer_html(status: int, text: str) -> Answer:
    return Answer(status, text.encode(), [("Content-Type", "text/html; charset=utf-8")])


def answer_text(status: int, text: str) -> Answer:
    return Answer(status, text.encode(), [("Content-Type", "text/plain")])


def answer_bytes(body: bytes | AsyncIterator[bytes], status: int = 200) -> Answer:
    return Answer(status, body, [("Content-Type", "application/octet-stream")])


def gather_pairs(pairs: list[tuple[str, str]]) -> dict[str, str | list[str]]:
    """A name that comes more than once gets the list of its values."""
    gathered: dict[str, list[str]] = {}
    for name, value in pairs:
        gathered.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in gathered.items()}


def show_bytes(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        encoded = base64.b64encode(data).decode()
        return f"data:application/octet-stream;base64,{encoded}"


def show_headers(asked: Asked) -> dict[str, str]:
    shown: dict[str, str] = {}
    for name, value in asked.headers:
        title = "-".join(word.capitalize() for word in name.split("-"))
        shown[title] = f"{shown[title]},{value}" if title in shown else value
    return shown


def parse_parts(asked: Asked) -> tuple[dict, dict]:
    """Fields and files of a multipart body."""
    head = f"Content-Type: {asked.header('content-type')}\r\n\r\n".encode("latin-1")
    message = BytesParser(policy=HTTP).parsebytes(head + asked.body)
    form, files = [], []
    for part in message.iter_parts() if message.is_multipart() else ():
        name = str(part.get_param("name", header="content-disposition"))
        content = show_bytes(part.get_payload(decode=True) or b"")
        (form if part.get_filename() is None else files).append((name, content))
    return gather_pairs(form), gather_pairs(files)


def describe_body(asked: Asked) -> dict[str, object]:
    told: dict[str, object] = {"data": "", "files": {}, "form": {}, "json": None}
    kind = Message()
    kind["content-type"] = asked.header("content-type") or "application/octet-stream"
    if kind.get_content_type() == "application/x-www-form-urlencoded":
        told["form"] = gather_pairs(parse_qsl(asked.body.decode(), keep_blank_values=True))
    elif kind.get_content_type() == "multipart/form-data":
        told["form"], told["files"] = parse_parts(asked)
    else:
        told["data"] = show_bytes(asked.body)
        try:
            told["json"] = json.loads(asked.body)
        except ValueError:
            pass
    return told


BASE = ("args", "headers", "origin", "url")
WITH_BODY = (*BASE, "data", "files", "form", "json")
EVERYTHING = (*WITH_BODY, "method")


def describe(asked: Asked, *keys: str) -> dict[str, object]:
    told = {
        "args": gather_pairs(asked.query),
        "headers": show_headers(asked),
        "method": asked.method,
        "origin": "127.0.0.1",
        "url": asked.url,
    }
    if "data" in keys:
        told |= describe_body(asked)
    return {key: told[key] for key in keys}


def count_bytes(text: str) -> int:
    count = int(text)
    if not 0 <= count <= MOST_BYTES:
        raise ValueError(f"{count} bytes are out of bounds")
    return count


def make_bytes(asked: Asked, count: int) -> bytes:
    """Random ones; the same for the same ?seed=."""
    seed = asked.argument("seed")
    return random.Random(None if seed is None else int(seed)).randbytes(count)


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


async def iterate(pieces: list[bytes], pause: float = 0.0) -> AsyncIterator[bytes]:
    for number, piece in enumerate(pieces):
        if pause and number:
            await asyncio.sleep(pause)
        yield piece


# Methods.


@page("/")
def get_root(asked: Asked) -> Answer:
    if asked.host.startswith("api."):
        return answer_json(describe(asked, *EVERYTHING))
    return answer_html(200, EXAMPLE)


@page("/get")
def get_get(asked: Asked) -> Answer:
    return answer_json(describe(asked, *BASE))


def answer_with_body(asked: Asked) -> Answer:
    return answer_json(describe(asked, *WITH_BODY))


for name in ("POST", "PUT", "PATCH", "DELETE"):
    page(f"/{name.lower()}", name)(answer_with_body)


@page("/anything", *ANY)
@page("/anything/{path...}", *ANY)
def any_anything(asked: Asked, path: str = "") -> Answer:
    return answer_json(describe(asked, *EVERYTHING))


# What came.


@page("/headers")
def get_headers(asked: Asked) -> Answer:
    return answer_json(describe(asked, "headers"))


@page("/ip")
def get_ip(asked: Asked) -> Answer:
    return answer_json(describe(asked, "origin"))


@page("/user-agent")
def get_user_agent(asked: Asked) -> Answer:
    return answer_json({"user-agent": asked.header("user-agent")})


# Statuses and redirects.


@page("/status/{codes}", *ANY)
def any_status(asked: Asked, codes: str) -> Answer:
    """One of 200,404 by lot, or of 200:3,404:1 by weight."""
    choices = [code.partition(":") for code in codes.split(",")]
    weights = [float(weight or 1) for _, _, weight in choices]
    status = int(random.choices([code for code, _, _ in choices], weights)[0])
    if not 200 <= status <= 599:
        raise ValueError("Invalid status code")
    answer = Answer(status, b"", [("Content-Type", "text/html; charset=utf-8")])
    if status in (301, 302, 303, 305, 307, 308):
        answer.headers.append(("Location", "/redirect/1"))
    elif status == 401:
        answer.headers.append(("WWW-Authenticate", 'Basic realm="Fake Realm"'))
    elif status == 418:
        answer.body = b"\n    -=[ teapot ]=-\n"
        answer.headers.append(("x-more-info", "http://tools.ietf.org/html/rfc2324"))
    return answer


def redirect(to: str, status: int = 302) -> Answer:
    answer = answer_html(status, f'<title>Redirecting...</title>\n<a href="{to}">{to}</a>')
    answer.headers.append(("Location", to))
    return answer


def redirect_more(asked: Asked, count: str, kind: str) -> Answer:
    left = int(count) - 1
    if left < 0:
        raise ValueError("n must be > 0")
    path = f"/{kind}/{left}" if left else "/get"
    if kind == "redirect" and asked.argument("absolute", "").lower() == "true":
        path += "?absolute=true" if left else ""
    elif kind != "absolute-redirect":
        return redirect(path)
    return redirect(f"{asked.scheme}://{asked.host}{path}")


@page("/redirect/{n}")
def get_redirect(asked: Asked, n: str) -> Answer:
    return redirect_more(asked, n, "redirect")


@page("/relative-redirect/{n}")
def get_relative_redirect(asked: Asked, n: str) -> Answer:
    return redirect_more(asked, n, "relative-redirect")


@page("/absolute-redirect/{n}")
def get_absolute_redirect(asked: Asked, n: str) -> Answer:
    return redirect_more(asked, n, "absolute-redirect")


@page("/redirect-to", *ANY)
def any_redirect_to(asked: Asked) -> Answer:
    arguments = dict(asked.query) | dict(parse_qsl(asked.body.decode("latin-1")))
    if "url" not in arguments:
        raise ValueError("url is missing")
    status = int(arguments.get("status_code", 302))
    return redirect(arguments["url"], status if 300 <= status < 400 else 302)


# Time.


@page("/delay/{seconds}", *ANY)
async def any_delay(asked: Asked, seconds: str) -> Answer:
    wait = min(max(float(seconds), 0.0), LONGEST_DELAY)
    # A program bounds a delay of one second by two: a busy machine is not to make the difference.
    await asyncio.sleep(0.1 if wait == 1 else wait)
    return answer_json(describe(asked, *WITH_BODY))


@page("/drip")
async def get_drip(asked: Asked) -> Answer:
    duration = min(float(asked.argument("duration", "2")), LONGEST_DELAY)
    count = count_bytes(asked.argument("numbytes", "10"))
    if count == 0:
        raise ValueError("number of bytes must be positive")
    await asyncio.sleep(min(float(asked.argument("delay", "0")), LONGEST_DELAY))
    pieces = cut(b"*" * count, max(count // 100, 1))
    answer = answer_bytes(iterate(pieces, duration / len(pieces)))
    answer.status = int(asked.argument("code", "200"))
    answer.headers.append(("Content-Length", str(count)))
    return answer


# Formats.


@page("/json")
def get_json(asked: Asked) -> Answer:
    slides = [
        {"title": "Wake up to WonderWidgets!", "type": "all"},
        {
            "items": ["Why <em>WonderWidgets</em> are great", "Who <em>buys</em> WonderWidgets"],
            "title": "Overview",
            "type": "all",
        },
    ]
    show = {"author": "Yours Truly", "date": "date of publication", "slides": slides}
    return answer_json({"slideshow": show | {"title": "Sample Slide Show"}})


EXAMPLE = """<!DOCTYPE html>
<html>
  <head><title>Example Domain</title></head>
  <body>
    <h1>Example Domain</h1>
    <p>This page is for use in documents.</p>
  </body>
</html>
"""


@page("/html")
def get_html(asked: Asked) -> Answer:
    return answer_html(
        200, "<!DOCTYPE html>\n<html>\n<h1>Herman Melville - Moby-Dick</h1>\n</html>\n"
    )


@page("/xml")
def get_xml(asked: Asked) -> Answer:
    text = """<?xml version='1.0' encoding='us-ascii'?>
<slideshow title="Sample Slide Show"><slide type="all"><title>Overview</title></slide></slideshow>
"""
    return Answer(200, text.encode(), [("Content-Type", "application/xml")])


@page("/robots.txt")
def get_robots(asked: Asked) -> Answer:
    return answer_text(200, "User-agent: *\nDisallow: /deny\n")


@page("/deny")
def get_deny(asked: Asked) -> Answer:
    return answer_text(200, "YOU SHOULDN'T BE HERE\n")


@page("/encoding/utf8")
def get_utf8(asked: Asked) -> Answer:
    return answer_html(
        200,
        "<h1>Unicode Demo</h1>\n<pre>\n∮ E⋅da = Q,  n → ∞, ∑ f(i) = ∏ g(i)\n"
        "ði ıntəˈnæʃənəl fəˈnɛtık əsoʊsiˈeıʃn\n((V⍳V)=⍳⍴V)/V←,V\nΣὲ γνωρίζω\n"
        "Зарегистрируйтесь\nกกกกก\nᚻᛖ ᚳᚹᚫᚦ\n⡌⠁⠧⠑ ⠼⠁⠒\n☺😀\n</pre>\n",
    )


def make_png(width: int = 100, height: int = 100) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)

    rows = b"".join(b"\0" + bytes((x * y) % 256 for x in range(width)) for y in range(height))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@page("/image/png")
def get_image(asked: Asked) -> Answer:
    return Answer(200, make_png(), [("Content-Type", "image/png")])


# Content codings.


def answer_coded(asked: Asked, coding: str, mark: str, encode: Callable[[bytes], bytes]) -> Answer:
    plain = answer_json(describe(asked, "headers", "method", "origin") | {mark: True})
    return Answer(200, encode(plain.body), [*plain.headers, ("Content-Encoding", coding)])


@page("/gzip")
def get_gzip(asked: Asked) -> Answer:
    return answer_coded(asked, "gzip", "gzipped", gzip.compress)


@page("/deflate")
def get_deflate(asked: Asked) -> Answer:
    return answer_coded(asked, "deflate", "deflated", zlib.compress)


if importlib.util.find_spec("brotli") is not None:
    import brotli

    @page("/brotli")
    def get_brotli(asked: Asked) -> Answer:
        return answer_coded(asked, "br", "brotli", brotli.compress)


# Bytes.


@page("/bytes/{n}")
def get_bytes(asked: Asked, n: str) -> Answer:
    return answer_bytes(make_bytes(asked, count_bytes(n)))


@page("/stream-bytes/{n}")
def get_stream_bytes(asked: Asked, n: str) -> Answer:
    size = int(asked.argument("chunk_size", str(BYTES_PER_PIECE)))
    return answer_bytes(iterate(cut(make_bytes(asked, count_bytes(n)), max(size, 1))))


@page("/stream/{n}")
def get_stream(asked: Asked, n: str) -> Answer:
    told = describe(asked, *BASE)
    lines = [json.dumps(told | {"id": i}).encode() + b"\n" for i in range(min(int(n), 100))]
    return Answer(200, iterate(lines), [("Content-Type", "application/json")])


@page("/range/{n}")
def get_range(asked: Asked, n: str) -> Answer:
    count = count_bytes(n)
    body = (b"abcdefghijklmnopqrstuvwxyz" * (count // 26 + 1))[:count]
    headers = [("ETag", f"range{count}"), ("Accept-Ranges", "bytes")]
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", asked.header("range") or "")
    if match is None or match[0] == "bytes=-":
        return Answer(200, body, [("Content-Type", "application/octet-stream"), *headers])
    first = int(match[1]) if match[1] else max(count - int(match[2]), 0)
    last = min(int(match[2]), count - 1) if match[1] and match[2] else count - 1
    if first > last:
        return Answer(416, b"", [*headers, ("Content-Range", f"bytes */{count}")])
    headers.append(("Content-Range", f"bytes {first}-{last}/{count}"))
    return Answer(
        206, body[first : last + 1], [*headers, ("Content-Type", "application/octet-stream")]
    )


@page("/base64/{value}")
def get_base64(asked: Asked, value: str) -> Answer:
    return answer_html(200, base64.urlsafe_b64decode(value).decode("utf-8", "replace"))


@page("/uuid")
def get_uuid(asked: Asked) -> Answer:
    return answer_json({"uuid": str(uuid.uuid4())})


# Cookies.


def parse_cookies(asked: Asked) -> dict[str, str]:
    pairs = (pair.strip().partition("=") for pair in (asked.header("cookie") or "").split(";"))
    return {name: value for name, mark, value in pairs if mark}


def redirect_to_cookies(*lines: str) -> Answer:
    answer = redirect("/cookies")
    answer.headers += [("Set-Cookie", line) for line in lines]
    return answer


@page("/cookies")
def get_cookies(asked: Asked) -> Answer:
    return answer_json({"cookies": parse_cookies(asked)})


@page("/cookies/set")
def get_cookies_set(asked: Asked) -> Answer:
    return redirect_to_cookies(*(f"{name}={value}; Path=/" for name, value in asked.query))


@page("/cookies/set/{name}/{value}")
def get_cookies_set_one(asked: Asked, name: str, value: str) -> Answer:
    return redirect_to_cookies(f"{name}={value}; Path=/")


@page("/cookies/delete")
def get_cookies_delete(asked: Asked) -> Answer:
    past = formatdate(0, usegmt=True)
    return redirect_to_cookies(
        *(f"{name}=; Expires={past}; Max-Age=0; Path=/" for name, _ in asked.query)
    )


# Authentication.


def is_basic(asked: Asked, user: str, password: str) -> bool:
    scheme, _, credentials = (asked.header("authorization") or "").partition(" ")
    expected = base64.b64encode(f"{user}:{password}".encode()).decode()
    return scheme.lower() == "basic" and credentials == expected


@page("/basic-auth/{user}/{password}")
def get_basic_auth(asked: Asked, user: str, password: str) -> Answer:
    if is_basic(asked, user, password):
        return answer_json({"authenticated": True, "user": user})
    return Answer(401, b"", [("WWW-Authenticate", 'Basic realm="Fake Realm"')])


@page("/hidden-basic-auth/{user}/{password}")
def get_hidden_basic_auth(asked: Asked, user: str, password: str) -> Answer:
    if is_basic(asked, user, password):
        return answer_json({"authenticated": True, "user": user})
    return Answer(404)


@page("/bearer")
def get_bearer(asked: Asked) -> Answer:
    scheme, _, token = (asked.header("authorization") or "").partition(" ")
    if scheme != "Bearer":
        return Answer(401, b"", [("WWW-Authenticate", "Bearer")])
    return answer_json({"authenticated": True, "token": token})


# What the answer's headers say.


@page("/response-headers", "GET", "POST")
def any_response_headers(asked: Asked) -> Answer:
    told = {"Content-Type": "application/json"} | gather_pairs(asked.query)
    answer = answer_json(told)
    given = [(name, value) for name, value in asked.query]
    named = {name.lower() for name, _ in given}
    answer.headers = [pair for pair in answer.headers if pair[0].lower() not in named] + given
    return answer


@page("/cache")
def get_cache(asked: Asked) -> Answer:
    if asked.header("if-modified-since") or asked.header("if-none-match"):
        return Answer(304)
    answer = get_get(asked)
    answer.headers += [("Last-Modified", formatdate(usegmt=True)), ("ETag", uuid.uuid4().hex)]
    return answer


@page("/cache/{seconds}")
def get_cache_for(asked: Asked, seconds: str) -> Answer:
    answer = get_get(asked)
    answer.headers.append(("Cache-Control", f"public, max-age={int(seconds)}"))
    return answer


@page("/etag/{etag}")
def get_etag(asked: Asked, etag: str) -> Answer:
    def names(field: str) -> list[str]:
        return [tag.strip().strip('"') for tag in (asked.header(field) or "").split(",")]

    if {etag, "*"} & set(names("if-none-match")):
        return Answer(304, b"", [("ETag", etag)])
    if asked.header("if-match") and not {etag, "*"} & set(names("if-match")):
        return Answer(412)
    answer = get_get(asked)
    answer.headers.append(("ETag", etag))
    return answer


@page("/links/{n}")
def get_links_first(asked: Asked, n: str) -> Answer:
    return redirect(f"/links/{int(n)}/0")


@page("/links/{n}/{offset}")
def get_links(asked: Asked, n: str, offset: str) -> Answer:
    """A page of numbered links to its like; the Link field names the neighbours."""
    count, here = min(int(n), 200), int(offset)
    links = (str(i) if i == here else f"<a href='/links/{count}/{i}'>{i}</a>" for i in range(count))
    answer = answer_html(200, f"<html><title>Links</title>{' '.join(links)} </html>")
    neighbours = [(here - 1, "prev"), (here + 1, "next")]
    told = [f'</links/{count}/{i}>; rel="{kind}"' for i, kind in neighbours if 0 <= i < count]
    if told:
        answer.headers.append(("Link", ", ".join(told)))
    return answer


# What httpbin hasn't.


@page("/flaky/{times}/{status}", *ANY)
def any_flaky(asked: Asked, times: str, status: str) -> Answer:
    """So many times the status, then well."""
    if asked.times <= int(times):
        return Answer(int(status))
    return answer_json(describe(asked, *EVERYTHING))


@page("/hang-up", *ANY)
def any_hang_up(asked: Asked) -> Answer:
    """Closes the connection without an answer."""
    raise ConnectionAbortedError


@page("/large-data")
def get_large_data(asked: Asked) -> Answer:
    return answer_bytes(iterate(cut(b"0123456789abcdef" * 65536, BYTES_PER_PIECE)))


@page("/logs")
def get_logs(asked: Asked) -> Answer:
    lines = [f"line {i}\n".encode() for i in range(5)]
    return Answer(200, iterate(lines), [("Content-Type", "text/plain; charset=utf-8")])


@page("/items")
def get_items(asked: Asked) -> Answer:
    """Three pages of items, tied together by the Link field."""
    number = int(asked.argument("page", "1"))
    items = [{"id": 10 * number + i} for i in range(3)]
    answer = answer_json({"items": items, "page": number, "args": gather_pairs(asked.query)})
    if number < 3:
        following = urlencode({"page": number + 1})
        answer.headers.append(
            ("Link", f'<{asked.scheme}://{asked.host}/items?{following}>; rel="next"')
        )
    return answer


@page("/items", "POST")
def post_items(asked: Asked) -> Answer:
    return answer_json(describe(asked, *EVERYTHING), 201)
