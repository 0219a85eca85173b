"""The stub's HTTP: one coroutine a connection, raw enough for 1,500 streams a second."""

import asyncio
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.stub.faults import Behaviour
from tests.stub.openapi import TAKES, document, fits

Body = dict[str, Any]
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found"}
_TOKEN = re.compile(r"\S+\s*")


class Stub:
    """Answers as its behaviour says; a test may change that while it runs."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.count = 0
        self.busy = 0
        self.port = 0

    @property
    def url(self) -> str:
        """Base URL."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> asyncio.Server:
        """Listen, on any free port of loopback if not told otherwise."""
        server = await asyncio.start_server(self._serve, host, port, backlog=4096)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = _LENGTH.search(head)
                data = await reader.readexactly(int(length[1])) if length else b""
                method, path, _ = head.split(b" ", 2)
                await self._route(method.decode(), path.decode(), data, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _route(
        self, method: str, path: str, data: bytes, writer: asyncio.StreamWriter
    ) -> None:
        does = self.behaviour
        if does.unauthorized:
            return _send(writer, 401, _error("no key", "Unauthorized"))
        if method == "GET":
            return self._get(path, writer)
        if does.never_answers:
            await asyncio.sleep(3600)
        counted = does.error_on.encode() in data
        self.count += counted
        if counted and self.count - 1 in does.error_burst:
            return _send(writer, does.error_status, _error("too busy", "Overloaded"))
        body = _parsed(data)
        does.asked.append(body)
        if refusal := self._refusal(path, body):
            return _send(writer, *refusal)
        if does.slots is not None and self.busy >= does.slots:
            return _send(writer, 503, _error("queue full", "Overloaded"))
        self.busy += 1
        try:
            await asyncio.sleep(does.queue_seconds)
            await self._post(path, body, writer)
        except ConnectionError:
            self.busy += does.leaks_slots
            raise
        finally:
            self.busy -= 1
        return None

    def _get(self, path: str, writer: asyncio.StreamWriter) -> None:
        if path == "/v1/models":
            return _send(writer, 200, {"object": "list", "data": [{"id": self.behaviour.model}]})
        if path == "/openapi.json" and self.behaviour.openapi:
            return _send(writer, 200, document(self.behaviour.model))
        return _send(writer, self.behaviour.health if path == "/health" else 404, {})

    def _refusal(self, path: str, body: Body) -> tuple[int, Body] | None:
        if self.behaviour.deaf_to_errors:
            return None
        if path not in TAKES:
            return 404, _error("no such route", "NotFoundError")
        if not fits(body, TAKES[path]):
            return 400, _error("not as documented", "BadRequest")
        if body["model"] != self.behaviour.model:
            return 404, _error("no such model", "NotFoundError")
        if len(json.dumps(body).split()) > self.behaviour.context:
            return 400, _error("too long", "BadRequest")
        return None

    async def _post(self, path: str, body: Body, writer: asyncio.StreamWriter) -> None:
        if path == "/v1/embeddings":
            return _send(writer, 200, self._embeddings(body))
        if path == "/v1/rerank":
            return _send(writer, 200, self._rerank(body))
        text = self._text(path, body)
        if body.get("stream"):
            return await self._stream(text, writer, usage="stream_options" in body)
        await asyncio.sleep(self.behaviour.first_token_seconds)
        return _send(writer, 200, self._whole(path, text, body))

    def _text(self, path: str, body: Body) -> str:
        if body.get("response_format"):
            return '{"answer": "yes"}'
        said = body.get("messages", [{"content": ""}])[-1]["content"]
        prompt = body["prompt"] if path == "/v1/completions" else said
        return self.behaviour.answer(prompt)

    def _usage(self, text: str) -> Body:
        count = min(len(_TOKEN.findall(text)), 16)
        total = 5 + count + self.behaviour.usage_off_by
        return {"prompt_tokens": 5, "completion_tokens": count, "total_tokens": total}

    def _whole(self, path: str, text: str, body: Body) -> Body:
        message: Body = {"role": "assistant", "content": text}
        if body.get("tools"):
            call = {"name": body["tools"][0]["function"]["name"], "arguments": '{"answer": "no"}'}
            message["tool_calls"] = [{"id": "call", "type": "function", "function": call}]
        choice: Body = {"index": 0, "finish_reason": "stop", "message": message}
        if path == "/v1/completions":
            choice = {"index": 0, "finish_reason": "stop", "text": text}
        if body.get("logprobs"):
            choice["logprobs"] = {"content": [{"token": "a", "logprob": -0.1}]}
        whole: Body = {"id": "id", "object": "chat.completion", "created": 1, "model": "stub"}
        whole |= {"choices": [choice], "usage": self._usage(text)}
        for field in self.behaviour.without:
            whole.pop(field, None)
        return whole

    async def _stream(self, text: str, writer: asyncio.StreamWriter, *, usage: bool) -> None:
        does = self.behaviour
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
            b"transfer-encoding: chunked\r\n\r\n"
        )
        await asyncio.sleep(does.first_token_seconds)
        pieces = _TOKEN.findall("quite else " + text if does.stream_differs else text)
        for i, piece in enumerate(pieces):
            if i == does.stall_after:
                await writer.drain()
                await asyncio.sleep(3600)
            if i == does.reset_after:
                await writer.drain()
                writer.transport.abort()
                raise ConnectionResetError
            data = _chunk(piece) if i != does.malformed_at else '{"choices": [{"del'
            _write_event(writer, data)
            if does.token_seconds:
                await writer.drain()
                await asyncio.sleep(does.token_seconds)
        _write_event(writer, _chunk("", "stop"))
        if usage:
            _write_event(writer, json.dumps({"choices": [], "usage": self._usage(text)}))
        if not does.no_done:
            _write_event(writer, "[DONE]")
        writer.write(b"0\r\n\r\n")

    def _embeddings(self, body: Body) -> Body:
        rows = [
            {"index": i, "object": "embedding", "embedding": self.behaviour.embed(text)}
            for i, text in enumerate(body["input"])
        ]
        usage = {"prompt_tokens": 5, "total_tokens": 5}
        return {"object": "list", "model": "stub", "data": rows, "usage": usage}

    def _rerank(self, body: Body) -> Body:
        rows = [
            {"index": i, "relevance_score": self.behaviour.rank(body["query"], document)}
            for i, document in enumerate(body["documents"])
        ]
        return {"id": "id", "results": rows, "usage": {"prompt_tokens": 5, "total_tokens": 5}}


