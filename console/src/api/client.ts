/** Calls of the native API. */
import { setAway } from './connection';
import { csrfToken, setAccount } from './session';

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
  const text = await ask(path, {
    method,
    headers: { ...headersOf(), ...(body === undefined ? {} : { 'Content-Type': 'application/json' }) },
    body: body === undefined ? undefined : JSON.stringify(body),
    signal,
  });
  return (text ? JSON.parse(text) : undefined) as T;
}

async function ask(path: string, init: RequestInit): Promise<string> {
  const answer = await reach(path, init);
  const text = await answer.text();
  if (answer.ok) return text;
  throw refusal(answer.status, text);
}

/** What comes as text: YAML, CSV. */
export function getText(path: string, method = 'GET', body?: unknown): Promise<string> {
  const json: Record<string, string> = body === undefined ? {} : { 'Content-Type': 'application/json' };
  return ask(path, { method, headers: { ...headersOf(), ...json }, body: body === undefined ? undefined : JSON.stringify(body) });
}

/** Send a text of another type than JSON. */
export async function postText<T>(path: string, text: string, type: string): Promise<T> {
  return JSON.parse(await ask(path, { method: 'POST', headers: { ...headersOf(), 'Content-Type': type }, body: text })) as T;
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
  if (status === 401) setAccount(null);
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
