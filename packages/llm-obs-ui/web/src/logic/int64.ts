/** 64-bit integers as the API gives them: decimal strings (nanoseconds, nano-dollars, counts). */

export type Int64 = string;

export function big(value: Int64 | number | null | undefined): bigint {
  if (value === null || value === undefined) return 0n;
  return BigInt(value);
}

/** The nearest double: right for drawing, and exact up to 2^53 (104 days of nanoseconds, $9 million of nano-dollars). */
export function num(value: Int64 | number | null | undefined): number {
  return value === null || value === undefined ? 0 : Number(value);
}

/** `value` - `origin`, nanoseconds. The subtraction is exact, so instants of one trace keep every digit. */
export function offsetNs(value: Int64, origin: bigint): number {
  return Number(BigInt(value) - origin);
}

/** Unix milliseconds of an instant in nanoseconds. */
export function millis(value: Int64): number {
  return Number(BigInt(value) / 1_000_000n);
}

/** Nanoseconds of Unix milliseconds, for variables of a query. */
export function nanos(ms: number): Int64 {
  return (BigInt(Math.round(ms)) * 1_000_000n).toString();
}
