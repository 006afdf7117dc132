"""The names of attributes: OpenTelemetry's, its GenAI conventions', and our own `llm_obs.*`.

The GenAI conventions have no stable release and no package of constants, so this module is ours: it holds the current
canonical names (open-telemetry/semantic-conventions-genai, development) and the older or foreign names that mean the
same. Everything behind the collector's normaliser reads only the canonical names.
"""

from __future__ import annotations

from typing import Final

# --- OpenTelemetry, stable neighbours -------------------------------------------------------------------------------
SERVICE_NAME: Final = "service.name"
SERVICE_VERSION: Final = "service.version"
SERVICE_INSTANCE_ID: Final = "service.instance.id"
DEPLOYMENT_ENVIRONMENT_NAME: Final = "deployment.environment.name"
ERROR_TYPE: Final = "error.type"
SERVER_ADDRESS: Final = "server.address"
SERVER_PORT: Final = "server.port"
HTTP_RESPONSE_STATUS_CODE: Final = "http.response.status_code"
USER_ID: Final = "user.id"
EXCEPTION_TYPE: Final = "exception.type"
EXCEPTION_MESSAGE: Final = "exception.message"
EXCEPTION_STACKTRACE: Final = "exception.stacktrace"

# --- GenAI, canonical -----------------------------------------------------------------------------------------------
OPERATION_NAME: Final = "gen_ai.operation.name"
PROVIDER_NAME: Final = "gen_ai.provider.name"
REQUEST_MODEL: Final = "gen_ai.request.model"
REQUEST_MAX_TOKENS: Final = "gen_ai.request.max_tokens"
REQUEST_CHOICE_COUNT: Final = "gen_ai.request.choice.count"
REQUEST_TEMPERATURE: Final = "gen_ai.request.temperature"
REQUEST_TOP_P: Final = "gen_ai.request.top_p"
REQUEST_TOP_K: Final = "gen_ai.request.top_k"
REQUEST_FREQUENCY_PENALTY: Final = "gen_ai.request.frequency_penalty"
REQUEST_PRESENCE_PENALTY: Final = "gen_ai.request.presence_penalty"
REQUEST_STOP_SEQUENCES: Final = "gen_ai.request.stop_sequences"
REQUEST_SEED: Final = "gen_ai.request.seed"
REQUEST_STREAM: Final = "gen_ai.request.stream"
REQUEST_ENCODING_FORMATS: Final = "gen_ai.request.encoding_formats"
REQUEST_REASONING_LEVEL: Final = "gen_ai.request.reasoning.level"
REQUEST_PREVIOUS_RESPONSE_ID: Final = "gen_ai.request.previous_response.id"
OUTPUT_TYPE: Final = "gen_ai.output.type"
RESPONSE_ID: Final = "gen_ai.response.id"
RESPONSE_MODEL: Final = "gen_ai.response.model"
RESPONSE_FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
RESPONSE_TIME_TO_FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"
USAGE_INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
USAGE_OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
USAGE_CACHE_READ_INPUT_TOKENS: Final = "gen_ai.usage.cache_read.input_tokens"
USAGE_CACHE_WRITE_INPUT_TOKENS: Final = "gen_ai.usage.cache_write.input_tokens"
USAGE_REASONING_OUTPUT_TOKENS: Final = "gen_ai.usage.reasoning.output_tokens"
USAGE_AUDIO_INPUT_TOKENS: Final = "gen_ai.usage.audio.input_tokens"
USAGE_AUDIO_OUTPUT_TOKENS: Final = "gen_ai.usage.audio.output_tokens"
USAGE_IMAGE_INPUT_TOKENS: Final = "gen_ai.usage.image.input_tokens"
INPUT_MESSAGES: Final = "gen_ai.input.messages"
OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
SYSTEM_INSTRUCTIONS: Final = "gen_ai.system_instructions"
TOOL_DEFINITIONS: Final = "gen_ai.tool.definitions"
CONVERSATION_ID: Final = "gen_ai.conversation.id"
PROMPT_NAME: Final = "gen_ai.prompt.name"
PROMPT_VERSION: Final = "gen_ai.prompt.version"
AGENT_NAME: Final = "gen_ai.agent.name"
AGENT_ID: Final = "gen_ai.agent.id"
WORKFLOW_NAME: Final = "gen_ai.workflow.name"
TOOL_NAME: Final = "gen_ai.tool.name"
TOOL_TYPE: Final = "gen_ai.tool.type"
TOOL_CALL_ID: Final = "gen_ai.tool.call.id"
TOOL_CALL_ARGUMENTS: Final = "gen_ai.tool.call.arguments"
TOOL_CALL_RESULT: Final = "gen_ai.tool.call.result"
RETRIEVAL_QUERY_TEXT: Final = "gen_ai.retrieval.query.text"
RETRIEVAL_DOCUMENTS: Final = "gen_ai.retrieval.documents"
RETRIEVAL_TOP_K: Final = "gen_ai.retrieval.top_k"
EMBEDDINGS_DIMENSION_COUNT: Final = "gen_ai.embeddings.dimension.count"
OPENAI_REQUEST_SERVICE_TIER: Final = "openai.request.service_tier"
OPENAI_RESPONSE_SERVICE_TIER: Final = "openai.response.service_tier"
OPENAI_RESPONSE_SYSTEM_FINGERPRINT: Final = "openai.response.system_fingerprint"
OPENAI_API_TYPE: Final = "openai.api.type"
ANTHROPIC_RESPONSE_SERVICE_TIER: Final = "anthropic.response.service_tier"

