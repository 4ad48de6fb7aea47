import { describe, expect, it } from 'vitest';
import { cut, patience } from '../api/stream';
import type { Project, ProjectEvent, Step, TableOfStep } from '../api/types';
import { en } from '../i18n/en';
import { zh } from '../i18n/zh';
import { filled } from '../i18n';
import { EMPTY_FORM, hinderReverse, kindsOf, problemsOf, requestOf } from '../pages/wizard/form';
import { sharesOf } from './behind';
import { fieldsOf, settingsOf } from './channel';
import { columnRulesOf, NO_COLUMN_RULES, pairsIn } from './columns';
import { EMPTY_ENDPOINT, EMPTY_SSH, fingerprintIn, formOf, placeOf, sshOf, urlOf } from './endpoint';
import { bytes, duration, percent, remaining } from './format';
import { EMPTY_LIVE, linesOfTables, merged } from './live';
import { databaseKey, filtersOf, linesOf, namesOf, patternsOf, tableKey } from './objects';
import { RateKeeper } from './rates';
import { actOf, projectOf } from './audit';
import { seriesOf } from './series';
import { actionsOf, commonActions, latencyOf, rateOf, shownStep } from './state';

const step = (name: string, more: Partial<Step> = {}): Step =>
  ({ name, status: 'INIT', restarts: 0, rows_per_second: 0, latency_seconds: null, checkpoint_seconds: null, ...more }) as Step;
const project = (status: string, ...steps: Step[]): Project => ({ status, steps }) as unknown as Project;

describe('languages', () => {
  it('have the same texts with the same places', () => {
    expect(Object.keys(zh).sort()).toEqual(Object.keys(en).sort());
    for (const [key, text] of Object.entries(en)) {
      const places = (words: string) => [...new Set(words.match(/\{\w+\}/g) ?? [])].sort();
      expect(places(zh[key as keyof typeof en]), key).toEqual(places(text));
      expect(zh[key as keyof typeof en].trim(), key).not.toBe('');
    }
  });
  it('never read a value for places', () => {
    expect(filled('{name}: {action}', { name: '{action}', action: '<b>x</b>' })).toBe('{action}: <b>x</b>');
  });
});

describe('streams', () => {
  it('cut whole messages and keep the rest, wherever it is cut', () => {
    const text = ': open\n\nevent: page\ndata: {"a":"\u{1f6d2}"}\n\nevent: page\ndata: 2\n\n';
    for (let place = 0; place <= text.length; place += 1) {
      const first = cut(text.slice(0, place));
      const second = cut(first.rest + text.slice(place));
      expect([...first.messages, ...second.messages].map((each) => each.data)).toEqual(['{"a":"\u{1f6d2}"}', '2']);
      expect(second.rest).toBe('');
    }
  });
  it('wait longer each time, but not for ever', () => {
    expect([0, 1, 2, 9].map(patience)).toEqual([0.5, 1, 2, 8]);
  });
  it('merge tables by step and name, and show no event twice', () => {
    const table = (rows: number) => [{ step: 'load', table: 'a.b', rows } as TableOfStep];
    const event = (id: number) => ({ id }) as ProjectEvent;
    let live = merged(EMPTY_LIVE, { name: 'tables', document: table(1) });
    live = merged(live, { name: 'tables', document: table(2) });
    live = merged(live, { name: 'events', document: [event(1), event(2)] });
    live = merged(live, { name: 'events', document: [event(1), event(2), event(3)] });
    expect([...live.tables.values()].map((each) => each.rows)).toEqual([2]);
    expect(live.events.map((each) => each.id)).toEqual([3, 2, 1]);
  });
});

