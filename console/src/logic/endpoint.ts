/** Endpoints as the form has them, and as URLs. */

export interface EndpointForm {
  scheme: string;
  host: string;
  port: number | null;
  username: string;
  tenant: string;
  cluster: string;
  password: string;
  database: string;
  options: string;
}

export const PORTS: Record<string, number> = { mysql: 3306, mariadb: 3306, oceanbase: 2881, tidb: 4000, postgresql: 5432 };

export const EMPTY_ENDPOINT: EndpointForm = {
  scheme: 'mysql',
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
  const host = form.host.trim();
  const shownHost = host.includes(':') ? `[${host}]` : encodeURIComponent(host);
  const port = form.port ?? PORTS[form.scheme];
  const login = encodeURIComponent(fullUser(form)) + (form.password ? `:${encodeURIComponent(form.password)}` : '');
  const options = form.options.trim().replace(/^\?/, '');
  const place = `${login ? `${login}@` : ''}${shownHost}${port ? `:${port}` : ''}`;
  return `${form.scheme}://${place}/${encodeURIComponent(form.database.trim())}${options ? `?${options}` : ''}`;
}

/** OceanBase names a user `user@tenant#cluster`. */
export function fullUser(form: EndpointForm): string {
  const user = form.username.trim();
  if (form.scheme !== 'oceanbase' || !form.tenant.trim()) return user;
  return `${user}@${form.tenant.trim()}${form.cluster.trim() ? `#${form.cluster.trim()}` : ''}`;
}

/** Show the URL of an endpoint briefly: `mysql · host:port`. */
export function placeOf(url: string): string {
  const found = /^([a-z0-9+]+):\/\/(?:.*@)?([^/?]+)/i.exec(url);
  return found ? `${found[1]} · ${found[2]}` : url;
}

export function schemeOf(url: string): string {
  return /^([a-z0-9+]+):/i.exec(url)?.[1]?.toLowerCase() ?? '';
}
