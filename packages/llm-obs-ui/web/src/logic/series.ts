/** Rows of an aggregate with time buckets, laid out on the grid of a chart. */

import { big, type Int64 } from "./int64.ts";
import { bucketStarts, type TimeWindow } from "./window.ts";

export interface Bucketed {
  bucketNs: Int64 | null;
}

/** One value a bucket; buckets without a row get `empty` (0 for counts, null for what cannot be known). */
export function onGrid<Row extends Bucketed, Empty extends 0 | null>(
  rows: readonly Row[],
  window: TimeWindow,
  pick: (row: Row) => number | null,
  empty: Empty,
): (number | Empty)[] {
  const values: (number | Empty)[] = bucketStarts(window).map(() => empty);
  const step = BigInt(window.stepMs) * 1_000_000n;
  const origin = BigInt(window.startMs) * 1_000_000n;
  for (const row of rows) {
    if (row.bucketNs === null) continue;
    const place = Number((big(row.bucketNs) - origin) / step);
    if (place >= 0 && place < values.length) values[place] = pick(row) ?? empty;
  }
  return values;
}

/** Running sums from the bottom layer up: what each layer of a stack reaches to. */
export function stacked(layers: readonly (readonly number[])[]): number[][] {
  const tops: number[][] = [];
  for (const layer of layers) {
    const below = tops.at(-1);
    tops.push(layer.map((value, place) => value + (below?.[place] ?? 0)));
  }
  return tops;
}

export interface Group<Row> {
  name: string;
  rows: Row[];
}

/** The `most` groups with the largest totals, largest first; the rest together under `rest`. */
export function largest<Row>(
  rows: readonly Row[],
  name: (row: Row) => string,
  size: (row: Row) => number,
  most: number,
  rest: string,
): Group<Row>[] {
  const groups = new Map<string, { rows: Row[]; total: number }>();
  for (const row of rows) {
    const group = groups.get(name(row));
    if (group) {
      group.rows.push(row);
      group.total += size(row);
    } else groups.set(name(row), { rows: [row], total: size(row) });
  }
  const sorted = [...groups].sort(([a, x], [b, y]) => y.total - x.total || (a < b ? -1 : 1));
  const kept = sorted.slice(0, most).map(([key, group]) => ({ name: key, rows: group.rows }));
  const others = sorted.slice(most).flatMap(([, group]) => group.rows);
  return others.length ? [...kept, { name: rest, rows: others }] : kept;
}

/** Adds up rows that fall into one bucket, for `onGrid` of groups that hold several series. */
export function sumByBucket<Row extends Bucketed>(rows: readonly Row[], pick: (row: Row) => number) {
  const sums = new Map<Int64, number>();
  for (const row of rows) if (row.bucketNs !== null) sums.set(row.bucketNs, (sums.get(row.bucketNs) ?? 0) + pick(row));
  return [...sums].map(([bucketNs, value]) => ({ bucketNs, value }));
}
