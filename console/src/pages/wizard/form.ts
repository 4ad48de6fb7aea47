/** What the wizard has gathered; kept over a reload, never with a password. */
import type { NewProject, ObjectList, Publish } from '../../api/types';
import { columnRulesOf, type ColumnFields } from '../../logic/columns';
import { filtersOf, linesOf, namesOf, patternsOf } from '../../logic/objects';

export type Kind = 'schema' | 'full' | 'incremental' | 'verify' | 'reverse';
export type Mode = 'tree' | 'rules' | 'list' | 'everything';

export interface WizardForm {
  name: string;
  source: string;
  target: string;
  /** The target takes messages: a synchronization. */
  sync: boolean;
  types: Kind[];
  mode: Mode;
  checked: string[];
  renamed: Record<string, string>;
  where: Record<string, string>;
  /** Rules for columns, by the keys of the tree. */
  columns: Record<string, ColumnFields>;
  /** Keys the hashes of columns; not kept over a reload. */
  hashKey: string;
  /** A list that was read from a CSV. */
  list: ObjectList | null;
  objects: string;
  exclude: string;
  streams: number;
  notEmpty: boolean;
  stopWhen: 'never' | 'caught-up';
  importance: 'HIGH' | 'MEDIUM' | 'LOW' | 'IGNORE';
  accepted: string[];
  publish: Publish;
  /** Sharding columns, a line each: `database.table: column, column`. */
  shards: string;
  conflicts: ConflictPolicy;
  atomic: boolean;
  twoWay: boolean;
  /** So long applied log is kept. */
  logHours: number;
  /** GiB of it at most. */
  logGibibytes: number;
  /** `database.table.column:misfit` → what becomes of such values. */
  onValue: Record<string, string>;
}

export type ConflictPolicy = NonNullable<NewProject['conflicts']>;
export const CONFLICTS: ConflictPolicy[] = ['stop', 'overwrite', 'skip-to-dead-letters'];

export const USUAL: Kind[] = ['schema', 'full', 'incremental', 'verify'];
const BETWEEN_DATABASES = new Set<Kind>(['verify', 'reverse']);

/** Messages cannot be compared row by row, nor flow back; without changes that follow there is nothing to turn round. */
export function kindsOf(form: Pick<WizardForm, 'sync' | 'types'>): Kind[] {
  const all: Kind[] = form.types.includes('incremental') ? [...USUAL, 'reverse'] : USUAL;
  return all.filter((kind) => !form.sync || !BETWEEN_DATABASES.has(kind));
}

/** What has no way back, of what was entered; the service refuses a project that asks for both. */
export function hinderReverse(form: WizardForm): boolean {
  const asked = requestOf(form);
  if (!asked.types?.includes('reverse')) return false;
  const rules = [asked.where, asked.columns].some((each) => Object.keys(each ?? {}).length > 0);
  return rules || form.stopWhen !== 'never' || (asked.on_value ?? []).some((each) => !each.endsWith('=fail'));
}

export const EMPTY_PUBLISH: Publish = {
  format: 'DEFAULT',
  with_schema: false,
  rule: 'HASH',
  partition: 0,
  topic: '{database}.{table}',
  partitions: 3,
  replication: 1,
  exactly_once: true,
  heartbeat_seconds: 0,
  transactions: false,
  key_columns: {},
  business: '',
  producer_group: 'OMS',
  tags: '',
  message_trace: false,
};

export const EMPTY_FORM: WizardForm = {
  name: '',
  source: '',
  target: '',
  sync: false,
  types: [...USUAL],
  mode: 'tree',
  checked: [],
  renamed: {},
  where: {},
  columns: {},
  hashKey: '',
  list: null,
  objects: '',
  exclude: '',
  streams: 0,
  notEmpty: false,
  stopWhen: 'never',
  importance: 'MEDIUM',
  accepted: [],
  publish: EMPTY_PUBLISH,
  shards: '',
  conflicts: 'stop',
  atomic: false,
  twoWay: false,
  logHours: 168,
  logGibibytes: 50,
  onValue: {},
};

const KEY = 'ferryman.wizard';

export function keptForm(): WizardForm {
  try {
    return { ...EMPTY_FORM, ...(JSON.parse(sessionStorage.getItem(KEY) ?? '{}') as Partial<WizardForm>) };
  } catch {
    return EMPTY_FORM;
  }
}

