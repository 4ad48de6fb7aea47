/** A project's settings as a form has them, and what of them has changed. */
import type { ProjectSettings, SettingsChange } from '../api/types';
import { linesOf } from './objects';

export interface SettingsForm {
  name: string;
  labels: string[];
  importance: string;
  load_streams: number;
  load_rows_per_second: number;
  load_bytes_per_second: number;
  apply_lanes: number;
  apply_rows_per_second: number;
  apply_bytes_per_second: number;
  verify_streams: number;
  objects: string;
  exclude: string;
  rename: string;
  where: string;
}

const RENAMED = ' -> ';
const FILTERED = ': ';

export function formOf(settings: ProjectSettings): SettingsForm {
  return {
    ...settings,
    objects: settings.objects.join('\n'),
    exclude: settings.exclude.join('\n'),
    rename: linesOfPairs(settings.rename, RENAMED),
    where: linesOfPairs(settings.where, FILTERED),
  };
}

/** Only what differs, with the mark of the settings it was made from. */
export function changesOf(settings: ProjectSettings, form: SettingsForm): SettingsChange {
  const wanted: Record<string, unknown> = {
    ...form,
    name: form.name.trim(),
    objects: linesOf(form.objects),
    exclude: linesOf(form.exclude),
    rename: pairsOf(form.rename, RENAMED),
    where: pairsOf(form.where, FILTERED),
  };
  const known = settings as unknown as Record<string, unknown>;
  const names = ['name', 'labels', 'importance', ...Object.keys(form).filter((name) => name.includes('_') && !FIXED.has(name))];
  if (settings.objects_may_change) names.push('objects', 'exclude', 'rename', 'where');
  const changed = names.filter((name) => JSON.stringify(wanted[name]) !== JSON.stringify(known[name]));
  return { mark: settings.mark, ...Object.fromEntries(changed.map((name) => [name, wanted[name]])) };
}

const FIXED = new Set(['objects_may_change', 'stop_when']);

/** Fields of pairs of which a line cannot be read. */
export function wrongLines(form: SettingsForm): string[] {
  const checked = [
    ['rename', RENAMED],
    ['where', FILTERED],
  ] as const;
  return checked.filter(([name, mark]) => linesOf(form[name]).some((line) => cutOf(line, mark) === null)).map(([name]) => name);
}

function linesOfPairs(pairs: Record<string, string>, mark: string): string {
  return Object.entries(pairs)
    .map(([from, to]) => `${from}${mark}${to}`)
    .join('\n');
}

function pairsOf(text: string, mark: string): Record<string, string> {
  return Object.fromEntries(linesOf(text).map((line) => cutOf(line, mark)).filter((pair): pair is [string, string] => pair !== null));
}

function cutOf(line: string, mark: string): [string, string] | null {
  const place = line.indexOf(mark.trim());
  const from = line.slice(0, place).trim();
  const to = line.slice(place + mark.trim().length).trim();
  return place > 0 && from && to ? [from, to] : null;
}
