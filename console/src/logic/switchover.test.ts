import { describe, expect, it } from 'vitest';
import type { Project, Step, Switchover } from '../api/types';
import { nextOf, offeredActions, readiness, writerOf } from './switchover';

const step = (name: string, status: string): Step => ({ name, status }) as Step;
const following = [step('load', 'FINISHED'), step('capture', 'MONITORING'), step('apply', 'MONITORING'), step('switchover', 'INIT')];
const project = (more: Partial<Project> = {}): Project =>
  ({ type: 'MIGRATION', status: 'RUNNING', stop_when: 'never', parent_id: '', switchover: null, steps: following, ...more }) as Project;
const found = (stage: string, more: Partial<Switchover> = {}): Switchover =>
  ({ stage, actions: [], may_cancel: true, application_may_write: false, source_stopped: false, reverses: true, ...more }) as Switchover;

describe('a switchover is offered', () => {
  it('to a project that follows and has nothing else to do', () => {
    expect(readiness(project())).toBe('now');
    expect(readiness(project({ status: 'SUSPEND' }))).toBe('later');
    expect(readiness(project({ steps: [step('verify', 'RUNNING'), ...following] }))).toBe('later');
  });
  it('never where it has no meaning', () => {
    for (const more of [{ type: 'SYNC' }, { stop_when: 'caught-up' }, { steps: [step('load', 'FINISHED')] }, { status: 'RELEASED' }, { switchover: found('done') }])
      expect(readiness(project(more)), JSON.stringify(more)).toBe('never');
  });
});

describe('a switchover tells', () => {
  it('who may write: one side at a time, or nobody', () => {
    expect(writerOf(found('precheck'))).toBe('source');
    expect(writerOf(found('confirm'))).toBe('source');
    for (const stage of ['confirm', 'end', 'drain', 'prove', 'stop-forward', 'objects'])
      expect(writerOf(found(stage, { source_stopped: true })), stage).toBe('nobody');
    expect(writerOf(found('cancelling', { source_stopped: true }))).toBe('source');
    expect(writerOf(found('done', { application_may_write: true }))).toBe('targetBack');
    expect(writerOf(found('done', { application_may_write: true, reverses: false }))).toBe('target');
  });
  it('what comes next', () => {
    expect(nextOf(found('precheck', { actions: ['confirm', 'cancel'] }))).toBe('stopSoon');
    expect(nextOf(found('confirm', { actions: ['confirm', 'cancel'] }))).toBe('stopAndConfirm');
    expect(nextOf(found('prove', { source_stopped: true, actions: ['retry', 'accept', 'cancel'] }))).toBe('decideDifferences');
    expect(nextOf(found('objects', { source_stopped: true, may_cancel: false }))).toBe('waitNoReturn');
  });
  it('is confirmed when it asks for that, not before', () => {
    expect(offeredActions(found('precheck', { actions: ['confirm', 'cancel'] }))).toEqual(['cancel']);
    expect(offeredActions(found('confirm', { actions: ['confirm', 'cancel'] }))).toEqual(['confirm', 'cancel']);
  });
});
