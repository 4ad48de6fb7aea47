/** Where the seconds between source and target are lost. */

/** Shares of the time that stages took, the largest first; `other` is what no stage took. */
export function sharesOf(stages: unknown): [string, number][] {
  const spent = (stages ?? {}) as Record<string, number>;
  const all = spent['all'] ?? 0;
  if (all <= 0) return [];
  const named = Object.entries(spent).filter(([name, seconds]) => name !== 'all' && seconds > 0);
  const other = all - named.reduce((sum, [, seconds]) => sum + seconds, 0);
  const found = named.map(([name, seconds]): [string, number] => [name, seconds / all]).sort((one, next) => next[1] - one[1]);
  return other > 0.01 * all ? [...found, ['other', other / all]] : found;
}
