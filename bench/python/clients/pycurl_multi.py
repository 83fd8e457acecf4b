"""pycurl's multi interface by `socket_action`, over epoll: libcurl's own way for many at once."""

import select
from io import BytesIO
from time import perf_counter

import pycurl
from clients import BODY, HTTP2_CA


class Many:
    """`handles` easy handles on one multi handle with so many connections, driven until the caller wants no more."""

    def __init__(self, url, handles, connections) -> None:
        self.epoll = select.epoll()
        self.due = None
        self.multi = pycurl.CurlMulti()
        self.multi.setopt(pycurl.M_SOCKETFUNCTION, self.watch)
        self.multi.setopt(pycurl.M_TIMERFUNCTION, self.set_timer)
        self.multi.setopt(pycurl.M_MAXCONNECTS, connections)
        if HTTP2_CA is not None:
            self.multi.setopt(pycurl.M_MAX_HOST_CONNECTIONS, connections)
        self.watched = set()
        self.idle = []
        for _ in range(handles):
            handle = pycurl.Curl()
            handle.setopt(pycurl.URL, url)
            if HTTP2_CA is not None:
                handle.setopt(pycurl.CAINFO, HTTP2_CA)
                handle.setopt(pycurl.PIPEWAIT, 1)
            self.idle.append(handle)
        self.busy = 0

    def watch(self, what, fd, multi, data):
        if what == pycurl.POLL_REMOVE:
            if fd in self.watched:
                self.watched.discard(fd)
                self.epoll.unregister(fd)
            return
        mask = (select.EPOLLIN if what & pycurl.POLL_IN else 0) | (
            select.EPOLLOUT if what & pycurl.POLL_OUT else 0)
        (self.epoll.modify if fd in self.watched else self.epoll.register)(fd, mask)
        self.watched.add(fd)

    def set_timer(self, milliseconds):
        self.due = None if milliseconds < 0 else perf_counter() + milliseconds / 1000

    def submit(self):
        handle = self.idle.pop()
        handle.body = BytesIO()
        handle.setopt(pycurl.WRITEDATA, handle.body)
        handle.started = perf_counter()
        self.multi.add_handle(handle)
        self.busy += 1

    def step(self):
        wait = -1 if self.due is None else max(0, self.due - perf_counter())
        for fd, events in self.epoll.poll(wait):
            self.multi.socket_action(fd, (pycurl.CSELECT_IN if events & ~select.EPOLLOUT else 0) | (
                pycurl.CSELECT_OUT if events & select.EPOLLOUT else 0))
        if self.due is not None and perf_counter() >= self.due:
            self.due = None
            self.multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)

    def finished(self):
        """The handles that are done, with what each received; raises at the first that is wrong."""
        left = 1
        while left:
            left, good, bad = self.multi.info_read()
            if bad:
                raise RuntimeError(f"pycurl: {bad[0][2]}")
            for handle in good:
                self.multi.remove_handle(handle)
                body = handle.body.getvalue()
                if handle.getinfo(pycurl.RESPONSE_CODE) != 200 or body != BODY:
                    raise RuntimeError("pycurl: a wrong answer")
                self.busy -= 1
                self.idle.append(handle)
                yield handle, body


def loop(many, concurrency, seconds):
    """Keeps `concurrency` requests going for a time; the latency of each, in seconds."""
    latencies = []
    deadline = perf_counter() + seconds
    for _ in range(concurrency):
        many.submit()
    while many.busy:
        many.step()
        for handle, _ in many.finished():
            now = perf_counter()
            latencies.append(now - handle.started)
            if now < deadline:
                many.submit()
    return latencies


def gather(many, total):
    """`total` requests through all the handles; the bodies of all of them."""
    bodies = []
    sent = 0
    while len(bodies) < total:
        while many.idle and sent < total:
            many.submit()
            sent += 1
        many.step()
        bodies += [body for _, body in many.finished()]
    return bodies
