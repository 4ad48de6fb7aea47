/** A table of which only the rows in sight exist, so that 10,000 of them scroll smoothly. */
import { useEffect, useState, type ReactNode } from 'react';

const HEIGHT = 640;
const SPARE = 6;

interface Props {
  label: string;
  /** The cells of the head. */
  head: ReactNode;
  columns: number;
  count: number;
  /** Up to so many rows all exist, as high as they like. */
  whole: number;
  /** Pixels of a row among more than that. */
  height: number;
  className: string;
  row: (place: number) => ReactNode;
  /** Told which rows (from 0, the last not among them) exist. */
  onRange?: (first: number, last: number) => void;
}

export function Windowed({ label, head, columns, count, whole, height, className, row, onRange }: Props) {
  const [top, setTop] = useState(0);
  const few = count <= whole;
  const first = few ? 0 : Math.max(0, Math.min(Math.floor(top / height) - SPARE, count - 1));
  const last = few ? count : Math.min(count, first + Math.ceil(HEIGHT / height) + 2 * SPARE);
  useEffect(() => onRange?.(first, last), [onRange, first, last]);
  const gap = (rows: number) =>
    rows > 0 && (
      <tr aria-hidden="true" className="gap" style={{ height: rows * height }}>
        <td colSpan={columns} />
      </tr>
    );
  return (
    <div
      className="windowed"
      role="region"
      aria-label={label}
      tabIndex={0}
      style={{ maxHeight: few ? undefined : HEIGHT }}
      onScroll={(event) => setTop(event.currentTarget.scrollTop)}
    >
      <table className={`grid ${className} ${few ? '' : 'fixed'}`} aria-rowcount={count + 1}>
        <thead>
          <tr>{head}</tr>
        </thead>
        <tbody>
          {gap(first)}
          {Array.from({ length: last - first }, (_, place) => row(first + place))}
          {gap(count - last)}
        </tbody>
      </table>
    </div>
  );
}
