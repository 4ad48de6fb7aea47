/** Whether the page is as narrow as a telephone, where tables become cards. */
import { useSyncExternalStore } from 'react';

const NARROW = '(max-width: 760px)';

export function useNarrow(): boolean {
  return useSyncExternalStore(subscribe, () => matchMedia(NARROW).matches);
}

function subscribe(tell: () => void): () => void {
  const query = matchMedia(NARROW);
  query.addEventListener('change', tell);
  return () => query.removeEventListener('change', tell);
}
