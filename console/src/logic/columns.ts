/** Rules for the columns of a table, as people fill them in and as the API takes them. */
import type { ColumnRules } from '../api/types';
import { linesOf, partsOf } from './objects';

export interface ColumnFields {
  keep: string[];
  leaveOut: string[];
  /** Lines of `column: mask(2,2)`. */
  transforms: string;
  /** Lines of `column: text`. */
  add: string;
}

export const NO_COLUMN_RULES: ColumnFields = { keep: [], leaveOut: [], transforms: '', add: '' };

/** Read lines of `name: value`; `null` where a line is none. */
export function pairsIn(text: string): Record<string, string> | null {
  const found: Record<string, string> = {};
  for (const line of linesOf(text)) {
    const cut = line.indexOf(':');
    if (cut < 1 || !line.slice(cut + 1).trim()) return null;
    found[line.slice(0, cut).trim()] = line.slice(cut + 1).trim();
  }
  return found;
}

export function rulesOf(fields: ColumnFields): ColumnRules {
  return { keep: fields.keep, leave_out: fields.leaveOut, transforms: pairsIn(fields.transforms) ?? {}, add: pairsIn(fields.add) ?? {} };
}

export function isEmpty(fields: ColumnFields | undefined): boolean {
  return !fields || (fields.keep.length + fields.leaveOut.length === 0 && !fields.transforms.trim() && !fields.add.trim());
}

/** The rules of tables that are chosen, by `database.table`. */
export function columnRulesOf(fields: Record<string, ColumnFields>, checked: string[]): Record<string, ColumnRules> {
  const chosen = new Set(checked);
  const found: Record<string, ColumnRules> = {};
  for (const [key, each] of Object.entries(fields)) {
    const { database, table } = partsOf(key);
    if (table !== null && chosen.has(key) && !isEmpty(each)) found[`${database}.${table}`] = rulesOf(each);
  }
  return found;
}
