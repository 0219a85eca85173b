"""An HTTP/1.1 client that starts 1,500 streams a second and notes when each byte came.

While requests are in flight nothing is parsed but HTTP itself, by llhttp; events are read when the
step is over, so that reading them delays no request.
"""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import cast
from urllib.parse import urlsplit

import httptools

from tidegate.gates.client import DONE, EndpointError, piece_of
from tidegate.gates.record import Request
from tidegate.tls import trusted

_OK = 200
_EVENT = b"\n\n"


@dataclass(slots=True)
class Exchange:
    """One request and its answer as bytes; times are those of `perf_counter`.

    The event loop's own clock has whole milliseconds and stands still while callbacks run.
    """

    payload: bytes
    scheduled: float
    sent: float = 0.0
    status: int = 0
    chunks: list[tuple[float, bytes]] = field(default_factory=list)
    complete: bool = False
    fault: str | None = None
    done: asyncio.Event = field(default_factory=asyncio.Event)

    def as_request(self, started: float, *, stream: bool) -> Request:
        """The request as it is recorded, its events read."""
        arrivals, tokens, fault = self._read(stream=stream)
        # A loop may wake a tick early: what came before the time that counts came at that time.
        sent = max(self.sent or self.scheduled, self.scheduled)
        return Request(
            scheduled=self.scheduled - started,
            sent=sent - started,
            arrivals=tuple(max(arrival, sent) - started for arrival in arrivals),
            tokens=tokens,
            fault=fault,
        )

    def _read(self, *, stream: bool) -> tuple[list[float], int, str | None]:
        if self.fault is None and self.status != _OK:
            return [], 0, f"HTTP {self.status}"
        if stream:
            return self._read_events()
        if self.fault or not self.complete:
            return [], 0, self.fault or "the answer ended early"
        body = b"".join(data for _, data in self.chunks)
        try:
            tokens = int(json.loads(body)["usage"]["total_tokens"])
        except (ValueError, KeyError, TypeError, OverflowError):
            return [], 0, "no usage in the answer"
        return [self.chunks[-1][0]], tokens, None

    def _read_events(self) -> tuple[list[float], int, str | None]:
        """Arrivals of the pieces of text, the tokens that the server counted, and the fault."""
        arrivals, tokens, last, rest = [], 0, "", b""
        try:
            for arrival, chunk in self.chunks:
                *events, rest = (rest + chunk).replace(b"\r\n", b"\n").split(_EVENT)
                for event in events:
                    if not (data := _data(event)):
                        continue  # a comment keeps the connection open
                    last = data
                    if piece_of(last):
                        arrivals.append(arrival)
                    elif '"usage"' in last:
                        tokens = _counted(last) or tokens
        except (EndpointError, UnicodeDecodeError) as error:
            return arrivals, tokens, str(error)
        if self.fault or last != DONE:
            found = self.fault or f"the stream ended without {DONE}"
            return arrivals, tokens, f"{found}, after {len(arrivals)} pieces"
        return arrivals, tokens or len(arrivals), None


def _data(event: bytes) -> str:
    """The data of one event, without its other fields and comments."""
    lines = (line[5:].strip() for line in event.split(b"\n") if line.startswith(b"data:"))
    return b"\n".join(lines).decode()


def _counted(data: str) -> int:
    """Tokens of the answer by the server's own count; 0 where the chunk has none."""
    try:
        return int((json.loads(data).get("usage") or {}).get("completion_tokens") or 0)
    except (ValueError, AttributeError, TypeError, OverflowError) as error:
        raise EndpointError(f"malformed chunk: {data[:80]!r}") from error