# --- Our own: what the conventions have no name for -----------------------------------------------------------------
APPLICATION: Final = "llm_obs.application"
COST_TOTAL_NANO_USD: Final = "llm_obs.cost.total_nano_usd"
PRICE_ID: Final = "llm_obs.price.id"
USAGE_BASIS: Final = "llm_obs.usage.basis"  # reported | estimated | partial
USAGE_ROLE: Final = "llm_obs.usage.role"  # leaf | rollup | duplicate | unknown
USAGE_CACHE_WRITE_1H_INPUT_TOKENS: Final = "llm_obs.usage.cache_write_1h.input_tokens"
STREAM_OUTCOME: Final = "llm_obs.stream.outcome"  # completed | closed | cancelled | error | abandoned
STREAM_CHUNKS: Final = "llm_obs.stream.chunks"
COMPLETENESS: Final = "llm_obs.completeness"  # complete | truncated | filtered | aborted
TIME_TO_FIRST_CONTENT: Final = "llm_obs.response.time_to_first_content"  # seconds, as the conventions' TTFC
SAMPLING_HEAD_THRESHOLD: Final = "llm_obs.sampling.head_threshold"
SAMPLING_TAIL_THRESHOLD: Final = "llm_obs.sampling.tail_threshold"
SAMPLING_KEPT_BY: Final = "llm_obs.sampling.kept_by"
MEASURED: Final = "llm_obs.measured"  # on a resource: this SDK sends measures itself

# --- Values ---------------------------------------------------------------------------------------------------------
MODEL_CALLS: Final = ("chat", "generate_content", "text_completion", "embeddings")
"""Operations that are one call of a model: only these carry usage that is added up."""

OPERATIONS: Final = (
    *MODEL_CALLS,
    "retrieval",
    "fetch_response",
    "create_agent",
    "invoke_agent",
    "execute_tool",
    "invoke_workflow",
    "plan",
    "search_memory",
    "create_memory",
    "update_memory",
    "upsert_memory",
    "delete_memory",
    "create_memory_store",
    "delete_memory_store",
)
"""The conventions' values of `gen_ai.operation.name`; others are custom."""

PROVIDERS: Final = (
    "openai",
    "anthropic",
    "aws.bedrock",
    "azure.ai.inference",
    "azure.ai.openai",
    "cohere",
    "deepseek",
    "gcp.gemini",
    "gcp.gen_ai",
    "gcp.vertex_ai",
    "groq",
    "ibm.watsonx.ai",
    "mistral_ai",
    "moonshot_ai",
    "perplexity",
    "x_ai",
)
"""The conventions' values of `gen_ai.provider.name`; others are custom."""

FINISH_REASONS: Final = ("stop", "length", "content_filter", "tool_call", "error", "compaction")

# --- Older and foreign names ----------------------------------------------------------------------------------------
# What the normaliser `genai` reads. OI: OpenInference, OL: OpenLLMetry, LF: Langfuse, PF: Logfire, AI: Vercel AI SDK,
# AN: the Anthropic SDK's own spans; without a mark: an older GenAI name. The raw attribute is kept. What is more than
# another name (flattened messages, JSON text, totals that leave tokens out) is in `normalizer.conventions`.