def _parsed(data: bytes) -> Any:  # noqa: ANN401 - JSON, or nothing
    try:
        return json.loads(data)
    except ValueError:
        return None


def _error(message: str, kind: str) -> Body:
    return {"error": {"message": message, "type": kind, "code": 0}}


def _chunk(content: str, reason: str | None = None) -> str:
    choice = {"index": 0, "delta": {"content": content}, "finish_reason": reason}
    return json.dumps(
        {
            "id": "id",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "stub",
            "choices": [choice],
        }
    )


def _write_event(writer: asyncio.StreamWriter, data: str) -> None:
    event = f"data: {data}\n\n".encode()
    writer.write(b"%x\r\n%b\r\n" % (len(event), event))


def _send(writer: asyncio.StreamWriter, status: int, body: Body) -> None:
    data = json.dumps(body).encode()
    head = f"HTTP/1.1 {status} {_REASONS.get(status, 'Other')}\r\ncontent-length: {len(data)}\r\n"
    writer.write(head.encode() + b"content-type: application/json\r\n\r\n" + data)


async def serve_forever(behaviour: Behaviour, host: str, port: int) -> None:
    """Listen until the process ends."""
    async with await Stub(behaviour).start(host, port) as server:
        await server.serve_forever()


@contextmanager
def serving(behaviour: Behaviour) -> Iterator[Stub]:
    """A stub that listens in a thread of its own until the block ends."""
    stub, ready = Stub(behaviour), threading.Event()
    loop = asyncio.new_event_loop()

    async def main() -> None:
        server = await stub.start()
        ready.set()
        async with server:
            await server.serve_forever()

    def run() -> None:
        task = loop.create_task(main())
        stop.append(lambda: loop.call_soon_threadsafe(task.cancel))
        try:
            loop.run_until_complete(task)
        except asyncio.CancelledError:
            pass
        finally:
            for left in asyncio.all_tasks(loop):
                left.cancel()
            loop.run_until_complete(asyncio.sleep(0))
            loop.close()

    stop: list[Any] = []
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    ready.wait(10)
    try:
        yield stub
    finally:
        stop[0]()
        thread.join(10)
