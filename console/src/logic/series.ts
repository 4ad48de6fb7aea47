/** Samples as lines of a chart. */
import type { Sample } from '../api/types';

export type Measure = 'rows_per_second' | 'bytes_per_second' | 'latency_seconds' | 'latency_p50' | 'latency_p99';

/** A pause longer than this many seconds is a gap, not a line. */
export const GAP_SECONDS = 60;

export function seriesOf(samples: readonly Sample[], measure: Measure): [number, number | null][] {
  const points: [number, number | null][] = [];
  const spacing = spacingOf(samples);
  let before: number | null = null;
  for (const sample of samples) {
    const value = sample[measure];
    if (value === null || value === undefined) continue;
    if (before !== null && sample.at - before > Math.max(GAP_SECONDS, 3 * spacing)) points.push([1000 * (before + 1), null]);
    points.push([1000 * sample.at, value]);
    before = sample.at;
  }
  return points;
}

/** Seconds between two samples, as most are. */
function spacingOf(samples: readonly Sample[]): number {
  const first = samples[0];
  const second = samples[1];
  return first && second ? second.at - first.at : 10;
}
