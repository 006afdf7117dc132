/** Who and what it was: a row a model, user, application, error. A row's name filters the page by it. */

import { useState } from "preact/hooks";
import type { AggregateRow } from "../api/types.ts";
import { withFilter } from "../logic/filters.ts";
import { exact } from "../logic/format.ts";
import { num } from "../logic/int64.ts";
import { address } from "../logic/place.ts";
import { COST, ERRORS, FAILED, P50, P95, REQUESTS, SPEED, TOKENS, TTFT, type Column } from "./columns.ts";
import { keyText, type OverviewAnswer, type Part } from "./data.ts";

const PEOPLE = [REQUESTS, ERRORS, P95, COST];

export function Tables({
  answer,
  params,
  swatches,
}: {
  answer: OverviewAnswer;
  params: URLSearchParams;
  swatches: ReadonlyMap<string, string>;
}) {
  const failed = answer.errors.rows ? { rows: answer.errors.rows.filter((row) => num(row.errors) > 0) } : answer.errors;
  return (
    <div class="tables">
      <Breakdown
        title="Models"
        word="model"
        field="model"
        part={answer.models}
        columns={[REQUESTS, ERRORS, P50, P95, TTFT, SPEED, TOKENS, COST]}
        bar={COST}
        params={params}
        swatches={swatches}
      />
      <Breakdown
        title="Errors"
        word="error_type"
        field="errorType"
        part={failed}
        columns={[FAILED]}
        bar={FAILED}
        params={params}
        none="Nothing failed in this time."
      />
      <Breakdown
        title="Users"
        word="user"
        field="userId"
        part={answer.users}
        columns={PEOPLE}
        bar={COST}
        params={params}
      />
      <Breakdown
        title="Applications"
        word="application"
        field="application"
        part={answer.applications}
        columns={PEOPLE}
        bar={COST}
        params={params}
      />
    </div>
  );
}

interface Props {
  title: string;
  word: string;
  field: string;
  part: Part;
  columns: readonly Column[];
  /** The column that rows are first sorted by, drawn as a bar. */
  bar: Column;
  params: URLSearchParams;
  swatches?: ReadonlyMap<string, string> | undefined;
  none?: string;
}

const FEW = 8;

function Breakdown({
  title,
  word,
  field,
  part,
  columns,
  bar,
  params,
  swatches,
  none = "No calls in this time.",
}: Props) {
  const [by, setBy] = useState(bar);
  const [all, setAll] = useState(false);
  const rows = part.rows ?? [];
  const sorted = [...rows].sort((a, b) => by.value(b) - by.value(a) || REQUESTS.value(b) - REQUESTS.value(a));
  const shown = all ? sorted : sorted.slice(0, FEW);
  const most = Math.max(...rows.map(by.value), 0);
  return (
    <section class={`card breakdown breakdown-${word}`} aria-labelledby={`by-${word}`}>
      <h2 id={`by-${word}`}>{title}</h2>
      {part.error ? (
        <p class="table-empty said">{part.error.message}</p>
      ) : !rows.length ? (
        <p class="table-empty">{none}</p>
      ) : (
        <table>
          <thead>
            <tr>
              <th scope="col">
                <span class="visually-hidden">Name</span>
              </th>
              {columns.map((column) => (
                <th
                  key={column.head}
                  scope="col"
                  class={`number ${column.room ?? ""}`}
                  aria-sort={column === by ? "descending" : undefined}
                >
                  <button type="button" onClick={() => setBy(column)}>
                    {column.head}
                  </button>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.map((row) => (
              <Line
                key={JSON.stringify(row.keys)}
                row={row}
                {...{ word, field, columns, params, swatches }}
                share={most ? by.value(row) / most : 0}
              />
            ))}
          </tbody>
        </table>
      )}
      {sorted.length > FEW && (
        <button type="button" class="button quiet small more" onClick={() => setAll(!all)}>
          {all ? `Only the first ${FEW}` : `All ${exact(sorted.length)}`}
        </button>
      )}
    </section>
  );
}

interface LineProps extends Pick<Props, "word" | "field" | "columns" | "params" | "swatches"> {
  row: AggregateRow;
  share: number;
}

function Line({ row, word, field, columns, params, swatches, share }: LineProps) {
  const key = row.keys[field];
  const name = keyText(key);
  const provider = row.keys["provider"];
  const text = key === null || key === undefined ? "" : String(key);
  const colour = swatches?.get(name);
  return (
    <tr>
      <th scope="row">
        <span class="share" style={{ width: `${share * 100}%` }} aria-hidden="true" />
        <a class="row-name" href={address("/", withFilter(params, word, text))} title={`Filter by ${word}: ${name}`}>
          {colour && <span class="swatch" style={{ background: `var(${colour})` }} />}
          <span class={key == null ? "row-text none" : "row-text"}>{name}</span>
          {provider != null && <span class="row-aside">{String(provider)}</span>}
        </a>
      </th>
      {columns.map((column) => (
        <td
          key={column.head}
          class={`number ${column.room ?? ""}`}
          title={column.title?.(row)}
          data-alarm={column === ERRORS && row.errorRate > 0 ? "" : undefined}
        >
          {column.show(row)}
        </td>
      ))}
    </tr>
  );
}
