/** Calls of the native API. */
import { setAway } from './connection';
import { csrfToken, expire, renewed } from './session';

export interface Failure {
  code: string;
  message: string;
  hint: string;
  retry?: string;
}

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly failure: Failure,
  ) {
    super(failure.message);
  }
}

export function failureOf(problem: unknown): Failure {
  if (problem instanceof ApiError) return problem.failure;
  return { code: 'console.defect', message: problem instanceof Error ? problem.message : String(problem), hint: '' };
}

export function headersOf(): Record<string, string> {
  const csrf = csrfToken();
  return csrf ? { 'X-CSRF-Token': csrf } : {};
}

export async function call<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const text = await ask(path, { method, ...written(body), signal });
  return (text ? JSON.parse(text) : undefined) as T;
}

/** A call that comes when the session has ended waits for the login and is then made as it was: no form is lost. */
async function ask(path: string, init: RequestInit & { headers?: Record<string, string> }): Promise<string> {
  const answer = await reach(path, { ...init, headers: { ...headersOf(), ...init.headers } });
  const text = await answer.text();
  if (answer.ok) return text;
  const refused = refusal(answer.status, text);
  if (answer.status === 401 && !path.startsWith(SESSION) && ended() && (await renewed(init.signal))) return ask(path, init);
  throw refused;
}

const SESSION = '/api/v1/session';

function ended(): boolean {
  expire();
  return csrfToken() !== null;
}

function written(body: unknown): { headers?: Record<string, string>; body?: string } {
  return body === undefined ? {} : { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) };
}

/** What comes as text: YAML, CSV. */
export function getText(path: string, method = 'GET', body?: unknown): Promise<string> {
  return ask(path, { method, ...written(body) });
}

/** Send a text of another type than JSON. */
export async function postText<T>(path: string, text: string, type: string): Promise<T> {
  return JSON.parse(await ask(path, { method: 'POST', headers: { 'Content-Type': type }, body: text })) as T;
}

/** Reach the service, and note whether it is there. */
export async function reach(path: string, init: RequestInit): Promise<Response> {
  try {
    const answer = await fetch(path, { credentials: 'same-origin', cache: 'no-store', ...init });
    setAway(false);
    return answer;
  } catch (problem) {
    if (init.signal?.aborted) throw problem;
    setAway(true);
    throw new ApiError(0, { code: 'api.unreachable', message: 'the service does not answer', hint: '' });
  }
}

export function refusal(status: number, text: string): ApiError {
  try {
    const failure = (JSON.parse(text) as { error: Failure }).error;
    return new ApiError(status, { ...failure, hint: failure.hint ?? '' });
  } catch {
    return new ApiError(status, { code: 'api.malformed', message: `the service answered ${status}`, hint: '' });
  }
}

export const get = <T>(path: string, signal?: AbortSignal) => call<T>('GET', path, undefined, signal);
export const post = <T>(path: string, body: unknown = {}) => call<T>('POST', path, body);
export const put = <T>(path: string, body: unknown) => call<T>('PUT', path, body);
export const patch = <T>(path: string, body: unknown) => call<T>('PATCH', path, body);
export const remove = (path: string) => call<void>('DELETE', path);

/** Write a query; lists repeat their name, empty values are left out. */
export function query(parts: Record<string, string | number | boolean | string[] | undefined | null>): string {
  const found = new URLSearchParams();
  for (const [name, value] of Object.entries(parts)) {
    if (Array.isArray(value)) value.forEach((each) => found.append(name, each));
    else if (value !== undefined && value !== null && value !== '') found.append(name, String(value));
  }
  const text = found.toString();
  return text ? `?${text}` : '';
}
