/** What the wizard has gathered; kept over a reload, never with a password. */
import type { NewProject } from '../../api/types';
import { filtersOf, linesOf, namesOf, patternsOf } from '../../logic/objects';

export type Kind = 'schema' | 'full' | 'incremental' | 'verify';
export type Mode = 'tree' | 'rules' | 'everything';

export interface WizardForm {
  name: string;
  source: string;
  target: string;
  types: Kind[];
  mode: Mode;
  checked: string[];
  renamed: Record<string, string>;
  where: Record<string, string>;
  objects: string;
  exclude: string;
  streams: number;
  notEmpty: boolean;
  stopWhen: 'never' | 'caught-up';
  importance: 'HIGH' | 'MEDIUM' | 'LOW' | 'IGNORE';
  accepted: string[];
}

export const KINDS: Kind[] = ['schema', 'full', 'incremental', 'verify'];

export const EMPTY_FORM: WizardForm = {
  name: '',
  source: '',
  target: '',
  types: [...KINDS],
  mode: 'tree',
  checked: [],
  renamed: {},
  where: {},
  objects: '',
  exclude: '',
  streams: 0,
  notEmpty: false,
  stopWhen: 'never',
  importance: 'MEDIUM',
  accepted: [],
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
  if (form) sessionStorage.setItem(KEY, JSON.stringify(form));
  else sessionStorage.removeItem(KEY);
}

/** What the API takes. */
export function requestOf(form: WizardForm): NewProject {
  const tree = form.mode === 'tree';
  const rules = form.mode === 'rules';
  return {
    name: form.name.trim(),
    source: form.source,
    target: form.target,
    objects: tree ? patternsOf(form.checked) : rules ? linesOf(form.objects) : [],
    exclude: rules ? linesOf(form.exclude) : [],
    rename: tree ? namesOf(form.renamed) : {},
    where: tree ? filtersOf(form.where) : {},
    types: KINDS.filter((kind) => form.types.includes(kind)),
    stop_when: form.stopWhen,
    streams: form.streams,
    allow_not_empty: form.notEmpty,
    skip_prechecks: form.accepted,
    importance: form.importance,
  };
}

export type Problem = 'name' | 'source' | 'target' | 'same' | 'types' | 'objects';

/** What is missing on a page of the wizard (from 0). */
export function problemsOf(form: WizardForm, page: number): Problem[] {
  const problems: Problem[] = [];
  if (page === 0) {
    if (!/^\S{1,64}$/.test(form.name.trim())) problems.push('name');
    if (!form.source) problems.push('source');
    if (!form.target) problems.push('target');
    if (form.source && form.source === form.target) problems.push('same');
  }
  if (page === 1 && form.types.length === 0) problems.push('types');
  if (page === 2 && form.mode !== 'everything' && requestOf(form).objects!.length === 0) problems.push('objects');
  return problems;
}
