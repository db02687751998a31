"""A shop's assistant behind FastAPI: answers whole, or as they come.

KEEL_CONFIG=keel.yaml uvicorn app:app
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse
from pydantic import BaseModel

import keel


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with keel.AsyncRelay.from_file(os.environ["KEEL_CONFIG"]) as relay:
        app.state.relay = relay
        yield


app = FastAPI(lifespan=lifespan)


class Question(BaseModel):
    text: str

    @property
    def messages(self) -> list[dict[str, str]]:
        return [{"role": "user", "content": self.text}]


@app.exception_handler(keel.KeelError)
async def explain(_: Request, error: keel.KeelError) -> JSONResponse:
    headers = {} if error.retry_after is None else {"retry-after": f"{error.retry_after:.0f}"}
    return JSONResponse({"error": error.code}, error.status or 500, headers)


@app.post("/ask")
async def ask(question: Question, request: Request) -> dict[str, str]:
    relay: keel.AsyncRelay = request.app.state.relay
    reply = await relay.chat(model="support", messages=question.messages, timeout=20)
    return {"text": reply.text, "model": reply.model, "cost": str(reply.cost)}


@app.post("/stream")
async def stream(question: Question, request: Request) -> StreamingResponse:
    relay: keel.AsyncRelay = request.app.state.relay
    answer = relay.stream(model="support", messages=question.messages, timeout=60)
    first = await anext(answer)  # what goes wrong before this is a status, not a broken body

    async def text() -> AsyncIterator[str]:
        async with answer:  # a client that goes away ends the stream at the provider too
            yield first.text
            async for chunk in answer:
                yield chunk.text

    return StreamingResponse(text(), media_type="text/plain; charset=utf-8")


@app.get("/metrics")
async def metrics(request: Request) -> PlainTextResponse:
    return PlainTextResponse(request.app.state.relay.metrics())
