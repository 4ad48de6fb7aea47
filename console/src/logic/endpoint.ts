/** Endpoints as the form has them, and as URLs. */
import type { SshServer } from '../api/types';

export interface EndpointForm {
  scheme: string;
  /** Queues: `host:port`, several joined by commas. */
  servers: string;
  /** Files: the directory on the service's machine. */
  path: string;
  host: string;
  port: number | null;
  username: string;
  tenant: string;
  cluster: string;
  password: string;
  database: string;
  options: string;
  /** Whether it is reached through an SSH server. */
  tunnel: boolean;
  ssh: SshForm;
}

/** The SSH server on the way; its secrets are never answered. */
export interface SshForm {
  host: string;
  port: number | null;
  user: string;
  password: string;
  key: string;
  key_password: string;
  /** Where the service reads the key from instead. */
  key_file: string;
  /** Fingerprints it may have, joined by commas. */
  host_key: string;
}

export const EMPTY_SSH: SshForm = { host: '', port: null, user: '', password: '', key: '', key_password: '', key_file: '', host_key: '' };

export const PORTS: Record<string, number> = { mysql: 3306, mariadb: 3306, oceanbase: 2881, tidb: 4000, postgresql: 5432, kafka: 9092, rocketmq: 9876 };

const QUEUES = new Set(['kafka', 'rocketmq']);

export function isQueue(scheme: string): boolean {
  return QUEUES.has(scheme);
}

export const EMPTY_ENDPOINT: EndpointForm = {
  scheme: 'mysql',
  servers: '',
  path: '',
  host: '',
  port: null,
  username: '',
  tenant: '',
  cluster: '',
  password: '',
  database: '',
  options: '',
  tunnel: false,
  ssh: EMPTY_SSH,
};

/** The SSH server as the service takes it; null: straight to the database. */
export function sshOf(form: EndpointForm): SshServer | null {
  if (!form.tunnel || form.scheme === 'file' || isQueue(form.scheme)) return null;
  const { port, ...texts } = { ...EMPTY_SSH, ...form.ssh };
  const trimmed = Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, SECRETS.has(name) ? text : text.trim()]));
  return { ...(trimmed as Omit<SshForm, 'port'>), port: port ?? 22 };
}

const SECRETS = new Set(['password', 'key', 'key_password']);

/** The key of an SSH server that a refusal names, for somebody to confirm; empty where it names none. */
export function fingerprintIn(failure: { code: string; message: string } | null | undefined): string {
  if (failure?.code !== 'ssh.host_key_unknown' && failure?.code !== 'ssh.host_key_changed') return '';
  return /SHA256:[A-Za-z0-9+/]{43}/.exec(failure.message)?.[0] ?? '';
}

/** Take the SSH server out of the options of a URL. */
function withoutSsh(options: string): Pick<EndpointForm, 'options' | 'tunnel' | 'ssh'> {
  const parts = options.split('&').filter(Boolean);
  const ssh: Record<string, string | number | null> = { ...EMPTY_SSH };
  const others = parts.filter((part) => {
    const [, name = '', value = ''] = /^ssh_([a-z_]+)=(.*)$/.exec(part) ?? [];
    if (!(name in EMPTY_SSH)) return true;
    ssh[name] = name === 'port' ? Number(value) : decodeURIComponent(value);
    return false;
  });
  return { options: others.join('&'), tunnel: !!ssh.host, ssh: ssh as unknown as SshForm };
}

/** Write a form as a URL; every part is percent-encoded, so that any character may stand in a password. */
export function urlOf(form: EndpointForm): string {
  const options = form.options.trim().replace(/^\?/, '');
  const query = options ? `?${options}` : '';
  if (form.scheme === 'file') return `file://${form.path.trim().split('/').map(encodeURIComponent).join('/')}${query}`;
  const login = encodeURIComponent(fullUser(form)) + (form.password ? `:${encodeURIComponent(form.password)}` : '');
  const who = login ? `${login}@` : '';
  if (isQueue(form.scheme)) return `${form.scheme}://${who}${form.servers.replace(/\s+/g, '')}/${query}`;
  const host = form.host.trim();
  const shownHost = host.includes(':') ? `[${host}]` : encodeURIComponent(host);
  const port = form.port ?? PORTS[form.scheme];
  return `${form.scheme}://${who}${shownHost}${port ? `:${port}` : ''}/${encodeURIComponent(form.database.trim())}${query}`;
}

/** Read a URL as the service shows it, without its password, back into a form. */
export function formOf(url: string): EndpointForm {
  const [, scheme = '', place = '', options = ''] = /^([a-z0-9+]+):\/\/([^?]*)\??(.*)$/i.exec(url) ?? [];
  const form = { ...EMPTY_ENDPOINT, scheme, ...withoutSsh(options) };
  if (scheme === 'file') return { ...form, path: decodeURIComponent(place) };
  const [authority = '', database = ''] = cutAt(place, place.indexOf('/'));
  const [login = '', address = ''] = authority.includes('@') ? cutAt(authority, authority.lastIndexOf('@')) : ['', authority];
  const known = { ...form, ...loginOf(scheme, decodeURIComponent(login)), database: decodeURIComponent(database) };
  if (isQueue(scheme)) return { ...known, servers: address };
  const [, host = '', port = ''] = /^(.*?)(?::(\d+))?$/.exec(address) ?? [];
  return { ...known, host: decodeURIComponent(host.replace(/^\[|\]$/g, '')), port: port ? Number(port) : null };
}

function cutAt(text: string, place: number): [string, string] {
  return place < 0 ? [text, ''] : [text.slice(0, place), text.slice(place + 1)];
}

function loginOf(scheme: string, login: string): Pick<EndpointForm, 'username' | 'tenant' | 'cluster'> {
  const found = scheme === 'oceanbase' ? /^(.*)@([^@#]+)(?:#(.*))?$/.exec(login) : null;
  return { username: found?.[1] ?? login, tenant: found?.[2] ?? '', cluster: found?.[3] ?? '' };
}

/** OceanBase names a user `user@tenant#cluster`. */
export function fullUser(form: EndpointForm): string {
  const user = form.username.trim();
  if (form.scheme !== 'oceanbase' || !form.tenant.trim()) return user;
  return `${user}@${form.tenant.trim()}${form.cluster.trim() ? `#${form.cluster.trim()}` : ''}`;
}

const LABELS: Record<string, string> = {
  mysql: 'MySQL',
  mariadb: 'MariaDB',
  oceanbase: 'OceanBase (MySQL mode)',
  tidb: 'TiDB',
  postgresql: 'PostgreSQL',
  kafka: 'Apache Kafka',
  rocketmq: 'Apache RocketMQ',
  file: 'Files (JSON lines)',
};

export function labelOf(scheme: string): string {
  return LABELS[scheme] ?? scheme;
}

/** Show the URL of an endpoint briefly: `MySQL · host:port`. */
export function placeOf(url: string): string {
  if (url.startsWith('file://')) return `${shortLabelOf('file')} · ${decodeURI(url.slice(7).split('?')[0] ?? '')}`;
  const found = /^([a-z0-9+]+):\/\/(?:.*@)?([^/?]+)/i.exec(url);
  return found ? `${shortLabelOf(found[1]!)} · ${found[2]}` : url;
}

export function schemeOf(url: string): string {
  return /^([a-z0-9+]+):/i.exec(url)?.[1]?.toLowerCase() ?? '';
}

function shortLabelOf(scheme: string): string {
  return labelOf(scheme).replace(/ \(.*/, '');
}
