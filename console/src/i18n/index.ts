/** The language of the page: chosen, else the browser's. */
import { useCallback, useSyncExternalStore } from 'react';
import { en, type Key } from './en';
import { zh } from './zh';

export type Language = 'en' | 'zh';
export type Translate = (key: Key, values?: Record<string, string | number>) => string;
export type { Key };

const TEXTS = { en, zh };
const KEY = 'ferryman.language';
const listeners = new Set<() => void>();

let language: Language = initial();

function initial(): Language {
  const kept = globalThis.localStorage?.getItem(KEY);
  if (kept === 'en' || kept === 'zh') return kept;
  return globalThis.navigator?.language?.toLowerCase().startsWith('zh') ? 'zh' : 'en';
}

export function setLanguage(next: Language): void {
  language = next;
  localStorage.setItem(KEY, next);
  document.documentElement.lang = next === 'zh' ? 'zh-CN' : 'en';
  listeners.forEach((tell) => tell());
}

export function useLanguage(): Language {
  return useSyncExternalStore(
    (tell) => {
      listeners.add(tell);
      return () => listeners.delete(tell);
    },
    () => language,
  );
}

/** Put values in the places of a text; a value is never read for places again. */
export function filled(text: string, values: Record<string, string | number> = {}): string {
  return text.replace(/\{(\w+)\}/g, (place, name: string) => (name in values ? String(values[name]) : place));
}

export function useText(): Translate {
  const chosen = useLanguage();
  return useCallback((key, values) => filled(TEXTS[chosen][key] ?? key, values), [chosen]);
}

/** A text whose key is made of data: the data itself when there is none. */
export function known(t: Translate, prefix: string, word: string): string {
  const key = `${prefix}.${word}`;
  return key in en ? t(key as Key) : word;
}
