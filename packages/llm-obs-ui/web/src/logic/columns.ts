/** From lists to rows: spans as the waterfall needs them. */

import type { Span, SpanColumns } from "../api/types.ts";

export function spansOf(columns: SpanColumns): Span[] {
  return columns.id.map((id, at) => {
    const inputTokens = columns.inputTokens[at]!;
    const outputTokens = columns.outputTokens[at]!;
    const used = inputTokens !== null || outputTokens !== null;
    return {
      id,
      parentId: columns.parentId[at]!,
      name: columns.name[at]!,
      startNs: columns.startNs[at]!,
      durationNs: columns.durationNs[at]!,
      status: columns.status[at]!,
      errorType: columns.errorType[at]!,
      operation: columns.operation[at]!,
      requestModel: columns.requestModel[at]!,
      responseModel: columns.responseModel[at]!,
      ttftNs: columns.ttftNs[at]!,
      costNanoUsd: columns.costNanoUsd[at]!,
      usage: used ? { inputTokens, outputTokens, role: columns.usageRole[at]! } : null,
    };
  });
}
