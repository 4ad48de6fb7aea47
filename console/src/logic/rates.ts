/** Rows a second of each table, from what its progress was some seconds ago. */
import { useRef } from 'react';
import type { TableLine } from './live';

const KEPT_MS = 8000;

interface Seen {
  at: number;
  rows: number;
}

export class RateKeeper {
  private readonly seen = new Map<string, Seen[]>();

  /** Note how far each table is now, and return the rates over the last seconds. */
  of(lines: readonly TableLine[], now: number): Map<string, number> {
    const rates = new Map<string, number>();
    for (const line of lines) {
      if (line.state !== 'running') {
        this.seen.delete(line.table);
        continue;
      }
      const samples = this.seen.get(line.table) ?? [];
      this.seen.set(line.table, samples);
      if (samples.at(-1)?.rows !== line.rows) samples.push({ at: now, rows: line.rows });
      while (samples.length > 2 && now - samples[1]!.at > KEPT_MS) samples.shift();
      const first = samples[0]!;
      const seconds = (now - first.at) / 1000;
      rates.set(line.table, seconds > 0 ? Math.max(0, line.rows - first.rows) / seconds : 0);
    }
    return rates;
  }
}

export function useRates(lines: readonly TableLine[]): Map<string, number> {
  const keeper = useRef<RateKeeper | null>(null);
  keeper.current ??= new RateKeeper();
  return keeper.current.of(lines, Date.now());
}
