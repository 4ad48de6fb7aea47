/** Whether whoever looks has asked their system for less motion (WCAG 2.3.3). */
import { useSyncExternalStore } from 'react';

const LESS = '(prefers-reduced-motion: reduce)';

export function useLessMotion(): boolean {
  return useSyncExternalStore(subscribe, () => matchMedia(LESS).matches);
}

function subscribe(changed: () => void): () => void {
  const query = matchMedia(LESS);
  query.addEventListener('change', changed);
  return () => query.removeEventListener('change', changed);
}
