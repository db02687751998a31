"""Coroutines run so that nothing an event loop complains about goes unseen."""

from __future__ import annotations

import asyncio


def run(work) -> None:
    """In asyncio's debug mode, where what the loop has to complain about is an error."""
    complaints = []

    async def watched():
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _loop, context: complaints.append(context))
        await work()

    asyncio.run(watched(), debug=True)
    assert complaints == []
