/** What may be done in which status, and how a project stands in a word. */
import type { Project, Step } from '../api/types';

export type Action = 'start' | 'stop' | 'resume' | 'release' | 'delete';

const ALLOWED: Record<string, Action[]> = {
  INIT: ['start', 'delete'],
  RUNNING: ['stop'],
  SUSPEND: ['resume', 'release'],
  FAILED: ['resume', 'release'],
  FINISHED: ['release'],
  RELEASING: [],
  RELEASED: ['delete'],
  DELETED: [],
};

/** Actions that end something for good: the name has to be typed. */
export const FINAL: ReadonlySet<Action> = new Set(['release', 'delete']);

export function actionsOf(status: string): Action[] {
  return ALLOWED[status] ?? [];
}

/** Actions that at least one of these projects allows. */
export function commonActions(statuses: string[]): Action[] {
  const order: Action[] = ['start', 'stop', 'resume', 'release', 'delete'];
  return order.filter((action) => statuses.some((status) => actionsOf(status).includes(action)));
}

export function stepOf(project: Project, name: string): Step | undefined {
  return project.steps.find((step) => step.name === name);
}

export function isMoving(step: Step | undefined): boolean {
  return step?.status === 'RUNNING' || step?.status === 'MONITORING';
}

/** Seconds the target is behind, while the project follows its source. */
export function latencyOf(project: Project): number | null {
  const apply = stepOf(project, 'apply');
  return project.status === 'RUNNING' && isMoving(apply) ? (apply?.latency_seconds ?? null) : null;
}

/** Rows a second that reach the target. */
export function rateOf(project: Project): number {
  if (project.status !== 'RUNNING') return 0;
  return ['load', 'apply']
    .map((name) => stepOf(project, name))
    .filter(isMoving)
    .reduce((sum, step) => sum + (step?.rows_per_second ?? 0), 0);
}

/** The step to name beside a project: one that failed, else the one under way, else the next, else the last. */
export function shownStep(project: Project): Step | undefined {
  return (
    project.steps.find((step) => step.status === 'FAILED') ??
    project.steps.find((step) => step.status === 'RUNNING' && step.name !== 'capture') ??
    project.steps.find((step) => step.status === 'MONITORING') ??
    project.steps.find((step) => step.status !== 'FINISHED') ??
    project.steps.at(-1)
  );
}
