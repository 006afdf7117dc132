/** What the overview asks, and how the answers become figures, layers and rows. */

import { ApiError, ask } from "../api/client.ts";
import { COSTS, GROUPS, SERIES, type GroupsAnswer, type SeriesAnswer } from "../api/documents.ts";
import type { AggregateRow } from "../api/types.ts";
import { measureFilter, type Filters } from "../logic/filters.ts";
import { nanos } from "../logic/int64.ts";
import { largest, onGrid, sumByBucket } from "../logic/series.ts";
import { windowBefore, type TimeWindow } from "../logic/window.ts";
import type { Layer } from "../parts/plot.ts";

/** Rows, or why there are none. */
export type Part = { rows: AggregateRow[]; error?: undefined } | { rows?: undefined; error: ApiError };

export interface OverviewAnswer {
  window: TimeWindow;
  series: SeriesAnswer;
  costs: Part;
  models: Part;
  users: Part;
  applications: Part;
  errors: Part;
}

/** Everything at once. Without the series there is no overview; what else fails is told in its own place. */
export async function loadOverview(window: TimeWindow, filters: Filters, signal: AbortSignal): Promise<OverviewAnswer> {
  const shared = { start: nanos(window.startMs), end: nanos(window.endMs), filter: measureFilter(filters) };
  const step = nanos(window.stepMs);
  const part = async (query: string, variables: Record<string, unknown>): Promise<Part> => {
    try {
      return { rows: (await ask<GroupsAnswer>(query, { ...shared, ...variables }, { signal })).groups.rows };
    } catch (error) {
      if (error instanceof ApiError) return { error };
      throw error;
    }
  };
  const [series, costs, models, users, applications, errors] = await Promise.all([
    ask<SeriesAnswer>(SERIES, { ...shared, step, before: nanos(windowBefore(window).startMs) }, { signal }),
    part(COSTS, { step }),
    part(GROUPS, { by: ["PROVIDER", "MODEL"] }),
    part(GROUPS, { by: ["USER_ID"] }),
    part(GROUPS, { by: ["APPLICATION"] }),
    part(GROUPS, { by: ["ERROR_TYPE"] }),
  ]);
  return { window, series, costs, models, users, applications, errors };
}

/** The only row of a sum over everything; undefined when no call was made. */
export function total(rows: readonly AggregateRow[]): AggregateRow | undefined {
  return rows.find((row) => Number(row.requests) > 0);
}

type Pick = (row: AggregateRow) => number | null;

export function countLayers(
  rows: readonly AggregateRow[],
  window: TimeWindow,
  layers: readonly [string, string, Pick][],
): Layer[] {
  return layers.map(([label, colour, pick]) => ({ label, colour, values: onGrid(rows, window, pick, 0) }));
}

export function lineLayers(
  rows: readonly AggregateRow[],
  window: TimeWindow,
  layers: readonly [string, string, Pick][],
): Layer[] {
  return layers.map(([label, colour, pick]) => ({ label, colour, values: onGrid(rows, window, pick, null) }));
}

/** Tokens in disjoint buckets; those that nobody used are left out. */
const TOKENS: readonly [string, string, Pick][] = [
  ["input", "--s1", (row) => Number(row.inputUncached)],
  ["cache read", "--s2", (row) => Number(row.cacheRead)],
  ["cache write", "--s6", (row) => Number(row.cacheWrite5m) + Number(row.cacheWrite1h)],
  ["audio, image in", "--s5", (row) => Number(row.audioIn) + Number(row.imageIn)],
  ["output", "--s3", (row) => Number(row.outputText)],
  ["reasoning", "--s4", (row) => Number(row.outputReasoning)],
  ["audio out", "--s7", (row) => Number(row.audioOut)],
];

export function tokenLayers(rows: readonly AggregateRow[], window: TimeWindow): Layer[] {
  const layers = countLayers(rows, window, TOKENS);
  const used = layers.filter((layer) => layer.values.some((value) => value));
  return used.length ? used : [layers[0]!, layers[4]!];
}

/** Series colours of the models, the dearest first; the table beside the chart uses the same. */
export const MODEL_COLOURS = ["--s1", "--s3", "--s2", "--s4", "--s5", "--s7"] as const;
const OTHERS = "others";

export function modelLayers(rows: readonly AggregateRow[], window: TimeWindow): Layer[] {
  const cost = (row: AggregateRow) => Number(row.costNanoUsd);
  const groups = largest(rows, (row) => keyText(row.keys["model"]), cost, MODEL_COLOURS.length, OTHERS);
  const priced = groups.filter((group) => group.rows.some((row) => cost(row) > 0));
  return priced.map((group, at) => ({
    label: group.name,
    colour: group.name === OTHERS ? "--s8" : MODEL_COLOURS[at]!,
    values: onGrid(sumByBucket(group.rows, cost), window, (row) => row.value, 0),
  }));
}

export function keyText(value: string | number | boolean | null | undefined): string {
  return value === null || value === undefined || value === "" ? "(none)" : String(value);
}
