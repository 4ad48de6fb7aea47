/** Numbers, sizes and times for people. */

interface Formats {
  number: Intl.NumberFormat;
  moment: Intl.DateTimeFormat;
}

const made = new Map<string, Formats>();

/** Made once a language: making one takes longer than a hundred uses, and tables scroll. */
function formatsOf(language: string): Formats {
  let formats = made.get(language);
  if (!formats) {
    const place = language === 'zh' ? 'zh-CN' : 'en-GB';
    const two = '2-digit';
    const moment = new Intl.DateTimeFormat(place, { year: 'numeric', month: two, day: two, hour: two, minute: two, second: two });
    made.set(language, (formats = { number: new Intl.NumberFormat(place), moment }));
  }
  return formats;
}

export function count(value: number | null | undefined, language = 'en'): string {
  if (value === null || value === undefined) return '–';
  return formatsOf(language).number.format(Math.round(value));
}

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];

export function bytes(value: number | null | undefined): string {
  if (value === null || value === undefined) return '–';
  let left = value;
  let unit = 0;
  while (left >= 1000 && unit < UNITS.length - 1) {
    left /= 1000;
    unit += 1;
  }
  return `${unit === 0 || left >= 100 ? Math.round(left) : left.toFixed(1)} ${UNITS[unit]}`;
}

export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return '–';
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

export function moment(text: string | null | undefined, language = 'en'): string {
  if (!text) return '–';
  const at = new Date(text);
  if (Number.isNaN(at.getTime())) return '–';
  return formatsOf(language).moment.format(at);
}

/** Seconds until a table is done at this rate; `null` when that cannot be said. */
export function remaining(done: number, total: number, perSecond: number): number | null {
  if (total <= done || perSecond <= 0) return null;
  return (total - done) / perSecond;
}

/** Percent done, never 100 before it is over, never more. */
export function percent(done: number, total: number, over: boolean): number {
  if (over) return 100;
  if (total <= 0) return 0;
  return Math.max(0, Math.min(99, Math.floor((100 * done) / total)));
}
