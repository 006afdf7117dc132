/** What the bars of a list are measured against. */

/**
 * The full width of a bar: a little more than nine of ten values need, and no more than the largest. A single one that
 * took an hour leaves the others to be told apart.
 */
export function barScale(values: readonly number[]): number {
  if (!values.length) return 0;
  const sorted = [...values].sort((a, b) => a - b);
  const most = sorted.at(-1)!;
  const usual = sorted[Math.ceil(sorted.length * 0.9) - 1]!;
  return most > usual * 3 ? usual * 1.1 : most;
}
