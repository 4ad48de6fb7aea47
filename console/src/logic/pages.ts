/** A list of which the service tells pages: those in sight are followed live, those seen before are kept. */
import { useCallback, useEffect, useState } from 'react';
import type { Failure } from '../api/client';
import { useStream } from '../api/stream';
import type { Project, ProjectPage } from '../api/types';

export const PAGE = 50;
const SETTLE_MS = 120;

/** The pages (from 1) that hold these rows; the middle one where they reach over three. */
export function pagesOf(first: number, last: number): [number, number] {
  const page = (row: number) => Math.floor(Math.max(0, row) / PAGE) + 1;
  const [from, to] = [page(first), page(last - 1)];
  return [Math.max(from, to - 1), Math.max(from, to)];
}

export interface FarList {
  /** `null`: not known yet. */
  total: number | null;
  failure: Failure | null;
  at: (place: number) => Project | undefined;
  known: Project[];
  look: (first: number, last: number) => void;
}

/** Follow the pages in sight; `pathOf` is that of one list: another list is another component. */
export function useFarList(pathOf: (page: number) => string): FarList {
  const [range, look] = useRange();
  const [pages, setPages] = useState<ReadonlyMap<number, Project[]>>(new Map());
  const [total, setTotal] = useState<number | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [one, two] = pagesOf(...range);
  const handlers = {
    onMessage: (name: string, document: unknown) => {
      if (name !== 'page') return;
      const found = document as ProjectPage;
      setPages((before) => new Map(before).set(found.page, found.items));
      setTotal(found.total);
      setFailure(null);
    },
    onFailure: setFailure,
  };
  useStream(pathOf(one), handlers);
  useStream(two === one ? null : pathOf(two), handlers);
  const at = (place: number) => pages.get(Math.floor(place / PAGE) + 1)?.[place % PAGE];
  return { total, failure, at, known: [...pages.values()].flat(), look };
}

/** The rows in sight, once scrolling has slowed down: what flies past is not asked for. */
function useRange(): [[number, number], (first: number, last: number) => void] {
  const [now, setNow] = useState<[number, number]>([0, 1]);
  const [settled, setSettled] = useState(now);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(now), SETTLE_MS);
    return () => clearTimeout(timer);
  }, [now]);
  const look = useCallback((first: number, last: number) => setNow([first, last]), []);
  return [settled, look];
}
