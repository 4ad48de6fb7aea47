/** What a switchover allows, and what its stage means to people. */
import type { Project, Switchover } from '../api/types';
import { stepOf } from './state';

export type Readiness = 'never' | 'later' | 'now';

/** Steps that a switchover itself does, and those that go on until then. */
const NOT_BEFORE = new Set(['capture', 'apply', 'switchover', 'reverse']);

/** Whether a project can be switched over: not at all, not yet, or now. The service looks more closely. */
export function readiness(project: Project): Readiness {
  const apply = stepOf(project, 'apply');
  if (project.type === 'SYNC' || !apply || project.stop_when !== 'never' || project.parent_id || project.switchover) return 'never';
  if (project.status.startsWith('RELEAS') || project.status === 'FINISHED') return 'never';
  const others = project.steps.filter((step) => !NOT_BEFORE.has(step.name));
  const ready = project.status === 'RUNNING' && apply.status === 'MONITORING' && others.every((step) => step.status === 'FINISHED');
  return ready ? 'now' : 'later';
}

export type Writer = 'source' | 'nobody' | 'target' | 'targetBack';

const BEFORE = new Set(['precheck', 'target-log', 'confirm']);

/** To which side the application may write now. */
export function writerOf(found: Switchover): Writer {
  if (found.application_may_write) return found.reverses ? 'targetBack' : 'target';
  if (found.stage === 'cancelling') return 'source';
  return BEFORE.has(found.stage) && !found.source_stopped ? 'source' : 'nobody';
}

export type Next = 'stopAndConfirm' | 'stopSoon' | 'decideDifferences' | 'mend' | 'goOver' | 'cancelling' | 'wait' | 'waitNoReturn';

/** What the operator has to do next. */
export function nextOf(found: Switchover): Next {
  if (found.application_may_write) return 'goOver';
  if (found.stage === 'cancelling') return 'cancelling';
  if (found.actions.includes('accept')) return 'decideDifferences';
  if (found.actions.includes('retry')) return 'mend';
  if (found.stage === 'confirm' && !found.source_stopped) return 'stopAndConfirm';
  if (BEFORE.has(found.stage) && !found.source_stopped) return 'stopSoon';
  return found.may_cancel ? 'wait' : 'waitNoReturn';
}

export type SwitchAction = Switchover['actions'][number];

/** Those offered, the one that goes on first. */
export function offeredActions(found: Switchover): SwitchAction[] {
  // What is confirmed before it is asked for binds the operator to stop the application within a moment nobody knows.
  const early = found.stage !== 'confirm';
  return found.actions.filter((action) => !(action === 'confirm' && early));
}

export const TYPED: ReadonlySet<SwitchAction> = new Set(['confirm', 'accept', 'cancel']);
