"""The application: what anybody would write with the openai client, plus llm-obs's context and spans around it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, Final

import llm_obs_sdk as llm_obs
import openai
from llm_obs_core import semconv
from opentelemetry import trace

from llm_obs.demo.tickets import HANDBOOK, NOTES, Ticket

__all__ = ["run_shop"]

AT_ONCE: Final = 28
COUNTED: Final[Any] = {"include_usage": True}
TOOLS: Final[Any] = [
    {
        "type": "function",
        "function": {
            "name": "find_order",
            "description": "Looks an order up by its number.",
            "parameters": {"type": "object", "properties": {"order": {"type": "string"}}, "required": ["order"]},
        },
    }
]


async def run_shop(base_url: str, tickets: list[Ticket], done: Callable[[bool], None]) -> None:
    """Works on all tickets, some at a time.

    Args:
        base_url: The provider.
        tickets: The work.
        done: Called after each ticket; whether it went well.
    """
    web: Any = openai.DefaultAsyncHttpxClient(trust_env=False)
    sync_web: Any = openai.DefaultHttpxClient(trust_env=False)
    with openai.OpenAI(base_url=base_url, api_key="demo", max_retries=2, http_client=sync_web) as sync_client:
        async with openai.AsyncOpenAI(base_url=base_url, api_key="demo", max_retries=2, http_client=web) as client:
            shop = _Shop(client, sync_client)
            turn = asyncio.Semaphore(AT_ONCE)

            async def one(ticket: Ticket) -> None:
                async with turn:
                    done(await shop.handle(ticket))

            async with asyncio.TaskGroup() as group:
                for ticket in tickets:
                    group.create_task(one(ticket))


class _Shop:
    def __init__(self, client: openai.AsyncOpenAI, sync_client: openai.OpenAI) -> None:
        self._client = client
        self._sync = sync_client

    async def handle(self, ticket: Ticket) -> bool:
        """One ticket, as one trace; a failed call sends it to a person."""
        work = {"agent": self._agent, "search": self._search, "summary": self._summary, "triage": self._triage,
                "review": self._review}[ticket.scene]  # fmt: skip
        with (
            llm_obs.context(user=ticket.user, session=ticket.session, application=ticket.application),
            llm_obs.span(f"{ticket.scene} ticket") as span,
        ):
            try:
                await work(ticket)
            except Exception as error:  # the client's own, and before 3.0 the HTTP library's when a stream is cut
                span.set_attribute("ticket.passed_on", type(error).__name__)
                return False
            return True

    async def _agent(self, ticket: Ticket) -> None:
        """Two steps: the model asks for the order, then it answers."""
        span = trace.get_current_span()
        span.update_name("invoke_agent helpdesk")
        span.set_attributes({semconv.OPERATION_NAME: "invoke_agent", semconv.AGENT_NAME: "helpdesk"})
        messages: list[Any] = [{"role": "system", "content": HANDBOOK}, {"role": "user", "content": ticket.question}]
        asked = await self._client.chat.completions.create(
            model="gpt-5-mini", messages=messages, tools=TOOLS, user=ticket.user, metadata=_told(ticket)
        )
        said = asked.choices[0].message
        messages.append(said)
        for call in said.tool_calls or ():
            result = await self._find_order(call, ticket)
            messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
        stream = await self._client.chat.completions.create(
            model="gpt-4.1",
            messages=messages,
            temperature=0.3,
            stream=True,
            stream_options=COUNTED,
            user=ticket.user,
            metadata=_told(ticket),
        )
        async for _ in stream:
            pass

    async def _find_order(self, call: Any, ticket: Ticket) -> str:
        with llm_obs.span("execute_tool find_order") as span:
            await asyncio.sleep(0.02 + ticket.number % 7 / 100)
            result = json.dumps({"order": ticket.order, "state": "sent", "carrier": "bike post", "days": 2})
            span.set_attributes(
                {
                    semconv.OPERATION_NAME: "execute_tool",
                    semconv.TOOL_NAME: "find_order",
                    semconv.TOOL_TYPE: "function",
                    semconv.TOOL_CALL_ID: call.id,
                    semconv.TOOL_CALL_ARGUMENTS: call.function.arguments,
                    semconv.TOOL_CALL_RESULT: result,
                }
            )
            return result

    async def _search(self, ticket: Ticket) -> None:
        """Finds what is near the question, then answers from it."""
        model = "text-embedding-3-small"
        await self._client.embeddings.create(model=model, input=ticket.question, dimensions=256, user=ticket.user)
        with llm_obs.span("retrieval handbook") as span:
            span.set_attributes({semconv.OPERATION_NAME: "retrieval", semconv.RETRIEVAL_QUERY_TEXT: ticket.question})
            await asyncio.sleep(0.015)
        stream = await self._client.chat.completions.create(
            model="gpt-4o-mini",
            messages=[{"role": "system", "content": HANDBOOK}, {"role": "user", "content": ticket.question}],
            stream=True,
            stream_options=COUNTED,
            user=ticket.user,
            metadata=_told(ticket),
        )
        async for _ in stream:
            pass

    async def _summary(self, ticket: Ticket) -> None:
        """With the synchronous client, in a thread: the context goes along."""
        text = f"Summarise for a colleague: {ticket.question} {NOTES}"
        create: Any = self._sync.chat.completions.create
        await asyncio.to_thread(
            create,
            model="gpt-4o",
            messages=[{"role": "user", "content": text}],
            max_tokens=200,
            user=ticket.user,
            metadata=_told(ticket),
        )

    async def _triage(self, ticket: Ticket) -> None:
        text = f"One word for this ticket, out of delivery, payment, repair, other: {ticket.question}"
        await self._client.chat.completions.create(
            model="gpt-5-nano",
            messages=[{"role": "user", "content": text}],
            max_completion_tokens=600,
            reasoning_effort="low",
            user=ticket.user,
            metadata=_told(ticket),
        )

    async def _review(self, ticket: Ticket) -> None:
        text = f"Was this answered well? Judge by the handbook.\n{HANDBOOK}\nCustomer: {ticket.question}"
        await self._client.chat.completions.create(
            model="o4-mini", messages=[{"role": "user", "content": text}], user=ticket.user, metadata=_told(ticket)
        )


def _told(ticket: Ticket) -> dict[str, str]:
    return {"ticket": str(ticket.number), "scene": ticket.scene, "order": ticket.order}
