/** A table of which only the rows in sight exist, so that 10,000 of them scroll smoothly. */
import { useState, type ReactNode } from 'react';

const ROW = 37;
const HEIGHT = 640;
const SPARE = 10;

interface Props<T> {
  label: string;
  columns: string[];
  items: readonly T[];
  row: (item: T) => ReactNode;
}

export function Windowed<T>({ label, columns, items, row }: Props<T>) {
  const [top, setTop] = useState(0);
  const few = items.length <= 200;
  const first = few ? 0 : Math.max(0, Math.min(Math.floor(top / ROW) - SPARE, items.length - 1));
  const last = few ? items.length : Math.min(items.length, first + Math.ceil(HEIGHT / ROW) + 2 * SPARE);
  return (
    <div
      className="windowed"
      role="region"
      aria-label={label}
      tabIndex={0}
      style={{ maxHeight: HEIGHT }}
      onScroll={(event) => setTop(event.currentTarget.scrollTop)}
    >
      <table className="grid rows" aria-rowcount={items.length + 1}>
        <thead>
          <tr>
            {columns.map((name, place) => (
              <th key={name} className={place > 2 ? 'number' : undefined}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {first > 0 && (
            <tr aria-hidden="true" style={{ height: first * ROW }}>
              <td colSpan={columns.length} />
            </tr>
          )}
          {items.slice(first, last).map(row)}
          {last < items.length && (
            <tr aria-hidden="true" style={{ height: (items.length - last) * ROW }}>
              <td colSpan={columns.length} />
            </tr>
          )}
        </tbody>
      </table>
    </div>
  );
}
