/** Round places for the ruler of a waterfall. */

/** Steps of a clock, seconds, for where powers of ten are no longer round. */
const CLOCK = [10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 43_200, 86_400].map(
  (seconds) => seconds * 1e9,
);

/** Ticks from `from` to `to` (nanoseconds), `most` of them at most: at 1, 2 or 5 times a power of ten, then as clocks count. */
export function ticks(from: number, to: number, most: number): number[] {
  const span = to - from;
  if (!(span > 0) || most < 1) return [];
  const rough = span / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const steps = rough > 5e9 && rough <= CLOCK.at(-1)! ? CLOCK : [1, 2, 5, 10].map((factor) => factor * power);
  const step = steps.find((size) => size >= rough)!;
  const places: number[] = [];
  for (let n = Math.ceil(from / step); n * step <= to; n++) places.push(n * step);
  return places;
}
