/** Server-sent events over `fetch`: unlike `EventSource` it can carry a login, and tells an error from a goodbye. */
import { useEffect, useRef } from 'react';
import { ApiError, failureOf, headersOf, reach, refusal, type Failure } from './client';
import { setAway } from './connection';
import { setMarks, type Marks } from './marks';
import { whenReleased } from './pressed';
import { expire, renewed } from './session';
import { useVisible } from './visible';

export interface Message {
  name: string;
  data: string;
}

/** Cut what has arrived into whole messages and the rest that is still to come. */
export function cut(text: string): { messages: Message[]; rest: string } {
  const blocks = text.split('\n\n');
  const rest = blocks.pop() ?? '';
  const messages = blocks.map(parse).filter((each): each is Message => each !== null);
  return { messages, rest };
}

function parse(block: string): Message | null {
  let name = 'message';
  const data: string[] = [];
  for (const line of block.split('\n')) {
    if (line.startsWith('event: ')) name = line.slice(7);
    else if (line.startsWith('data: ')) data.push(line.slice(6));
  }
  return data.length ? { name, data: data.join('\n') } : null;
}

/** Seconds to wait before the n-th attempt in a row. */
export function patience(attempt: number): number {
  return Math.min(8, 0.5 * 2 ** attempt);
}

const SILENCE_MS = 25_000;

type Handlers = { onMessage: (name: string, document: unknown) => void; onFailure: (failure: Failure) => void };

async function listen(path: string, handlers: Handlers, outer: AbortSignal): Promise<void> {
  const control = new AbortController();
  const stop = () => control.abort();
  outer.addEventListener('abort', stop, { once: true });
  let watch = setTimeout(stop, SILENCE_MS);
  try {
    const answer = await reach(path, { headers: headersOf(), signal: control.signal });
    if (!answer.ok || !answer.body) throw refusal(answer.status, await answer.text());
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let rest = ''; ; ) {
      const { value, done } = await reader.read();
      if (done) return;
      clearTimeout(watch);
      watch = setTimeout(stop, SILENCE_MS);
      const found = cut(rest + value);
      rest = found.rest;
      found.messages.forEach((each) => handlers.onMessage(each.name, JSON.parse(each.data)));
    }
  } finally {
    clearTimeout(watch);
    outer.removeEventListener('abort', stop);
  }
}

/** Listen for as long as somebody looks; come back whenever the service does. */
export async function follow(path: string, handlers: Handlers, signal: AbortSignal): Promise<void> {
  for (let attempt = 0; !signal.aborted; attempt += 1) {
    try {
      const heard = {
        ...handlers,
        onMessage: (name: string, document: unknown) => {
          attempt = 0;
          whenReleased(() => {
            if (signal.aborted) return;
            if (name === 'marks') setMarks(document as Marks); // for every page, whatever it listens to
            else handlers.onMessage(name, document);
          });
        },
      };
      await listen(path, heard, signal);
    } catch (problem) {
      if (signal.aborted) return;
      if (problem instanceof ApiError && problem.status === 401) {
        expire();
        if (await renewed(signal)) continue;
      }
      if (problem instanceof ApiError && problem.status >= 400 && problem.status < 500) {
        handlers.onFailure(failureOf(problem));
        return;
      }
      if (!(problem instanceof ApiError)) setAway(true);
    }
    await new Promise((wake) => setTimeout(wake, 1000 * patience(attempt)));
  }
}

/** Follow a stream while the component is shown, in a window that somebody sees; `path` null follows nothing. */
export function useStream(path: string | null, handlers: Handlers): void {
  const latest = useRef(handlers);
  latest.current = handlers;
  const seen = useVisible();
  useEffect(() => {
    if (!path || !seen) return undefined;
    const control = new AbortController();
    void follow(
      path,
      {
        onMessage: (name, document) => latest.current.onMessage(name, document),
        onFailure: (failure) => latest.current.onFailure(failure),
      },
      control.signal,
    );
    return () => control.abort();
  }, [path, seen]);
}

const NOTHING: Handlers = { onMessage: () => undefined, onFailure: () => undefined };

/** For a page that has no stream of its own: what is beside projects. */
export function useMarks(): void {
  useStream('/api/v1/live/marks', NOTHING);
}
