/** Marks of what is beside projects: every stream tells when one has moved, and what is shown of it is read again. */
import { useSyncExternalStore } from 'react';

/** Whatever a call can change; or alerts, which the service raises and ends by itself. */
export type Mark = 'changes' | 'alerts';

export type Marks = Partial<Record<Mark, string>>;

let marks: Marks = {};
const listeners = new Set<() => void>();

export function setMarks(next: Marks): void {
  marks = next;
  listeners.forEach((tell) => tell());
}

export function useMark(name: Mark): string {
  return useSyncExternalStore(
    (tell) => {
      listeners.add(tell);
      return () => listeners.delete(tell);
    },
    () => marks[name] ?? '',
  );
}