ALIASES: Final[dict[str, tuple[str, ...]]] = {
    PROVIDER_NAME: ("gen_ai.system", "llm.provider", "llm.system", "ai.model.provider"),
    REQUEST_MODEL: (
        "llm.request.model_name",
        "langfuse.observation.model.name",
        "ai.model.id",
        "llm.model_name",
        "embedding.model_name",
    ),
    RESPONSE_MODEL: ("llm.response.model_name", "ai.response.model", "llm.model_name"),
    RESPONSE_ID: ("ai.response.id",),
    USAGE_INPUT_TOKENS: (
        "gen_ai.usage.prompt_tokens",
        "llm.usage.prompt_tokens",
        "llm.token_count.prompt",
        "ai.usage.inputTokens",
        "ai.usage.promptTokens",
        "ai.usage.tokens",
    ),
    USAGE_OUTPUT_TOKENS: (
        "gen_ai.usage.completion_tokens",
        "llm.usage.completion_tokens",
        "llm.token_count.completion",
        "ai.usage.outputTokens",
        "ai.usage.completionTokens",
    ),
    USAGE_CACHE_READ_INPUT_TOKENS: (
        "gen_ai.usage.cache_read_input_tokens",
        "gen_ai.usage.details.cache_read_tokens",
        "llm.token_count.prompt_details.cache_read",
        "llm.token_count.prompt_details.cache_input",
        "ai.usage.inputTokenDetails.cacheReadTokens",
        "ai.usage.cachedInputTokens",
    ),
    USAGE_CACHE_WRITE_INPUT_TOKENS: (
        "gen_ai.usage.cache_creation.input_tokens",
        "gen_ai.usage.cache_creation_input_tokens",
        "gen_ai.usage.details.cache_write_tokens",
        "llm.token_count.prompt_details.cache_write",
        "ai.usage.inputTokenDetails.cacheWriteTokens",
    ),
    USAGE_REASONING_OUTPUT_TOKENS: (
        "gen_ai.usage.reasoning_tokens",
        "gen_ai.usage.details.reasoning_tokens",
        "llm.usage.reasoning_tokens",
        "llm.token_count.completion_details.reasoning",
        "ai.usage.outputTokenDetails.reasoningTokens",
        "ai.usage.reasoningTokens",
    ),
    USAGE_CACHE_WRITE_1H_INPUT_TOKENS: ("anthropic.usage.cache_creation.ephemeral_1h_input_tokens",),
    USAGE_AUDIO_INPUT_TOKENS: ("llm.token_count.prompt_details.audio",),
    USAGE_AUDIO_OUTPUT_TOKENS: ("llm.token_count.completion_details.audio",),
    CONVERSATION_ID: (
        "session.id",
        "langfuse.session.id",
        "traceloop.association.properties.session_id",
        "traceloop.association.properties.chat_id",
        "ai.telemetry.metadata.sessionId",
    ),
    USER_ID: (
        "enduser.id",
        "langfuse.user.id",
        "traceloop.association.properties.user_id",
        "llm.user",
        "gen_ai.user",
        "ai.telemetry.metadata.userId",
    ),
    REQUEST_STREAM: ("llm.is_streaming", "gen_ai.is_streaming"),
    REQUEST_MAX_TOKENS: (
        "gen_ai.request.max_completion_tokens",
        "llm.request.max_tokens",
        "ai.settings.maxOutputTokens",
        "ai.settings.maxTokens",
    ),
    REQUEST_CHOICE_COUNT: ("gen_ai.request.n",),
    REQUEST_TEMPERATURE: ("llm.temperature", "ai.settings.temperature"),
    REQUEST_TOP_P: ("llm.top_p", "ai.settings.topP"),
    REQUEST_FREQUENCY_PENALTY: ("llm.frequency_penalty", "ai.settings.frequencyPenalty"),
    REQUEST_PRESENCE_PENALTY: ("llm.presence_penalty", "ai.settings.presencePenalty"),
    REQUEST_STOP_SEQUENCES: ("llm.chat.stop_sequences", "ai.settings.stopSequences"),
    REQUEST_SEED: ("gen_ai.openai.request.seed", "ai.settings.seed"),
    PROMPT_NAME: ("langfuse.observation.prompt.name", "traceloop.prompt.key", "prompt.id"),
    PROMPT_VERSION: ("langfuse.observation.prompt.version", "traceloop.prompt.version", "llm.prompt_template.version"),
    TOOL_NAME: ("tool.name", "ai.toolCall.name"),
    TOOL_CALL_ID: ("tool.id", "ai.toolCall.id"),
    AGENT_NAME: ("agent.name", "agent_name"),
    WORKFLOW_NAME: ("traceloop.workflow.name", "langfuse.trace.name"),
    OPENAI_REQUEST_SERVICE_TIER: ("gen_ai.openai.request.service_tier",),
    OPENAI_RESPONSE_SERVICE_TIER: ("gen_ai.openai.response.service_tier",),
    OPENAI_RESPONSE_SYSTEM_FINGERPRINT: ("gen_ai.openai.response.system_fingerprint",),
    HTTP_RESPONSE_STATUS_CODE: ("http.status_code",),
}
"""Canonical name to the names that mean the same: the first one that is there is taken, unless the canonical one is."""