describe('endpoints', () => {
  it('are read back from what the service shows', () => {
    for (const url of [
      'mysql://u%20%40x@h:3306/',
      'mariadb://127.0.0.1:3307/shop%2F1?ssl_mode=required&connect_timeout=10',
      'oceanbase://root%40sys%23c1@[::1]:2881/',
      'postgresql://a@h:5432/d',
      'kafka://u@one:9092,two:9092/?sasl_mechanism=PLAIN',
      'file:///srv/a%20b',
    ])
      expect(urlOf(formOf(url)), url).toBe(url);
    expect(formOf('oceanbase://root@sys@h:2881/')).toMatchObject({ username: 'root', tenant: 'sys', host: 'h', port: 2881 });
  });
  it('become URLs in which any character may stand', () => {
    const url = urlOf({ ...EMPTY_ENDPOINT, scheme: 'oceanbase', host: '::1', username: 'root', tenant: 't', cluster: 'c', password: 'p/@:?#%' });
    expect(url).toBe('oceanbase://root%40t%23c:p%2F%40%3A%3F%23%25@[::1]:2881/');
  });
  it('take the SSH server out of the options and give it back', () => {
    const mark = `SHA256:${'a/+'.repeat(14)}b`;
    const form = formOf(`mysql://u@db:3306/?ssl_mode=required&ssh_host=gate&ssh_port=2222&ssh_user=ferry&ssh_host_key=${encodeURIComponent(mark)}`);
    expect(urlOf(form)).toBe('mysql://u@db:3306/?ssl_mode=required');
    expect(sshOf({ ...form, ssh: { ...form.ssh, password: ' p ' } })).toEqual({ ...EMPTY_SSH, host: 'gate', port: 2222, user: 'ferry', password: ' p ', host_key: mark });
    expect(sshOf({ ...form, scheme: 'kafka' })).toBeNull();
    expect(sshOf({ ...form, tunnel: false })).toBeNull();
    expect(fingerprintIn({ code: 'ssh.host_key_unknown', message: `ssh://f@g:22 shows a key: ${mark} (ssh-ed25519)` })).toBe(mark);
    expect(fingerprintIn({ code: 'ssh.access_denied', message: mark })).toBe('');
  });
  it('show no login', () => {
    expect(placeOf('mysql://root@db:3306/x')).toBe('MySQL · db:3306');
    expect(placeOf('oceanbase://root@sys#c@h:1/')).toBe('OceanBase · h:1');
  });
});

describe('objects', () => {
  it('of a whole database stand for its tables', () => {
    expect(patternsOf([databaseKey('a'), tableKey('a', 'x'), tableKey('b.c', 'y`z')])).toEqual(['a.*', '`b.c`.`y``z`']);
  });
  it('are renamed into the renamed database', () => {
    const renamed = { [databaseKey('a')]: 'b', [tableKey('a', 'x')]: 'y', [tableKey('a', 'z')]: 'z' };
    expect(namesOf(renamed)).toEqual({ a: 'b', 'a.x': 'b.y' });
  });
  it('keep only filters of tables', () => {
    expect(filtersOf({ [tableKey('a', 'x')]: ' id > 1 ', [tableKey('a', 'y')]: '  ', [databaseKey('a')]: 'no' })).toEqual({ 'a.x': 'id > 1' });
  });
  it('are read by lines', () => {
    expect(linesOf('a.*\n\n # no\n b.c ')).toEqual(['a.*', 'b.c']);
  });
});

describe('the wizard', () => {
  it('says what is missing', () => {
    expect(problemsOf(EMPTY_FORM, 0)).toEqual(['name', 'source', 'target']);
    expect(problemsOf({ ...EMPTY_FORM, name: 'a b', source: 'e', target: 'e' }, 0)).toEqual(['name', 'same']);
    expect(problemsOf({ ...EMPTY_FORM, types: [] }, 1)).toEqual(['types']);
    expect(problemsOf(EMPTY_FORM, 2)).toEqual(['objects']);
    expect(kindsOf(EMPTY_FORM)).toContain('reverse');
    expect(kindsOf({ sync: true, types: ['incremental'] })).toEqual(['schema', 'full', 'incremental']);
    const back = { ...EMPTY_FORM, mode: 'everything', types: ['incremental', 'reverse'] } as const;
    const wish = { ...back, types: [...back.types] };
    expect(requestOf(wish).types).toEqual(['incremental', 'reverse']);
    expect(requestOf({ ...wish, types: ['full', 'reverse'] }).types).toEqual(['full']);
    expect([hinderReverse(wish), hinderReverse({ ...wish, stopWhen: 'caught-up' })]).toEqual([false, true]);
    expect(problemsOf({ ...EMPTY_FORM, mode: 'everything' }, 2)).toEqual([]);
  });
  it('sends steps in running order and only what the chosen mode says', () => {
    const request = requestOf({ ...EMPTY_FORM, types: ['verify', 'schema'], mode: 'rules', objects: 'a.*', checked: [databaseKey('b')] });
    expect(request.types).toEqual(['schema', 'verify']);
    expect(request.objects).toEqual(['a.*']);
    expect(request.rename).toEqual({});
  });
});

