"""A fast, safe HTTP client: asynchronous first, blocking too."""

from hyperhttp import _engine  # noqa: F401
