/** Instants as people read them, in the zone of the browser. */

const DAY = 86_400_000;
const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

function two(value: number): string {
  return String(value).padStart(2, "0");
}

/** `14:05` */
export function hourMinute(ms: number): string {
  const at = new Date(ms);
  return `${two(at.getHours())}:${two(at.getMinutes())}`;
}

/** `24 Nov` */
export function day(ms: number): string {
  const at = new Date(ms);
  return `${at.getDate()} ${months[at.getMonth()]}`;
}

/** `14:05:07.123`, with the day in front when it is not that of `now`, and with the year when that is another. */
export function clock(ms: number, now: number): string {
  const at = new Date(ms);
  const year = new Date(now).getFullYear() === at.getFullYear() ? "" : ` ${at.getFullYear()}`;
  const time = `${hourMinute(ms)}:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, "0")}`;
  return new Date(now).toDateString() === at.toDateString() ? time : `${day(ms)}${year} ${time}`;
}

/** `2026-11-24 14:05:07.123 UTC+01:00`, for titles and copies. */
export function full(ms: number): string {
  const at = new Date(ms);
  const offset = -at.getTimezoneOffset();
  const zone =
    offset === 0
      ? ""
      : `${offset < 0 ? "-" : "+"}${two(Math.floor(Math.abs(offset) / 60))}:${two(Math.abs(offset) % 60)}`;
  const date = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${date} ${hourMinute(ms)}:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, "0")} UTC${zone}`;
}

/** `2026-11-24T14:05`, as a field for a day and an hour takes it. */
export function localInput(ms: number): string {
  const at = new Date(ms);
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}T${hourMinute(ms)}`;
}

/** `now`, `12 s ago`, `3 min ago`, `5 h ago`, `2 d ago`. */
export function ago(ms: number, now: number): string {
  const past = now - ms;
  if (past < 1000) return "now";
  if (past < 60_000) return `${Math.floor(past / 1000)} s ago`;
  if (past < 3_600_000) return `${Math.floor(past / 60_000)} min ago`;
  if (past < DAY) return `${Math.floor(past / 3_600_000)} h ago`;
  return `${Math.floor(past / DAY)} d ago`;
}

/** Labels of a time axis: hours and minutes, the day where it begins or when ticks are days apart. */
export function axisLabels(ticksMs: readonly number[]): string[] {
  const step = ticksMs.length > 1 ? ticksMs[1]! - ticksMs[0]! : 0;
  return ticksMs.map((ms) => (step >= DAY || hourMinute(ms) === "00:00" ? day(ms) : hourMinute(ms)));
}

/** `14:05–14:10` of a bucket, with its day when `withDay`. */
export function span(startMs: number, endMs: number, withDay: boolean): string {
  if (endMs - startMs >= DAY) return `${day(startMs)}–${day(endMs)}`;
  const text = `${hourMinute(startMs)}–${hourMinute(endMs)}`;
  return withDay ? `${day(startMs)} ${text}` : text;
}
