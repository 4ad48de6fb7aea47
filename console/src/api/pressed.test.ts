import { afterEach, describe, expect, it, vi } from 'vitest';
import { press, release, whenReleased } from './pressed';

describe('a pressed finger', () => {
  afterEach(() => {
    release();
    vi.useRealTimers();
  });
  it('holds news back until it is up, in their order', () => {
    const seen: string[] = [];
    press();
    whenReleased(() => seen.push('one'));
    whenReleased(() => seen.push('two'));
    expect(seen).toEqual([]);
    release();
    whenReleased(() => seen.push('three'));
    expect(seen).toEqual(['one', 'two', 'three']);
  });
  it('is not waited for longer than a click takes', () => {
    vi.useFakeTimers();
    const seen: string[] = [];
    press();
    whenReleased(() => seen.push('one'));
    vi.advanceTimersByTime(2999);
    expect(seen).toEqual([]);
    vi.advanceTimersByTime(2);
    expect(seen).toEqual(['one']);
  });
});
