"""pyreqwest: `Client` and `SyncClient`, whose connections belong to a thread of Rust's."""

from clients import BODY, HTTP2_CA, Opened
from pyreqwest.client import ClientBuilder, SyncClientBuilder


def create():
    return ClientBuilder().build()


def create_blocking():
    return SyncClientBuilder().build()


def right(result):
    return result[0] == 200 and bytes(result[1]) == BODY


def open_async(connections):
    builder = ClientBuilder().max_connections(connections)
    if HTTP2_CA is not None:
        with open(HTTP2_CA, "rb") as pem:
            builder = builder.http2(True).add_root_certificate_pem(pem.read())
    client = builder.build()

    async def get(url):
        response = await client.get(url).build().send()
        return response.status, await response.bytes()

    return Opened(get, right, client.close)


def open_blocking(connections):
    client = SyncClientBuilder().max_connections(connections).build()

    def get(url):
        response = client.get(url).build().send()
        return response.status, response.bytes()

    return Opened(get, right, client.close)
