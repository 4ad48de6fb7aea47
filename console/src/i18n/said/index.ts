/** What the service says, in the language of the page. */
import { useCallback, useEffect, useSyncExternalStore } from 'react';
import { useLanguage } from '..';
import { interpreterOf, type Interpreter } from '../../logic/sentences';

interface Chinese {
  read: Interpreter;
  titles: Record<string, string>;
}

let chinese: Chinese | null = null;
let coming: Promise<void> | null = null;
const listeners = new Set<() => void>();

/** Fetch the catalogue, once. Without it, sentences stay as the service says them; the next page tries again. */
export function fetchChinese(): Promise<void> {
  coming ??= import('./catalogue.zh').then(
    ({ catalogueZh }) => {
      chinese = { read: interpreterOf(catalogueZh), titles: catalogueZh.titles };
      listeners.forEach((tell) => tell());
    },
    () => {
      coming = null;
    },
  );
  return coming;
}

function useChinese(): Chinese | null {
  const wanted = useLanguage() === 'zh';
  const there = useSyncExternalStore(
    (tell) => {
      listeners.add(tell);
      return () => listeners.delete(tell);
    },
    () => chinese,
  );
  useEffect(() => {
    if (wanted) void fetchChinese();
  }, [wanted]);
  return wanted ? there : null;
}

/** Returns how to say a sentence of the service: in Chinese where that is read and the sentence is known, else as it is. */
export function useSaid(): (text: string) => string {
  const there = useChinese();
  return useCallback((text) => there?.read(text) ?? text, [there]);
}

/** A sentence of the service, with the meaning of its code where the sentence itself is not known. */
export function useMeaning(code: string, text: string): { said: string; title: string; known: boolean } {
  const there = useChinese();
  const said = there?.read(text) ?? null;
  return { said: said ?? text, title: there?.titles[code] ?? '', known: !there || said !== null };
}

/** Returns what the code of an error means, in Chinese; the code itself else. */
export function useTitles(): (code: string) => string {
  const there = useChinese();
  return useCallback((code) => there?.titles[code] ?? code, [there]);
}
