"""A blocking session, and requests without one."""

import hyperhttp

session = hyperhttp.Session()
print(session.get("http://example.com").status_code)
# Connection is re-used
response = session.get("http://example.com")
print(response.status_code, response.is_reused)
session.close()

session = hyperhttp.Session(max_connections=100)
response = session.get("http://example.org")
print(response.headers["Content-Type"])
print("Example Domain" in response.text)
session.close()

response = hyperhttp.get("https://api.example.com/data")
data = response.json()
print(data["url"])

# Use "with" to make sure the response stream is closed and the connection can
# be returned back to the pool.
with hyperhttp.stream("GET", "http://example.org") as r:
    print(b"".join(r.iter_bytes()).startswith(b"<!DOCTYPE html>"))

with hyperhttp.Session() as session:
    r = session.post("https://httpbin.org/post", data={"key": "value"}, params={"a": ["1", "2"]})
    print(r.json()["form"], r.json()["args"])
    r = session.get("https://httpbin.org/basic-auth/user/pass", auth=("user", "pass"))
    print(r.status_code, r.ok, r.json())
    r = session.get("https://httpbin.org/status/404")
    try:
        r.raise_for_status()
    except hyperhttp.HTTPStatusError as error:
        print(error.response.status_code)
    r = session.get("https://httpbin.org/redirect/2")
    print(r.status_code, len(r.history), r.url)
