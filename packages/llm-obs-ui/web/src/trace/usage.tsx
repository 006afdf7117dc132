/** Tokens in their buckets and what they cost, with the price that was taken. */

import type { SpanDetails, Usage } from "../api/types.ts";
import { exact, exactMoney } from "../logic/format.ts";
import { num } from "../logic/int64.ts";

const BUCKETS: readonly [keyof Usage, string, string][] = [
  ["inputUncached", "input", "--s1"],
  ["cacheRead", "cache read", "--s2"],
  ["cacheWrite5m", "cache write, 5 min", "--s6"],
  ["cacheWrite1h", "cache write, 1 h", "--s6"],
  ["audioIn", "audio in", "--s5"],
  ["imageIn", "image in", "--s5"],
  ["outputText", "output", "--s3"],
  ["outputReasoning", "reasoning", "--s4"],
  ["audioOut", "audio out", "--s7"],
];

export function UsageView({ details, cost }: { details: SpanDetails; cost: string | null }) {
  const usage = details.usage;
  if (!usage && cost === null) return null;
  const used = usage ? BUCKETS.filter(([key]) => num(usage[key]) > 0) : [];
  const total = used.reduce((sum, [key]) => sum + num(usage![key]), 0);
  return (
    <section class="usage">
      {usage && (
        <>
          <div
            class="usage-bar"
            role="img"
            aria-label={`${exact(usage.inputTokens ?? 0)} tokens in, ${exact(usage.outputTokens ?? 0)} out`}
          >
            {used.map(([key, label, colour]) => (
              <span
                key={key}
                style={{ width: `${(num(usage[key]) / total) * 100}%`, background: `var(${colour})` }}
                title={`${label}: ${exact(usage[key] ?? 0)}`}
              />
            ))}
          </div>
          <dl class="usage-list">
            {used.map(([key, label, colour]) => (
              <div key={key}>
                <dt>
                  <span class="swatch" style={{ background: `var(${colour})` }} />
                  {label}
                </dt>
                <dd class="number">{exact(usage[key] ?? 0)}</dd>
              </div>
            ))}
          </dl>
        </>
      )}
      <p class="usage-cost">
        {cost === null ? (
          <>
            <b>No price is known</b> for this call.
          </>
        ) : (
          <>
            <b class="number">{exactMoney(cost)}</b>
            {details.priceId && (
              <>
                {" "}
                by price <code>{details.priceId}</code>
              </>
            )}
          </>
        )}
        {usage?.basis && usage.basis !== "reported" && <span class="badge">{usage.basis} usage</span>}
        {usage?.role && usage.role !== "leaf" && (
          <span class="badge" title="Only leaves are added up">
            {usage.role}: not added up
          </span>
        )}
      </p>
    </section>
  );
}
