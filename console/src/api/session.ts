/** Who is logged in; the session itself is a cookie that scripts cannot read. */
import { useSyncExternalStore } from 'react';

export type Role = 'viewer' | 'operator' | 'admin';

export interface Account {
  user: string;
  role: Role;
  csrf: string | null;
}

/** `undefined`: not known yet. */
let account: Account | null | undefined;
let expired = false;
const listeners = new Set<() => void>();

export function setAccount(next: Account | null): void {
  account = next;
  expired = false;
  listeners.forEach((tell) => tell());
}

/** The session of somebody who is at work has ended: the page stays as it is, and asks for the login over it. */
export function expire(): void {
  if (!account || expired) return;
  expired = true;
  listeners.forEach((tell) => tell());
}

/** Wait until the same user has logged in again; `false` when that was somebody else, or nobody. */
export function renewed(signal?: AbortSignal | null): Promise<boolean> {
  const user = account?.user;
  return new Promise((done) => {
    const look = () => {
      if (expired && !signal?.aborted) return;
      listeners.delete(look);
      signal?.removeEventListener('abort', look);
      done(!signal?.aborted && user !== undefined && account?.user === user);
    };
    listeners.add(look);
    signal?.addEventListener('abort', look);
    look();
  });
}

export function csrfToken(): string | null {
  return account?.csrf ?? null;
}

export function useAccount(): Account | null | undefined {
  return useSyncExternalStore(subscribe, () => account);
}

export function useExpired(): boolean {
  return useSyncExternalStore(subscribe, () => expired);
}

const RANK: Record<Role, number> = { viewer: 0, operator: 1, admin: 2 };

export function covers(role: Role | undefined, needed: Role): boolean {
  return role !== undefined && RANK[role] >= RANK[needed];
}

export function useMay(needed: Role): boolean {
  return covers(useAccount()?.role, needed);
}

/** A project is its owner's and the admins'; one without an owner is every operator's. */
export function owns(who: Account | null | undefined, owner: string): boolean {
  return covers(who?.role, 'operator') && (who?.role === 'admin' || !owner || owner === who?.user);
}

/** Whether the one who looks may act on a project of this owner. */
export function useOwns(owner: string): boolean {
  return owns(useAccount(), owner);
}

function subscribe(tell: () => void): () => void {
  listeners.add(tell);
  return () => listeners.delete(tell);
}
