/** Where the seconds between source and target are lost. */
import type { Project } from '../api/types';
import { isMoving, stepOf } from './state';

export type Reason =
  | 'not-following' | 'caught-up' | 'failed' | 'paused' | 'loading' | 'capture' | 'apply' | 'restarting' | 'waiting';

export interface Diagnosis {
  reason: Reason;
  /** Seconds: source to log store, log store to target, both together. */
  capture: number | null;
  apply: number | null;
  whole: number | null;
  rate: number;
  restarts: number;
}

/** Behind by more than this, capture itself is late: pulses come once a second. */
const CAPTURE_LATE = 5;
const CAUGHT_UP = 15;
const MANY_RESTARTS = 3;

export function diagnose(project: Project, nowSeconds: number): Diagnosis {
  const capture = stepOf(project, 'capture');
  const apply = stepOf(project, 'apply');
  const load = stepOf(project, 'load');
  const restarts = Math.max(capture?.restarts ?? 0, apply?.restarts ?? 0);
  const found = {
    capture: capture?.checkpoint_seconds ? Math.max(0, nowSeconds - capture.checkpoint_seconds) : null,
    apply: waitingIn(capture?.checkpoint_seconds, apply?.checkpoint_seconds),
    whole: apply?.latency_seconds ?? null,
    rate: apply?.rows_per_second ?? 0,
    restarts,
  };
  const because = (reason: Reason): Diagnosis => ({ reason, ...found });
  if (!apply || project.status === 'INIT' || project.status.startsWith('RELEAS') || project.status === 'FINISHED') return because('not-following');
  if (project.status === 'FAILED') return because('failed');
  if (project.status === 'SUSPEND') return because('paused');
  if (!isMoving(apply)) return because(isMoving(load) ? 'loading' : 'waiting');
  if (found.whole === null) return because('waiting');
  if (found.whole <= CAUGHT_UP) return because('caught-up');
  if (restarts >= MANY_RESTARTS) return because('restarting');
  return because((found.capture ?? 0) > CAPTURE_LATE && (found.capture ?? 0) >= (found.apply ?? 0) ? 'capture' : 'apply');
}

function waitingIn(captured: number | null | undefined, applied: number | null | undefined): number | null {
  return captured && applied ? Math.max(0, captured - applied) : null;
}
