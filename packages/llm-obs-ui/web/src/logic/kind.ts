/** What a span is to somebody who looks at an application of language models. */

export type Kind = "model" | "embedding" | "tool" | "retrieval" | "agent" | "other";

const KIND_OF_OPERATION: Record<string, Kind> = {
  chat: "model",
  text_completion: "model",
  generate_content: "model",
  fetch_response: "model",
  embeddings: "embedding",
  execute_tool: "tool",
  retrieval: "retrieval",
  search_memory: "retrieval",
  invoke_agent: "agent",
  create_agent: "agent",
  invoke_workflow: "agent",
  plan: "agent",
};

interface Spanlike {
  operation: string | null;
  usage: { role: string | null } | null;
}

export function kindOf(span: Spanlike): Kind {
  if (span.operation !== null) return KIND_OF_OPERATION[span.operation] ?? "other";
  return span.usage?.role === "leaf" ? "model" : "other";
}

export const KIND_LABEL: Record<Kind, string> = {
  model: "model call",
  embedding: "embedding",
  tool: "tool",
  retrieval: "retrieval",
  agent: "agent",
  other: "span",
};

export const KIND_COLOUR: Record<Kind, string> = {
  model: "--s1",
  embedding: "--s4",
  tool: "--s2",
  retrieval: "--s6",
  agent: "--s3",
  other: "--s8",
};

/**
 * The spans that a transcript is made of, by start: calls of models and tools. Agents repeat what their calls say, so
 * they count only where nothing else does.
 */
export function steps<S extends Spanlike>(spans: readonly S[]): S[] {
  const calls = spans.filter((span) => ["model", "tool", "retrieval"].includes(kindOf(span)));
  if (calls.some((span) => kindOf(span) === "model")) return calls;
  const named = spans.filter((span) => span.operation !== null);
  return named.length ? named : [...spans];
}
