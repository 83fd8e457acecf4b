"""What goes wrong in blocking calls, as a requests user catches it."""

import hyperhttp


def fetch(url, **options):
    try:
        response = hyperhttp.get(url, **options)
        response.raise_for_status()
        return response.json()
    except hyperhttp.HTTPStatusError as e:
        print(f"HTTP error: {e.response.status_code} {e.response.reason}")
    except hyperhttp.TimeoutException as e:
        print(f"Timed out: {type(e).__name__}, {e.request.method} {e.request.url}")
    except hyperhttp.ConnectError as e:
        print(f"No connection: {type(e).__name__}")
    except hyperhttp.TooManyRedirects:
        print("Too many redirects")
    except hyperhttp.RequestError as e:
        print(f"Request failed: {e.request.url}")
    except ValueError as e:
        print(f"No JSON: {type(e).__name__}")


print(fetch("https://httpbin.org/get")["url"])
fetch("https://httpbin.org/status/503")
fetch("https://httpbin.org/delay/10", timeout=0.1)
fetch("https://httpbin.org/delay/10", timeout=hyperhttp.Timeout(total=0.1))
fetch("https://stranger.test/")
fetch("https://httpbin.org/redirect/30")
fetch("https://httpbin.org/hang-up")
fetch("https://httpbin.org/html")

with hyperhttp.Session() as session:
    # The session outlives each of them.
    for path in ("/hang-up", "/status/500", "/get"):
        try:
            print(session.get(f"https://httpbin.org{path}").raise_for_status())
        except hyperhttp.HTTPError as e:
            print(isinstance(e, hyperhttp.TransportError), isinstance(e, OSError))