describe('projects', () => {
  it('allow what their status allows', () => {
    expect(actionsOf('RUNNING')).toEqual(['stop']);
    expect(actionsOf('SOMETHING')).toEqual([]);
    expect(commonActions(['INIT', 'FAILED'])).toEqual(['start', 'resume', 'release', 'delete']);
  });
  it('name the failed step, else the one under way', () => {
    const failed = project('FAILED', step('load', { status: 'FAILED' }), step('capture', { status: 'RUNNING' }));
    expect(shownStep(failed)?.name).toBe('load');
    expect(shownStep(project('RUNNING', step('capture', { status: 'RUNNING' }), step('load', { status: 'RUNNING' })))?.name).toBe('load');
  });
  it('have a rate and a latency only while they run', () => {
    const apply = step('apply', { status: 'MONITORING', rows_per_second: 5, latency_seconds: 0.2 });
    expect([rateOf(project('RUNNING', apply)), latencyOf(project('RUNNING', apply))]).toEqual([5, 0.2]);
    expect([rateOf(project('SUSPEND', apply)), latencyOf(project('SUSPEND', apply))]).toEqual([0, null]);
  });
});

describe('why it is behind', () => {
  it('shows stages by their share, the largest first, and what no stage took', () => {
    expect(sharesOf({ all: 10, writing: 2, lanes: 6 })).toEqual([['lanes', 0.6], ['writing', 0.2], ['other', expect.closeTo(0.2)]]);
    expect(sharesOf(null)).toEqual([]);
    expect(sharesOf({ all: 0 })).toEqual([]);
  });
});

describe('rules for columns', () => {
  const key = tableKey('shop', 'orders');
  const fields = { keep: [], leaveOut: ['note'], transforms: 'mail: mask(2,4)\n card: hash', add: 'origin: {database}:x' };
  it('belong to tables that are chosen', () => {
    const rules = { keep: [], leave_out: ['note'], transforms: { mail: 'mask(2,4)', card: 'hash' }, add: { origin: '{database}:x' } };
    expect(columnRulesOf({ [key]: fields }, [key])).toEqual({ 'shop.orders': rules });
    expect(columnRulesOf({ [key]: fields }, [])).toEqual({});
    expect(columnRulesOf({ [key]: NO_COLUMN_RULES }, [key])).toEqual({});
  });
  it('ask for the key of hashes, which a reload forgets', () => {
    const form = { ...EMPTY_FORM, checked: [key], columns: { [key]: fields } };
    expect(problemsOf(form, 2)).toEqual(['hashKey']);
    expect(problemsOf({ ...form, hashKey: 'k' }, 2)).toEqual([]);
  });
  it('say which line is wrong', () => expect([pairsIn('a b'), pairsIn('a:'), pairsIn('a: b')]).toEqual([null, null, { a: 'b' }]));
});

describe('settings of a channel', () => {
  it('are the fields of its kind, with recipients a line each', () => {
    const fields = { ...fieldsOf('email', {}), host: 'mx', sender: 'a@b', recipients: ' c@d \n\ne@f', secret: 'not of mail' };
    expect(settingsOf('email', fields)).toEqual({
      host: 'mx', port: 587, security: 'starttls', username: '', password: '', sender: 'a@b', recipients: ['c@d', 'e@f'],
      taking: { levels: [], rules: [], labels: [] },
    });
    expect(settingsOf('chat', fieldsOf('chat', { url: 'https://x/******', preset: 'feishu', secret: '******' }))).toEqual({
      url: 'https://x/******', preset: 'feishu', secret: '******', template: '', taking: { levels: [], rules: [], labels: [] },
    });
  });
});