LIST_ALIASES: Final[dict[str, tuple[str, ...]]] = {
    RESPONSE_FINISH_REASONS: (
        "ai.response.finishReason",
        "gen_ai.finishReason",
        "llm.finish_reason",
        "llm.response.finish_reason",
        "llm.response.stop_reason",
        "gen_ai.completion.0.finish_reason",
        "anthropic.message.stop_reason",
    ),
}
"""As `ALIASES`; the foreign value is one string, the canonical one a list."""

OPERATION_SOURCES: Final[dict[str, dict[str, str]]] = {
    "openinference.span.kind": {
        "LLM": "chat",
        "EMBEDDING": "embeddings",
        "RETRIEVER": "retrieval",
        "TOOL": "execute_tool",
        "AGENT": "invoke_agent",
        "RERANKER": "rerank",
        "GUARDRAIL": "guardrail",
        "EVALUATOR": "evaluator",
        "PROMPT": "prompt",
    },
    "llm.request.type": {
        "chat": "chat",
        "completion": "text_completion",
        "embedding": "embeddings",
        "rerank": "rerank",
    },
    "traceloop.span.kind": {"workflow": "invoke_workflow", "agent": "invoke_agent", "tool": "execute_tool"},
    "langfuse.observation.type": {
        "generation": "chat",
        "embedding": "embeddings",
        "agent": "invoke_agent",
        "tool": "execute_tool",
        "retriever": "retrieval",
        "evaluator": "evaluator",
        "guardrail": "guardrail",
    },
    "ai.operationId": {
        "ai.generateText": "invoke_agent",
        "ai.generateText.doGenerate": "chat",
        "ai.streamText": "invoke_agent",
        "ai.streamText.doStream": "chat",
        "ai.generateObject": "invoke_agent",
        "ai.generateObject.doGenerate": "chat",
        "ai.streamObject": "invoke_agent",
        "ai.streamObject.doStream": "chat",
        "ai.embed": "embeddings",
        "ai.embed.doEmbed": "embeddings",
        "ai.embedMany": "embeddings",
        "ai.embedMany.doEmbed": "embeddings",
        "ai.toolCall": "execute_tool",
    },
}
"""Where `gen_ai.operation.name` comes from when it is absent: the foreign kind of span, word by word."""

ROOT_OPERATION_SOURCES: Final[dict[str, dict[str, str]]] = {
    "openinference.span.kind": {"CHAIN": "invoke_workflow"},
    "langfuse.observation.type": {"chain": "invoke_workflow"},
}
"""As `OPERATION_SOURCES`, only on spans without a parent: a chain inside a chain is a plain span."""

OUTER_CALLS: Final[dict[str, dict[str, str]]] = {"ai.operationId": {"ai.embed": "rollup", "ai.embedMany": "rollup"}}
"""Spans around a call that repeat its usage under the call's own operation: `llm_obs.usage.role`."""

STREAM_SOURCES: Final[dict[str, dict[str, bool]]] = {
    "ai.operationId": {"ai.streamText.doStream": True, "ai.streamObject.doStream": True},
}
"""Where `gen_ai.request.stream` comes from when it is absent."""

ALIASES_WHEN: Final[tuple[tuple[tuple[str, ...], str, tuple[str, ...]], ...]] = (
    (("execute_tool",), TOOL_NAME, ("traceloop.entity.name",)),
    (("invoke_agent",), AGENT_NAME, ("traceloop.entity.name", "ai.telemetry.functionId")),
    (("invoke_workflow",), WORKFLOW_NAME, ("traceloop.entity.name",)),
    (("retrieval",), RETRIEVAL_TOP_K, (REQUEST_TOP_K,)),
    (("chat", "generate_content", "text_completion"), REQUEST_TOP_K, ("llm.top_k", "ai.settings.topK")),
)
"""As `ALIASES`, only on spans of these operations: (operations, canonical name, other names)."""

COST_ALIASES_USD: Final = ("llm.cost.total_usd", "llm.cost.total", "operation.cost", "gen_ai.usage.cost")
"""A call's cost in dollars, as other SDKs say it: `llm_obs.cost.total_nano_usd` when that is absent."""

MILLISECOND_ALIASES: Final[dict[str, tuple[str, ...]]] = {
    RESPONSE_TIME_TO_FIRST_CHUNK: ("ai.response.msToFirstChunk", "ai.stream.msToFirstChunk"),
}
"""Canonical names in seconds, foreign ones in milliseconds."""

