/** A list that grows at its top while its end stays. */

/**
 * The list with `newest` in front, each id once, `newest`'s word counting. Null when they do not meet: something between
 * them would be missing.
 */
export function mergeNewest<T extends { id: string }>(list: readonly T[], newest: readonly T[]): T[] | null {
  if (!newest.length) return null;
  const known = new Set(list.map((one) => one.id));
  if (!newest.some((one) => known.has(one.id))) return null;
  const replaced = new Set(newest.map((one) => one.id));
  return [...newest, ...list.filter((one) => !replaced.has(one.id))];
}
