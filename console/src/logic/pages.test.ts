import { describe, expect, it } from 'vitest';
import { PAGE, pagesOf } from './pages';

describe('pages in sight', () => {
  it('are those of the first and the last row', () => {
    expect(pagesOf(0, 1)).toEqual([1, 1]);
    expect(pagesOf(0, PAGE)).toEqual([1, 1]);
    expect(pagesOf(PAGE - 5, PAGE + 5)).toEqual([1, 2]);
    expect(pagesOf(3 * PAGE, 3 * PAGE + 30)).toEqual([4, 4]);
    expect(pagesOf(0, 0)).toEqual([1, 1]);
  });
});
