/** A span as a line of the waterfall. */

import type { Span } from "../api/types.ts";
import { count, duration, exact, exactMoney, money } from "../logic/format.ts";
import { num } from "../logic/int64.ts";
import { KIND_COLOUR, KIND_LABEL, kindOf } from "../logic/kind.ts";
import type { TreeNode } from "../logic/tree.ts";
import { Icon } from "../parts/icons.tsx";
import { memo } from "../parts/memo.tsx";

interface Props {
  node: TreeNode<Span>;
  id: string;
  top: number;
  from: number;
  to: number;
  selected: boolean;
  collapsed: boolean;
  onSelect: (span: string) => void;
  onToggle: (span: string) => void;
}

/** Deeper levels are drawn no further in: the name must stay readable. */
const DEEPEST = 16;

export const SpanRow = memo(function SpanRow({
  node,
  id,
  top,
  from,
  to,
  selected,
  collapsed,
  onSelect,
  onToggle,
}: Props) {
  const { span } = node;
  const kind = kindOf(span);
  const branch = node.size > 1;
  const model = span.responseModel ?? span.requestModel;
  return (
    <div
      id={id}
      role="treeitem"
      class={`span-row${selected ? " selected" : ""}${node.error ? " failed" : ""}`}
      style={{ transform: `translateY(${top}px)` }}
      aria-level={node.level}
      aria-posinset={node.place}
      aria-setsize={node.siblings}
      aria-selected={selected}
      aria-expanded={branch ? !collapsed : undefined}
      onClick={() => onSelect(span.id)}
      onDblClick={() => branch && onToggle(span.id)}
    >
      <div class="span-name" style={{ paddingLeft: `${Math.min(node.level - 1, DEEPEST) * 14 + 4}px` }}>
        <span
          class={`twist${branch ? "" : " leaf"}${collapsed ? "" : " open"}`}
          onClick={(event) => {
            if (!branch) return;
            event.stopPropagation();
            onToggle(span.id);
          }}
        >
          {branch && <Icon name="chevron" />}
        </span>
        <span class="kind" style={{ background: `var(${KIND_COLOUR[kind]})` }} title={KIND_LABEL[kind]} />
        {node.error && (
          <span class="error-mark" title={span.errorType ?? "failed"}>
            <Icon name="error" />
          </span>
        )}
        <span class="name" title={span.name}>
          {span.name || "(no name)"}
        </span>
        <span class="visually-hidden">
          , {KIND_LABEL[kind]}
          {node.error && ", failed"},
        </span>
        {model && !span.name.includes(span.requestModel ?? model) && <span class="row-aside">{model}</span>}
        {collapsed && <span class="badge">{exact(node.size - 1)}</span>}
        {collapsed && node.errorsBelow > 0 && <span class="badge bad">{exact(node.errorsBelow)} failed below</span>}
        {node.orphan && (
          <span class="badge" title="The span that this one names as its parent was not received">
            no parent
          </span>
        )}
        {node.shiftNs > 0 && (
          <span class="badge" title={`Its clock was behind its parent's: drawn ${duration(node.shiftNs)} later`}>
            clock
          </span>
        )}
      </div>
      <div class="span-took number">{duration(node.durationNs)}</div>
      <div class="span-tokens number" title={tokensTitle(span)}>
        {span.usage && (
          <span class={span.usage.role === "leaf" || span.usage.role === null ? "" : "not-added"}>
            {count(span.usage.inputTokens ?? 0)} → {count(span.usage.outputTokens ?? 0)}
          </span>
        )}
      </div>
      <div class="span-cost number" title={span.costNanoUsd === null ? undefined : exactMoney(span.costNanoUsd)}>
        {span.costNanoUsd !== null && money(span.costNanoUsd)}
      </div>
      <div class="span-time">
        <Bar node={node} from={from} to={to} colour={KIND_COLOUR[kind]} />
      </div>
    </div>
  );
});

function tokensTitle(span: Span): string | undefined {
  if (!span.usage) return undefined;
  const said = `${exact(span.usage.inputTokens ?? "0")} in, ${exact(span.usage.outputTokens ?? "0")} out`;
  return span.usage.role === null || span.usage.role === "leaf" ? said : `${said} (${span.usage.role}: not added up)`;
}

/** When it ran. What a stream waited for its first token is drawn lighter, up to a mark. */
function Bar({ node, from, to, colour }: { node: TreeNode<Span>; from: number; to: number; colour: string }) {
  const width = to - from || 1;
  const left = ((node.startNs - from) / width) * 100;
  const right = ((node.startNs + node.durationNs - from) / width) * 100;
  if (right < 0 || left > 100) return <span class={`beyond ${left > 100 ? "after" : "before"}`} />;
  const shownLeft = Math.max(0, left);
  const shownRight = Math.min(100, right);
  const ttft = node.span.ttftNs === null ? null : num(node.span.ttftNs);
  const waited = ttft !== null && node.durationNs > 0 ? Math.min(1, ttft / node.durationNs) : 0;
  return (
    <>
      <span
        class="span-bar"
        style={{ left: `${shownLeft}%`, width: `max(2px, ${shownRight - shownLeft}%)`, background: `var(${colour})` }}
        title={ttft === null ? undefined : `first token after ${duration(ttft)}`}
      />
      {waited > 0 && <span class="span-wait" style={{ left: `${left}%`, width: `${(right - left) * waited}%` }} />}
    </>
  );
}