class _Connection(asyncio.Protocol):
    """One connection; one exchange at a time."""

    def __init__(self, pool: "Pool") -> None:
        self.pool = pool
        self.transport: asyncio.Transport | None = None
        self.exchange: Exchange | None = None
        self.parser: httptools.HttpResponseParser | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass of it

    def send(self, exchange: Exchange) -> None:
        """Write a request; its answer follows."""
        self.exchange, self.parser = exchange, httptools.HttpResponseParser(self)
        if self.transport is not None:
            self.transport.write(exchange.payload)
        exchange.sent = perf_counter()

    def data_received(self, data: bytes) -> None:
        """Feed llhttp, which calls the methods below."""
        if self.parser is None:
            return
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError as error:
            self.finish(f"no HTTP: {error}")

    def on_body(self, body: bytes) -> None:
        """A part of the answer, without the chunked coding."""
        if self.exchange is not None:
            self.exchange.chunks.append((perf_counter(), body))

    def on_message_complete(self) -> None:
        """The whole answer is there; the connection is free again."""
        exchange, parser = self.exchange, self.parser
        if exchange is None or parser is None:
            return
        exchange.status, exchange.complete = parser.get_status_code(), True
        keep = parser.should_keep_alive()
        self.exchange = self.parser = None
        exchange.done.set()
        if keep:
            self.pool.idle.append(self)
        elif self.transport is not None:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """The server closed it, or the network did."""
        if self in self.pool.idle:
            self.pool.idle.remove(self)
        self.transport = None
        self.finish(f"the connection was lost: {exc or 'closed by the server'}")

    def finish(self, fault: str) -> None:
        """End the exchange with a fault and give the connection up."""
        exchange, self.exchange = self.exchange, None
        if exchange is not None:
            if self.parser is not None:
                exchange.status = self.parser.get_status_code() or _OK
            exchange.fault = fault
            exchange.done.set()
        if self.transport is not None:
            self.transport.abort()


class Pool:
    """Connections to one server; a request takes an idle one or opens another."""

    def __init__(self, url: str, patience: float) -> None:
        self.patience = patience
        parts = urlsplit(url)
        self.loop = asyncio.get_running_loop()
        self.host = parts.hostname or ""
        self.port = parts.port or (443 if parts.scheme == "https" else 80)
        self.context = trusted() if parts.scheme == "https" else None
        self.idle: list[_Connection] = []
        self._opening: set[asyncio.Task[None]] = set()

    async def _open(self) -> _Connection:
        _, connection = await self.loop.create_connection(
            lambda: _Connection(self), self.host, self.port, ssl=self.context
        )
        return connection

    async def warm(self, count: int) -> None:
        """Open so many connections before the first request is due."""
        self.idle.extend(await asyncio.gather(*(self._open() for _ in range(count))))

    def send(self, exchange: Exchange) -> None:
        """Send now, without waiting for anything."""
        if self.idle:
            self._start(self.idle.pop(), exchange)
        else:
            task = self.loop.create_task(self._open_and_send(exchange))
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    def _start(self, connection: _Connection, exchange: Exchange) -> None:
        connection.send(exchange)
        self.loop.call_later(self.patience, self._expire, connection, exchange)

    def _expire(self, connection: _Connection, exchange: Exchange) -> None:
        if connection.exchange is exchange:
            connection.finish(f"not answered within {self.patience:g} s")

    async def _open_and_send(self, exchange: Exchange) -> None:
        try:
            self._start(await self._open(), exchange)
        except OSError as error:
            exchange.fault = f"no connection: {error.strerror or error}"
            exchange.done.set()

    def close(self) -> None:
        """Close what is idle; nothing is in flight any more."""
        for connection in self.idle:
            if connection.transport is not None:
                connection.transport.close()
        self.idle.clear()


def payload(url: str, path: str, body: bytes, api_key: str | None) -> bytes:
    """The bytes of one POST."""
    headers = [
        f"POST {path} HTTP/1.1",
        f"Host: {urlsplit(url).netloc}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *([f"Authorization: Bearer {api_key}"] if api_key else []),
    ]
    return "\r\n".join(headers).encode() + b"\r\n\r\n" + body


async def open_loop(
    url: str, arrivals: Sequence[float], payloads: Sequence[bytes], *, patience: float, warm: int
) -> tuple[float, list[Exchange]]:
    """Send each payload at its arrival, whatever became of those before.

    Args:
        url: base URL.
        arrivals: seconds after the start, in order.
        payloads: taken in turn.
        patience: seconds after which an answer counts as missing.
        warm: connections that are open before the first request is due.

    Returns:
        The start, by `perf_counter`, and the exchanges in order.
    """
    pool = Pool(url, patience)
    await pool.warm(warm)
    started = perf_counter() + 0.05
    exchanges = []
    for i, arrival in enumerate(arrivals):
        exchange = Exchange(payloads[i % len(payloads)], started + arrival)
        exchanges.append(exchange)
        if (wait := exchange.scheduled - perf_counter()) > 0:
            await asyncio.sleep(wait)
        pool.send(exchange)
    for exchange in exchanges:
        await exchange.done.wait()
    pool.close()
    return started, exchanges
