/** Endpoints as the form has them, and as URLs. */

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
}

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
};

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
  const form = { ...EMPTY_ENDPOINT, scheme, options };
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
