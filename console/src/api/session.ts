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
const listeners = new Set<() => void>();

export function setAccount(next: Account | null): void {
  account = next;
  listeners.forEach((tell) => tell());
}

export function csrfToken(): string | null {
  return account?.csrf ?? null;
}

export function useAccount(): Account | null | undefined {
  return useSyncExternalStore(subscribe, () => account);
}

const RANK: Record<Role, number> = { viewer: 0, operator: 1, admin: 2 };

export function covers(role: Role | undefined, needed: Role): boolean {
  return role !== undefined && RANK[role] >= RANK[needed];
}

export function useMay(needed: Role): boolean {
  return covers(useAccount()?.role, needed);
}

function subscribe(tell: () => void): () => void {
  listeners.add(tell);
  return () => listeners.delete(tell);
}
