/** Puts together what a project's stream sends: its head, tables that changed, events that are new. */
import type { Project, ProjectEvent, TableOfStep } from '../api/types';

export interface Live {
  project: Project | null;
  tables: ReadonlyMap<string, TableOfStep>;
  /** Newest first. */
  events: readonly ProjectEvent[];
}

export interface News {
  name: string;
  document: unknown;
}

export const EMPTY_LIVE: Live = { project: null, tables: new Map(), events: [] };
export const EVENTS_SHOWN = 5000;

export function merged(live: Live, news: News): Live {
  switch (news.name) {
    case 'project':
      return { ...live, project: news.document as Project };
    case 'tables': {
      const tables = new Map(live.tables);
      for (const table of news.document as TableOfStep[]) tables.set(`${table.step}\u0000${table.table}`, table);
      return { ...live, tables };
    }
    case 'events':
      return { ...live, events: withNew(live.events, news.document as ProjectEvent[]) };
    default:
      return live;
  }
}

/** A stream that was broken off begins anew: what is known already is not shown twice. */
function withNew(before: readonly ProjectEvent[], news: ProjectEvent[]): readonly ProjectEvent[] {
  const last = before[0]?.id ?? 0;
  const fresh = news.filter((event) => event.id > last).reverse();
  return [...fresh, ...before].slice(0, EVENTS_SHOWN);
}

export interface TableLine {
  table: string;
  state: string;
  rows: number;
  total: number;
  bytes: number;
  mismatches: number | null;
  message: string;
}

const WEIGHT: Record<string, number> = { failed: 3, running: 2, waiting: 1, done: 0 };

const OF_ROWS = new Set(['load', 'verify']);

/** Keys, views and databases are made beside tables: where rows move, only what holds rows is shown, and what failed. */
function withRows(tables: readonly TableOfStep[]): readonly TableOfStep[] {
  const names = new Set(tables.filter((each) => OF_ROWS.has(each.step)).map((each) => each.table));
  return names.size === 0 ? tables : tables.filter((each) => names.has(each.table) || each.state === 'failed');
}

/** One line a table: how far its load is, and what verification found. */
export function linesOfTables(tables: readonly TableOfStep[]): TableLine[] {
  const lines = new Map<string, TableLine>();
  for (const each of withRows(tables)) {
    const before = lines.get(each.table);
    const line = before ?? { table: each.table, state: 'done', rows: 0, total: 0, bytes: 0, mismatches: null, message: '' };
    lines.set(each.table, line);
    if ((WEIGHT[each.state] ?? 0) > (WEIGHT[line.state] ?? 0)) line.state = each.state;
    if (each.message) line.message = each.message;
    if (each.step === 'verify') line.mismatches = each.mismatches;
    if (each.step === 'load' || (each.step === 'verify' && line.total === 0)) {
      line.rows = each.rows;
      line.total = Math.max(each.rows_total, each.rows);
      line.bytes = each.bytes;
    }
  }
  return [...lines.values()];
}