PROVIDER_ALIASES: Final[dict[str, str]] = {
    "az.ai.inference": "azure.ai.inference",
    "az.ai.openai": "azure.ai.openai",
    "vertex_ai": "gcp.vertex_ai",
    "gemini": "gcp.gemini",
    "google": "gcp.gen_ai",
    "xai": "x_ai",
    "bedrock": "aws.bedrock",
    "mistral": "mistral_ai",
    "mistralai": "mistral_ai",
    # OI
    "azure": "azure.ai.openai",
    "aws": "aws.bedrock",
    "vertexai": "gcp.vertex_ai",
    "moonshot": "moonshot_ai",
    # OL
    "OpenAI": "openai",
    "Azure": "azure.ai.openai",
    "Anthropic": "anthropic",
    "AWS": "aws.bedrock",
    "Cohere": "cohere",
    "Google": "gcp.gen_ai",
    "Gemini": "gcp.gemini",
    "VertexAI": "gcp.vertex_ai",
    "Vertex AI": "gcp.vertex_ai",
    "MistralAI": "mistral_ai",
    "Mistral AI": "mistral_ai",
    "Groq": "groq",
    "Deepseek": "deepseek",
    "Perplexity": "perplexity",
    "Watsonx": "ibm.watsonx.ai",
    "watsonx": "ibm.watsonx.ai",
    "IBM Watsonx": "ibm.watsonx.ai",
    "xAI": "x_ai",
    # AI
    "openai.chat": "openai",
    "openai.responses": "openai",
    "openai.completion": "openai",
    "openai.embedding": "openai",
    "azure-openai.chat": "azure.ai.openai",
    "azure-openai.responses": "azure.ai.openai",
    "azure.chat": "azure.ai.openai",
    "azure.responses": "azure.ai.openai",
    "anthropic.messages": "anthropic",
    "google.generative-ai": "gcp.gemini",
    "google.vertex.chat": "gcp.vertex_ai",
    "vertex.anthropic.messages": "gcp.vertex_ai",
    "amazon-bedrock": "aws.bedrock",
    "mistral.chat": "mistral_ai",
    "mistral.embedding": "mistral_ai",
    "cohere.chat": "cohere",
    "groq.chat": "groq",
    "xai.chat": "x_ai",
    "xai.responses": "x_ai",
    "deepseek.chat": "deepseek",
    "moonshotai.chat": "moonshot_ai",
}

OPERATION_ALIASES: Final[dict[str, str]] = {"completion": "text_completion", "embedding": "embeddings"}

OUTPUT_TYPES: Final[dict[str, str]] = {"text": "text", "json_object": "json", "json_schema": "json"}
"""`gen_ai.openai.request.response_format` to `gen_ai.output.type`."""

FINISH_REASON_ALIASES: Final[dict[str, str]] = {
    "tool_calls": "tool_call",
    "tool-calls": "tool_call",
    "function_call": "tool_call",
    "tool_use": "tool_call",
    "TOOL_CALL": "tool_call",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "eos": "stop",
    "STOP": "stop",
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "model_length": "length",
    "model_context_window_exceeded": "length",
    "MAX_TOKENS": "length",
    "refusal": "content_filter",
    "content-filter": "content_filter",
    "content_filtered": "content_filter",
    "guardrail_intervened": "content_filter",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "ERROR_TOXIC": "content_filter",
    "ERROR": "error",
    "ERROR_LIMIT": "length",
}

COMPLETENESS_BY_FINISH_REASON: Final[dict[str, str]] = {
    "stop": "complete",
    "tool_call": "complete",
    "length": "truncated",
    "content_filter": "filtered",
    "error": "aborted",
}


def _known_keys() -> tuple[str, ...]:
    own = globals()
    canonical = {value for name, value in own.items() if name.isupper() and isinstance(value, str)}
    foreign = {"deployment.environment", "gen_ai.openai.request.response_format", *COST_ALIASES_USD}
    for table in (ALIASES, LIST_ALIASES, MILLISECOND_ALIASES):
        foreign.update(*table.values())
    for _, _, sources in ALIASES_WHEN:
        foreign.update(sources)
    for kinds in (OPERATION_SOURCES, ROOT_OPERATION_SOURCES, OUTER_CALLS, STREAM_SOURCES):
        foreign.update(kinds)
    return tuple(sorted(canonical | foreign))


KNOWN_KEYS: Final[tuple[str, ...]] = _known_keys()
"""Every attribute key that the collector looks at, sorted; core_ext numbers them by their place in this tuple."""