export function keepForm(form: WizardForm | null): void {
  if (form) sessionStorage.setItem(KEY, JSON.stringify({ ...form, hashKey: '' }));
  else sessionStorage.removeItem(KEY);
}

/** What the API takes. */
export function requestOf(form: WizardForm): NewProject {
  return {
    name: form.name.trim(),
    source: form.source,
    target: form.target,
    ...objectsOf(form),
    exclude: form.mode === 'rules' ? linesOf(form.exclude) : [],
    types: typesOf(form),
    stop_when: form.stopWhen,
    streams: form.streams,
    allow_not_empty: form.notEmpty,
    skip_prechecks: form.accepted,
    importance: form.importance,
    on_value: Object.entries(form.onValue).map(([policy, action]) => `${policy}=${action}`),
    conflicts: form.sync ? 'stop' : form.conflicts,
    atomic: follows(form) && form.atomic,
    two_way: follows(form) && form.twoWay,
    ...(form.types.includes('incremental') ? keptOf(form) : {}),
    publish: form.sync ? { ...form.publish, topic: form.publish.topic?.trim(), key_columns: shardsOf(form.shards) } : null,
  };
}

/** How much log is kept. */
function keptOf(form: WizardForm): Pick<NewProject, 'log_kept_hours' | 'log_kept_bytes'> {
  return { log_kept_hours: form.logHours, log_kept_bytes: Math.round(form.logGibibytes * 2 ** 30) };
}

/** Whether rows of changes go into a database. */
function follows(form: WizardForm): boolean {
  return !form.sync && form.types.includes('incremental');
}

/** What moves, with its names, rows and columns at the target. */
function objectsOf(form: WizardForm): Pick<NewProject, 'objects' | 'rename' | 'where' | 'columns' | 'hash_key'> {
  if (form.mode === 'rules') return { objects: linesOf(form.objects), rename: {}, where: {} };
  if (form.mode === 'list') return { objects: form.list?.objects ?? [], rename: form.list?.rename ?? {}, where: form.list?.where ?? {} };
  if (form.mode === 'everything') return { objects: [], rename: {}, where: {} };
  return {
    objects: patternsOf(form.checked),
    rename: namesOf(form.renamed),
    where: filtersOf(form.where),
    columns: columnRulesOf(form.columns, form.checked),
    hash_key: form.hashKey,
  };
}

/** Whether a column is to be hashed: that takes a key, which a reload forgets. */
function hashes(form: WizardForm): boolean {
  const rules = Object.values(columnRulesOf(form.columns, form.checked));
  return rules.some((each) => Object.values(each.transforms ?? {}).includes('hash'));
}

/** What is asked to be done, in running order. */
export function typesOf(form: WizardForm): Kind[] {
  return kindsOf(form).filter((kind) => form.types.includes(kind));
}

/** Read lines of `database.table: column, column`; what is no such line is left to `problemsOf`. */
export function shardsOf(text: string): Record<string, string[]> {
  const found: Record<string, string[]> = {};
  for (const line of linesOf(text)) {
    const cut = line.lastIndexOf(':');
    if (cut < 1) continue;
    const columns = line.slice(cut + 1).split(',').map((name) => name.trim()).filter(Boolean);
    if (columns.length > 0) found[line.slice(0, cut).trim()] = columns;
  }
  return found;
}

export type Problem = 'name' | 'source' | 'target' | 'same' | 'types' | 'objects' | 'hashKey' | 'topic' | 'shards';

/** What is missing on a page of the wizard (from 0). */
export function problemsOf(form: WizardForm, page: number): Problem[] {
  const problems: Problem[] = [];
  if (page === 0) {
    if (!/^\S{1,64}$/.test(form.name.trim())) problems.push('name');
    if (!form.source) problems.push('source');
    if (!form.target) problems.push('target');
    if (form.source && form.source === form.target) problems.push('same');
  }
  if (page === 1 && typesOf(form).length === 0) problems.push('types');
  if (page === 2 && form.mode !== 'everything' && requestOf(form).objects!.length === 0) problems.push('objects');
  if (page === 2 && form.mode === 'tree' && !form.hashKey && hashes(form)) problems.push('hashKey');
  if (page === 3 && form.sync) {
    if (!form.publish.topic?.trim()) problems.push('topic');
    if (Object.keys(shardsOf(form.shards)).length !== linesOf(form.shards).length) problems.push('shards');
  }
  return problems;
}