describe('figures', () => {
  it('are short', () => {
    expect([0.25, 9.94, 59, 61, 7200, 200_000].map((seconds) => duration(seconds))).toEqual(['250 ms', '9.9 s', '59 s', '1 min 1 s', '2 h 0 min', '2 d 7 h']);
    expect([999, 1500, 123_456_789].map((size) => bytes(size))).toEqual(['999 B', '1.5 kB', '123 MB']);
  });
  it('never say 100 before the end', () => {
    expect([percent(100, 100, false), percent(5, 0, false), percent(1, 3, true)]).toEqual([99, 0, 100]);
  });
  it('tell the time left only when they can', () => {
    expect([remaining(10, 20, 5), remaining(20, 20, 5), remaining(0, 20, 0)]).toEqual([2, null, null]);
  });
  it('of a pause are a gap in the chart', () => {
    const sample = (at: number) => ({ at, rows_per_second: at, bytes_per_second: 0, latency_seconds: null });
    expect(seriesOf([sample(10), sample(20), sample(200)], 'rows_per_second')).toEqual([[10_000, 10], [20_000, 20], [21_000, null], [200_000, 200]]);
    expect(seriesOf([sample(10)], 'latency_seconds')).toEqual([]);
  });
  it('of tables are rates over the last seconds', () => {
    const line = (rows: number, state = 'running') => [{ table: 't', state, rows } as ReturnType<typeof linesOfTables>[number]];
    const keeper = new RateKeeper();
    keeper.of(line(0), 0);
    expect(keeper.of(line(500), 1000).get('t')).toBe(500);
    expect(keeper.of(line(500, 'done'), 2000).get('t')).toBeUndefined();
  });
  it('of a table come from its load, its differences from verification', () => {
    const tables = [
      { step: 'load', table: 'a', state: 'done', rows: 9, rows_total: 8, bytes: 7, mismatches: null, message: '' },
      { step: 'verify', table: 'a', state: 'running', rows: 3, rows_total: 9, bytes: 0, mismatches: 2, message: 'x' },
    ] as TableOfStep[];
    expect(linesOfTables(tables)).toEqual([{ table: 'a', state: 'running', rows: 9, total: 9, bytes: 7, mismatches: 2, message: 'x' }]);
  });
});

describe('tables', () => {
  const seen = (step: string, table: string, state = 'done') => ({ step, table, state, rows: 0, rows_total: 0, bytes: 0, mismatches: null, message: '' }) as unknown as TableOfStep;
  const names = (...tables: TableOfStep[]) => linesOfTables(tables).map((line) => line.table);
  it('are what holds rows, and what could not be made', () => {
    const made = [seen('schema', 'a.t'), seen('schema', 'view a.v'), seen('index', 'foreign_key a.t.f')];
    expect(names(...made)).toEqual(['a.t', 'view a.v', 'foreign_key a.t.f']);
    expect(names(...made, seen('load', 'a.t'))).toEqual(['a.t']);
    expect(names(seen('schema', 'view a.v', 'failed'), seen('load', 'a.t'))).toEqual(['view a.v', 'a.t']);
  });
});

describe('the audit log', () => {
  it('says calls in words, and knows the project they were about', () => {
    expect(actOf('POST /api/v1/projects/np_1a/start')).toBe('start');
    expect(actOf('PATCH /api/v1/projects/np_1a/settings')).toBe('settings');
    expect(actOf('CreateProject')).toBe('');
    expect(projectOf('POST /api/v1/projects/np_1a/switchover/confirm')).toBe('np_1a');
    expect(projectOf('POST /api/v1/session')).toBe('');
  });
});
