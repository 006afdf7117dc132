"""Spans as each foreign library sends them, and what the collector makes of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from llm_obs_collector.pipeline import Meaning
from llm_obs_core import plugins
from llm_obs_core.components import build
from llm_obs_core.config import Config
from llm_obs_core.host import Hosts
from llm_obs_core.roles import NORMALIZER
from llm_obs_core_ext.emit import Edits, emit
from llm_obs_core_ext.scan import scan
from llm_obs_enrich.normalizer import apply
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue


def said(role: str, *parts: Any) -> dict[str, Any]:
    """A message with these parts; a text is a text part."""
    made = [{"type": "text", "content": part} if isinstance(part, str) else part for part in parts]
    return {"role": role, "parts": made}


def gone(prefix: str, *names: str) -> dict[str, None]:
    """Attributes that canonical content was made of."""
    return dict.fromkeys(prefix + name for name in names)


INSTALLED = plugins.load(only=["genai", "bundled"])
MEANING = Meaning.configured(INSTALLED, Config())
RULES = [item.rules() for _, item in build(NORMALIZER, INSTALLED, Config(), Hosts())]
START_NS = 1_793_000_000_000_000_000  # October 2026

CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "OpenInference, a chat call with cached and reasoning tokens": (
        {
            "openinference.span.kind": "LLM",
            "llm.provider": "openai",
            "llm.system": "openai",
            "llm.model_name": "gpt-4o-mini-2024-07-18",
            "llm.request.model_name": "gpt-4o-mini",
            "llm.invocation_parameters": '{"model": "gpt-4o-mini", "temperature": 0.2}',
            "llm.token_count.prompt": 1200,
            "llm.token_count.completion": 80,
            "llm.token_count.total": 1280,
            "llm.token_count.prompt_details.cache_read": 1000,
            "llm.token_count.completion_details.reasoning": 20,
            "llm.finish_reason": "stop",
            "session.id": "s-1",
            "user.id": "u-1",
            "input.value": '{"messages": []}',
            "output.value": "hello",
        },
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4o-mini",
            "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
            "gen_ai.usage.input_tokens": 1200,
            "gen_ai.usage.output_tokens": 80,
            "gen_ai.usage.cache_read.input_tokens": 1000,
            "gen_ai.usage.reasoning.output_tokens": 20,
            "gen_ai.response.finish_reasons": ["stop"],
            "gen_ai.conversation.id": "s-1",
            "gen_ai.request.temperature": 0.2,
            "gen_ai.input.messages": [],
            "gen_ai.output.messages": [said("assistant", "hello")],
            "input.value": {"messages": None},
            "output.value": None,
            "llm_obs.completeness": "complete",
            "llm_obs.usage.role": "leaf",
            "llm_obs.usage.basis": "reported",
            "llm_obs.cost.total_nano_usd": 200 * 150 + 1000 * 75 + 80 * 600,
        },
    ),
    "OpenInference, a tool": (
        {
            "openinference.span.kind": "TOOL",
            "tool.name": "weather",
            "tool.id": "call-1",
            "input.value": '{"city": "Bonn"}',
            "output.value": "rain",
        },
        {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "weather",
            "gen_ai.tool.call.id": "call-1",
            "gen_ai.tool.call.arguments": '{"city": "Bonn"}',
            "gen_ai.tool.call.result": "rain",
            "input.value": None,
            "output.value": None,
            "gen_ai.input.messages": None,
            "llm_obs.usage.role": None,
        },
    ),
    "OpenInference, a chain at the root": (
        {"openinference.span.kind": "CHAIN", "input.value": "hi", "llm.token_count.prompt": 5},
        {
            "gen_ai.operation.name": "invoke_workflow",
            "llm_obs.usage.role": "rollup",
            "gen_ai.input.messages": "hi",
            "input.value": None,
        },
    ),
    "OpenInference, embeddings on Vertex": (
        {
            "openinference.span.kind": "EMBEDDING",
            "llm.provider": "vertexai",
            "embedding.model_name": "text-embedding-005",
        },
        {
            "gen_ai.operation.name": "embeddings",
            "gen_ai.provider.name": "gcp.vertex_ai",
            "gen_ai.request.model": "text-embedding-005",
            "llm_obs.usage.role": "leaf",
            "llm_obs.usage.basis": None,
        },
    ),
    "OpenLLMetry, a streamed Anthropic call": (
        {
            "gen_ai.system": "Anthropic",
            "llm.request.type": "chat",
            "llm.is_streaming": True,
            "gen_ai.request.model": "claude-3-5-haiku-20241022",
            "gen_ai.response.model": "claude-3-5-haiku-20241022",
            "gen_ai.usage.prompt_tokens": 1500,
            "gen_ai.usage.completion_tokens": 40,
            "llm.usage.total_tokens": 1540,
            "gen_ai.usage.cache_read_input_tokens": 1000,
            "gen_ai.usage.cache_creation_input_tokens": 300,
            "gen_ai.prompt.0.role": "system",
            "gen_ai.prompt.0.content": "be kind",
            "gen_ai.prompt.1.role": "user",
            "gen_ai.prompt.1.content": '[{"type": "text", "text": "hi"}, {"type": "image_url", "image_url": {"url": "https://x/y"}}]',
            "gen_ai.prompt.2.role": "assistant",
            "gen_ai.prompt.2.tool_calls.0.id": "c1",
            "gen_ai.prompt.2.tool_calls.0.name": "weather",
            "gen_ai.prompt.2.tool_calls.0.arguments": '{"city": "Bonn"}',
            "gen_ai.prompt.3.role": "tool",
            "gen_ai.prompt.3.tool_call_id": "c1",
            "gen_ai.prompt.3.content": "rain",
            "gen_ai.completion.0.role": "assistant",
            "gen_ai.completion.0.content": "it rains",
            "gen_ai.completion.0.finish_reason": "end_turn",
            "gen_ai.completion.0.other": "kept",
            "llm.request.functions.0.name": "weather",
            "llm.request.functions.0.description": "says it",
            "llm.request.functions.0.parameters": '{"type": "object"}',
            "llm.top_k": 40,
            "llm.chat.stop_sequences": ["\n"],
            "traceloop.association.properties.user_id": "u-2",
            "traceloop.association.properties.chat_id": "c-2",
            "traceloop.prompt.key": "answer",
            "traceloop.prompt.version": 3,
            "traceloop.workflow.name": "support",
        },
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "anthropic",
            "gen_ai.request.stream": True,
            "gen_ai.request.top_k": 40,
            "gen_ai.request.stop_sequences": ["\n"],
            "gen_ai.usage.input_tokens": 1500,
            "gen_ai.usage.cache_write.input_tokens": 300,
            "gen_ai.response.finish_reasons": ["stop"],
            "gen_ai.input.messages": [
                said("system", "be kind"),
                said("user", "hi", {"type": "uri", "modality": "image", "uri": "https://x/y"}),
                said("assistant", {"type": "tool_call", "id": "c1", "name": "weather", "arguments": {"city": "Bonn"}}),
                said("tool", {"type": "tool_call_response", "id": "c1", "response": "rain"}),
            ],
            "gen_ai.output.messages": [{**said("assistant", "it rains"), "finish_reason": "stop"}],
            "gen_ai.tool.definitions": [
                {"type": "function", "name": "weather", "description": "says it", "parameters": {"type": "object"}}
            ],
            **gone("gen_ai.prompt.0.", "role", "content"),
            **gone("gen_ai.prompt.1.", "role", "content"),
            **gone("gen_ai.prompt.2.", "role", "tool_calls.0.id", "tool_calls.0.name", "tool_calls.0.arguments"),
            **gone("gen_ai.prompt.3.", "role", "tool_call_id", "content"),
            **gone("gen_ai.completion.0.", "role", "content", "finish_reason"),
            **gone("llm.request.functions.0.", "name", "description", "parameters"),
            "user.id": "u-2",
            "gen_ai.conversation.id": "c-2",
            "gen_ai.prompt.name": "answer",
            "gen_ai.prompt.version": 3,
            "gen_ai.workflow.name": "support",
            "llm_obs.usage.role": "leaf",
            "llm_obs.cost.total_nano_usd": 200 * 800 + 1000 * 80 + 300 * 1000 + 40 * 4000,
        },
    ),
    "OpenLLMetry, a completion": (
        {"gen_ai.system": "OpenAI", "llm.request.type": "completion", "llm.response.finish_reason": "length"},
        {
            "gen_ai.operation.name": "text_completion",
            "gen_ai.provider.name": "openai",
            "gen_ai.response.finish_reasons": ["length"],
            "llm_obs.completeness": "truncated",
        },
    ),
    "OpenLLMetry, a tool": (
        {
            "traceloop.span.kind": "tool",
            "traceloop.entity.name": "search",
            "traceloop.entity.input": '{"q": 1}',
            "traceloop.entity.output": "[]",
        },
        {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "search",
            "gen_ai.tool.call.arguments": '{"q": 1}',
            "gen_ai.tool.call.result": "[]",
            **gone("traceloop.entity.", "input", "output"),
        },
    ),
    "OpenLLMetry, an agent": (
        {"traceloop.span.kind": "agent", "traceloop.entity.name": "planner", "traceloop.entity.input": "x"},
        {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": "planner",
            "gen_ai.input.messages": "x",
            "traceloop.entity.input": None,
        },
    ),
    "OpenLLMetry, a task is a plain span": (
        {"traceloop.span.kind": "task", "traceloop.entity.name": "step", "traceloop.entity.input": "x"},
        {"gen_ai.operation.name": None, "gen_ai.tool.name": None, "gen_ai.input.messages": None},
    ),
    "Langfuse, a generation": (
        {
            "langfuse.observation.type": "generation",
            "langfuse.observation.model.name": "gpt-4o",
            "langfuse.observation.input": '{"messages": [{"role": "user", "content": "hi"}], "tools": [{"name": "f"}]}',
            "langfuse.observation.output": "yes",
            "langfuse.observation.usage_details": '{"input": 200, "output": 60, "input_cached_tokens": 1000, '
            '"output_reasoning_tokens": 20, "total": 1280}',
            "langfuse.observation.model.parameters": '{"temperature": 1, "max_tokens": "Infinity", "n": 2}',
            "langfuse.observation.metadata.finish_reason": '"tool_calls"',
            "langfuse.observation.cost_details": '{"total": 0.25}',
            "langfuse.session.id": "s-3",
            "langfuse.user.id": "u-3",
            "langfuse.trace.name": "checkout",
            "langfuse.observation.prompt.name": "p",
            "langfuse.observation.prompt.version": 2,
        },
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.provider.name": None,
            "gen_ai.conversation.id": "s-3",
            "user.id": "u-3",
            "gen_ai.workflow.name": "checkout",
            "gen_ai.prompt.name": "p",
            "gen_ai.prompt.version": 2,
            "gen_ai.input.messages": [said("user", "hi")],
            "gen_ai.output.messages": [said("assistant", "yes")],
            "gen_ai.tool.definitions": [{"type": "function", "name": "f"}],
            "langfuse.observation.input": {"messages": None, "tools": None},
            "langfuse.observation.output": None,
            "gen_ai.usage.input_tokens": 1200,
            "gen_ai.usage.output_tokens": 80,
            "gen_ai.usage.cache_read.input_tokens": 1000,
            "gen_ai.usage.reasoning.output_tokens": 20,
            "gen_ai.request.temperature": 1,
            "gen_ai.request.max_tokens": None,
            "gen_ai.request.choice.count": 2,
            "gen_ai.response.finish_reasons": "tool_call",
            "llm_obs.usage.role": "leaf",
        },
    ),
    "Logfire, the span of an OpenAI call": (
        {
            "logfire.msg_template": "Chat Completion with {gen_ai.request.model!r}",
            "logfire.span_type": "span",
            "gen_ai.operation.name": "chat",
            "gen_ai.system": "openai",
            "gen_ai.request.model": "my-own",
            "gen_ai.usage.input_tokens": 10,
            "gen_ai.usage.output_tokens": 5,
            "gen_ai.usage.details.reasoning_tokens": 2,
            "operation.cost": 0.000123,
        },
        {
            "gen_ai.provider.name": "openai",
            "gen_ai.usage.reasoning.output_tokens": 2,
            "llm_obs.cost.total_nano_usd": 123_000,
            "llm_obs.price.id": "sender",
        },
    ),
    "Logfire, a tool of an agent": (
        {
            "gen_ai.operation.name": "execute_tool",
            "agent_name": "bank",
            "gen_ai.tool.name": "balance",
            "tool_arguments": "{}",
            "tool_response": "12",
        },
        {
            "gen_ai.agent.name": "bank",
            "gen_ai.tool.call.arguments": "{}",
            "gen_ai.tool.call.result": "12",
            **gone("tool_", "arguments", "response"),
        },
    ),
    "Vercel AI SDK, the streamed call": (
        {
            "operation.name": "ai.streamText.doStream my-function",
            "ai.operationId": "ai.streamText.doStream",
            "ai.model.provider": "openai.chat",
            "ai.model.id": "gpt-4o-mini",
            "ai.response.model": "gpt-4o-mini-2024-07-18",
            "ai.response.id": "chatcmpl-1",
            "ai.response.finishReason": "tool-calls",
            "ai.response.msToFirstChunk": 153.5,
            "ai.response.text": "hi",
            "ai.response.toolCalls": '[{"toolCallId": "c1", "toolName": "f", "input": "{\\"a\\": 1}"}]',
            "ai.prompt.messages": '[{"role":"user","content":[{"type":"text","text":"yo"}]},{"role":"tool","content":'
            '[{"type":"tool-result","toolCallId":"c0","toolName":"f","output":{"type":"text","value":"x"}}]}]',
            "ai.prompt.tools": ['{"type": "function", "name": "f", "inputSchema": {"type": "object"}}'],
            "ai.usage.promptTokens": 100,
            "ai.usage.completionTokens": 7,
            "ai.settings.maxOutputTokens": 50,
            "ai.settings.topK": 3,
            "ai.telemetry.metadata.sessionId": "s-4",
            "ai.telemetry.metadata.userId": "u-4",
        },
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4o-mini",
            "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
            "gen_ai.response.id": "chatcmpl-1",
            "gen_ai.response.finish_reasons": ["tool_call"],
            "gen_ai.response.time_to_first_chunk": 0.1535,
            "gen_ai.request.stream": True,
            "gen_ai.request.max_tokens": 50,
            "gen_ai.request.top_k": 3,
            "gen_ai.input.messages": [
                said("user", "yo"),
                said(
                    "tool",
                    {
                        "type": "tool_call_response",
                        "id": "c0",
                        "name": "f",
                        "response": {"type": "text", "value": "x"},
                    },
                ),
            ],
            "gen_ai.output.messages": [
                said("assistant", "hi", {"type": "tool_call", "id": "c1", "name": "f", "arguments": {"a": 1}})
            ],
            "gen_ai.tool.definitions": [{"type": "function", "name": "f", "parameters": {"type": "object"}}],
            **gone("ai.", "response.text", "response.toolCalls", "prompt.messages", "prompt.tools"),
            "gen_ai.conversation.id": "s-4",
            "user.id": "u-4",
            "llm_obs.usage.role": "leaf",
            "llm_obs.cost.total_nano_usd": 100 * 150 + 7 * 600,
        },
    ),
    "Vercel AI SDK, the span around the call": (
        {
            "ai.operationId": "ai.streamText",
            "ai.telemetry.functionId": "my-function",
            "ai.model.provider": "openai.chat",
            "ai.model.id": "gpt-4o-mini",
            "ai.usage.promptTokens": 100,
        },
        {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": "my-function",
            "gen_ai.usage.input_tokens": 100,
            "llm_obs.usage.role": "rollup",
            "llm_obs.cost.total_nano_usd": None,
        },
    ),
    "Vercel AI SDK, embeddings and the span around them": (
        {"ai.operationId": "ai.embed", "ai.usage.tokens": 8, "ai.model.id": "text-embedding-3-small"},
        {
            "gen_ai.operation.name": "embeddings",
            "gen_ai.usage.input_tokens": 8,
            "llm_obs.usage.role": "rollup",
            "llm_obs.cost.total_nano_usd": None,
        },
    ),
    "Vercel AI SDK 5, Anthropic counts cached tokens apart": (
        {
            "ai.operationId": "ai.generateText.doGenerate",
            "ai.model.provider": "anthropic.messages",
            "ai.model.id": "claude-3-5-haiku-20241022",
            "ai.usage.inputTokens": 200,
            "ai.usage.cachedInputTokens": 1000,
            "ai.usage.outputTokens": 40,
            "gen_ai.usage.input_tokens": 200,
            "gen_ai.usage.output_tokens": 40,
            "ai.response.providerMetadata": '{"anthropic": {"cacheCreationInputTokens": 300, "usage": {}}}',
        },
        {
            "gen_ai.provider.name": "anthropic",
            "gen_ai.usage.input_tokens": 1500,
            "gen_ai.usage.cache_read.input_tokens": 1000,
            "gen_ai.usage.cache_write.input_tokens": 300,
            "llm_obs.cost.total_nano_usd": 200 * 800 + 1000 * 80 + 300 * 1000 + 40 * 4000,
        },
    ),
    "Vercel AI SDK 6, the total contains cached tokens": (
        {
            "ai.operationId": "ai.generateText.doGenerate",
            "ai.model.provider": "anthropic.messages",
            "ai.model.id": "claude-3-5-haiku-20241022",
            "ai.usage.inputTokens": 1500,
            "ai.usage.cachedInputTokens": 1000,
            "ai.usage.inputTokenDetails.noCacheTokens": 200,
            "ai.usage.inputTokenDetails.cacheReadTokens": 1000,
            "ai.usage.inputTokenDetails.cacheWriteTokens": 300,
            "ai.usage.outputTokens": 40,
            "gen_ai.usage.input_tokens": 1500,
        },
        {
            "gen_ai.usage.input_tokens": 1500,
            "gen_ai.usage.cache_read.input_tokens": 1000,
            "gen_ai.usage.cache_write.input_tokens": 300,
            "llm_obs.cost.total_nano_usd": 200 * 800 + 1000 * 80 + 300 * 1000 + 40 * 4000,
        },
    ),
    "Logfire, the usage of Anthropic's API as it came": (
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.usage.raw": '{"input_tokens": 200, "cache_read_input_tokens": 1000, "output_tokens": 9, '
            '"cache_creation_input_tokens": 300, '
            '"cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 200}}',
            "gen_ai.response.finish_reasons": '["end_turn"]',
        },
        {
            "gen_ai.usage.input_tokens": 1500,
            "gen_ai.usage.output_tokens": 9,
            "gen_ai.usage.cache_read.input_tokens": 1000,
            "gen_ai.usage.cache_write.input_tokens": 300,
            "llm_obs.usage.cache_write_1h.input_tokens": 200,
            "gen_ai.response.finish_reasons": ["stop"],
        },
    ),
    "Logfire, older, the request and the answer": (
        {
            "gen_ai.system": "openai",
            "gen_ai.operation.name": "chat",
            "request_data": '{"model": "gpt-4o", "temperature": 0.5, "stream": true, '
            '"messages": [{"role": "user", "content": "hi"}]}',
            "response_data": '{"message": {"role": "assistant", "content": "yo", "refusal": null}, '
            '"usage": {"prompt_tokens": 5, "completion_tokens": 6, "prompt_tokens_details": {"cached_tokens": 2}}}',
        },
        {
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.request.temperature": 0.5,
            "gen_ai.request.stream": True,
            "gen_ai.usage.input_tokens": 5,
            "gen_ai.usage.output_tokens": 6,
            "gen_ai.usage.cache_read.input_tokens": 2,
            "gen_ai.input.messages": [said("user", "hi")],
            "gen_ai.output.messages": [said("assistant", "yo")],
            "request_data": {"model": "gpt-4o", "temperature": 0.5, "stream": True, "messages": None},
            "response_data": {
                "message": None,
                "usage": {"prompt_tokens": 5, "completion_tokens": 6, "prompt_tokens_details": {"cached_tokens": 2}},
            },
        },
    ),
    "the Anthropic SDK's own span": (
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "anthropic",
            "gen_ai.request.model": "claude-3-5-haiku-20241022",
            "gen_ai.usage.input_tokens": 1500,
            "gen_ai.usage.cache_read.input_tokens": 1000,
            "gen_ai.usage.output_tokens": 10,
            "anthropic.message.stop_reason": "max_tokens",
        },
        {
            "gen_ai.response.finish_reasons": ["length"],
            "llm_obs.completeness": "truncated",
            "llm_obs.cost.total_nano_usd": 500 * 800 + 1000 * 80 + 10 * 4000,
        },
    ),
    "an old GenAI span": (
        {
            "gen_ai.system": "az.ai.openai",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.usage.prompt_tokens": 3,
            "gen_ai.openai.request.response_format": "json_schema",
            "gen_ai.openai.request.seed": 7,
            "gen_ai.openai.response.service_tier": "default",
            "http.status_code": 200,
            "llm.cost.total_usd": 0.5,
        },
        {
            "gen_ai.operation.name": None,
            "gen_ai.provider.name": "azure.ai.openai",
            "gen_ai.output.type": "json",
            "gen_ai.request.seed": 7,
            "openai.response.service_tier": "default",
            "http.response.status_code": 200,
            "llm_obs.usage.role": "unknown",
            "llm_obs.usage.basis": "reported",
            "llm_obs.cost.total_nano_usd": 500_000_000,
            "llm_obs.price.id": None,
        },
    ),
    "a canonical span is left as it is": (
        {
            "gen_ai.operation.name": "retrieval",
            "gen_ai.retrieval.top_k": 3,
            "gen_ai.request.model": "x",
            "llm_obs.usage.role": "duplicate",
            "llm_obs.usage.basis": "estimated",
            "gen_ai.usage.input_tokens": 3,
        },
        {"llm_obs.usage.role": "duplicate", "llm_obs.usage.basis": "estimated", "gen_ai.provider.name": None},
    ),
}


def any_value(value: Any) -> AnyValue:
    if isinstance(value, list):
        return AnyValue(array_value=ArrayValue(values=map(any_value, value)))
    kinds = {str: "string_value", bool: "bool_value", int: "int_value", float: "double_value"}
    return AnyValue(**{kinds[type(value)]: value})


def meant(attributes: dict[str, Any], parent: bytes = b"", events: Sequence[tuple[str, int]] = ()) -> dict[str, Any]:
    message = ExportTraceServiceRequest()
    span = message.resource_spans.add().scope_spans.add().spans.add()
    span.trace_id, span.span_id, span.parent_span_id = b"t" * 16, b"s" * 8, parent
    span.start_time_unix_nano = START_NS
    for name, after_ns in events:
        span.events.add(name=name, time_unix_nano=START_NS + after_ns)
    for key, value in attributes.items():
        span.attributes.add(key=key).value.CopyFrom(any_value(value))
    batch = scan(message.SerializeToString(), keys=MEANING.keys)
    edits = Edits(batch)
    MEANING.apply(batch, edits)
    (after,) = scan(emit(batch, edits)).spans()
    return dict(after.attributes)


@pytest.mark.parametrize("name", CASES)
def test_a_foreign_span_gets_its_canonical_meaning(name: str) -> None:
    attributes, expected = CASES[name]
    found = meant(attributes)
    assert {key: read(found.get(key), value) for key, value in expected.items()} == expected
    assert {key: found[key] for key in attributes if key not in expected} == {
        key: value for key, value in attributes.items() if key not in expected
    }
    reference = apply(RULES, attributes)
    priced = {"llm_obs.cost.total_nano_usd", "llm_obs.price.id"}
    assert {key: read(value) for key, value in found.items() if key not in priced} == {
        key: read(value) for key, value in reference.items() if key not in priced
    }


def read(value: Any, like: Any = ()) -> Any:
    """JSON text as what it says, where something else than a text is expected."""
    if not isinstance(value, str) or isinstance(like, str) or value[:1] not in "[{":
        return value
    return json.loads(value)


def test_a_chain_inside_a_chain_is_a_plain_span() -> None:
    assert "gen_ai.operation.name" not in meant({"openinference.span.kind": "CHAIN"}, parent=b"p" * 8)


def test_messages_of_an_agent_are_messages() -> None:
    events = json.dumps([{"role": "user", "content": "é", "gen_ai.message.index": 0}], ensure_ascii=False)
    found = meant({"gen_ai.operation.name": "invoke_agent", "all_messages_events": events})
    assert json.loads(found["gen_ai.input.messages"]) == [{**said("user", "é"), "gen_ai.message.index": 0}]
    assert "all_messages_events" not in found


def test_the_first_token_of_a_stream() -> None:
    chunks = [("gen_ai.content.completion.chunk", n * 250_000_000) for n in range(1, 9)]
    first = [("First Token Stream Event", 250_000_000), ("exception", 1)]
    ttft = "gen_ai.response.time_to_first_chunk"
    assert meant({"openinference.span.kind": "LLM"}, events=first)[ttft] == 0.25
    assert meant({"gen_ai.operation.name": "chat"}, events=chunks)[ttft] == 0.25
    assert meant({"gen_ai.operation.name": "chat", ttft: 0.5}, events=chunks)[ttft] == 0.5
    assert meant({"langfuse.observation.completion_start_time": '"2026-10-26T07:33:20.125Z"'})[ttft] == 0.125
    assert ttft not in meant({"langfuse.observation.completion_start_time": '"2026-10-26T07:33:19Z"'})
