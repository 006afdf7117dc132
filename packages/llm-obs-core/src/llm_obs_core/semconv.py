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
REQUEST_FREQUENCY_PENALTY: Final = "gen_ai.request.frequency_penalty"
REQUEST_PRESENCE_PENALTY: Final = "gen_ai.request.presence_penalty"
REQUEST_STOP_SEQUENCES: Final = "gen_ai.request.stop_sequences"
REQUEST_SEED: Final = "gen_ai.request.seed"
REQUEST_STREAM: Final = "gen_ai.request.stream"
REQUEST_ENCODING_FORMATS: Final = "gen_ai.request.encoding_formats"
REQUEST_REASONING_LEVEL: Final = "gen_ai.request.reasoning.level"
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
EMBEDDINGS_DIMENSION_COUNT: Final = "gen_ai.embeddings.dimension.count"
OPENAI_REQUEST_SERVICE_TIER: Final = "openai.request.service_tier"
OPENAI_RESPONSE_SERVICE_TIER: Final = "openai.response.service_tier"
OPENAI_RESPONSE_SYSTEM_FINGERPRINT: Final = "openai.response.system_fingerprint"
OPENAI_API_TYPE: Final = "openai.api.type"

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

FINISH_REASONS: Final = ("stop", "length", "content_filter", "tool_call", "error", "compaction")

# --- Older and foreign names ----------------------------------------------------------------------------------------
# What the collector's built-in normaliser renames. The first name found wins and only when the canonical one is absent;
# the raw attribute is kept.
ALIASES: Final[dict[str, tuple[str, ...]]] = {
    PROVIDER_NAME: ("gen_ai.system", "llm.provider", "llm.system"),
    REQUEST_MODEL: (
        "llm.request.model_name",
        "langfuse.observation.model.name",
        "ai.model.id",
        "llm.model_name",
        "embedding.model_name",
    ),
    RESPONSE_MODEL: ("llm.response.model_name", "ai.response.model"),
    USAGE_INPUT_TOKENS: (
        "gen_ai.usage.prompt_tokens",
        "llm.usage.prompt_tokens",
        "llm.token_count.prompt",
        "ai.usage.inputTokens",
        "ai.usage.promptTokens",
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
        "llm.token_count.prompt_details.cache_read",
        "llm.token_count.prompt_details.cache_input",
        "ai.usage.cachedInputTokens",
        "ai.usage.inputTokenDetails.cacheReadTokens",
    ),
    USAGE_CACHE_WRITE_INPUT_TOKENS: (
        "gen_ai.usage.cache_creation.input_tokens",
        "gen_ai.usage.cache_creation_input_tokens",
        "llm.token_count.prompt_details.cache_write",
        "ai.usage.inputTokenDetails.cacheWriteTokens",
    ),
    USAGE_REASONING_OUTPUT_TOKENS: (
        "gen_ai.usage.reasoning_tokens",
        "llm.usage.reasoning_tokens",
        "llm.token_count.completion_details.reasoning",
        "ai.usage.reasoningTokens",
        "ai.usage.outputTokenDetails.reasoningTokens",
    ),
    CONVERSATION_ID: (
        "session.id",
        "langfuse.session.id",
        "traceloop.association.properties.session_id",
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
    TOOL_NAME: ("tool.name", "ai.toolCall.name"),
    AGENT_NAME: ("agent.name",),
    PROMPT_NAME: ("langfuse.observation.prompt.name", "traceloop.prompt.key", "prompt.id"),
    PROMPT_VERSION: ("langfuse.observation.prompt.version", "traceloop.prompt.version", "llm.prompt_template.version"),
    REQUEST_SEED: ("gen_ai.openai.request.seed",),
    OPENAI_REQUEST_SERVICE_TIER: ("gen_ai.openai.request.service_tier",),
    OPENAI_RESPONSE_SERVICE_TIER: ("gen_ai.openai.response.service_tier",),
    OPENAI_RESPONSE_SYSTEM_FINGERPRINT: ("gen_ai.openai.response.system_fingerprint",),
    HTTP_RESPONSE_STATUS_CODE: ("http.status_code",),
}

PROVIDER_ALIASES: Final[dict[str, str]] = {
    "az.ai.inference": "azure.ai.inference",
    "az.ai.openai": "azure.ai.openai",
    "azure": "azure.ai.openai",
    "vertex_ai": "gcp.vertex_ai",
    "gemini": "gcp.gemini",
    "google": "gcp.gen_ai",
    "xai": "x_ai",
    "bedrock": "aws.bedrock",
    "AWS": "aws.bedrock",
    "aws": "aws.bedrock",
    "mistral": "mistral_ai",
    "mistralai": "mistral_ai",
    "OpenAI": "openai",
    "openai.chat": "openai",
    "openai.responses": "openai",
    "Anthropic": "anthropic",
    "anthropic.messages": "anthropic",
}

OPERATION_ALIASES: Final[dict[str, str]] = {"completion": "text_completion", "embedding": "embeddings"}

OPENINFERENCE_KINDS: Final[dict[str, str]] = {
    "LLM": "chat",
    "EMBEDDING": "embeddings",
    "RETRIEVER": "retrieval",
    "TOOL": "execute_tool",
    "AGENT": "invoke_agent",
}
"""`openinference.span.kind` to `gen_ai.operation.name`."""

FINISH_REASON_ALIASES: Final[dict[str, str]] = {
    "tool_calls": "tool_call",
    "function_call": "tool_call",
    "tool_use": "tool_call",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "refusal": "content_filter",
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
    foreign = {alias for names in ALIASES.values() for alias in names}
    extra = {
        "deployment.environment",
        "openinference.span.kind",
        "llm.cost.total_usd",
        "llm.request.type",
        "ai.response.msToFirstChunk",
        "gen_ai.prompt",
        "gen_ai.completion",
    }
    return tuple(sorted(canonical | foreign | extra))


KNOWN_KEYS: Final[tuple[str, ...]] = _known_keys()
"""Every attribute key that the collector looks at, sorted; core_ext numbers them by their place in this tuple."""
