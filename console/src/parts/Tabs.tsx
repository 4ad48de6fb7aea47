/** Tabs as one reads them in a row: all are there, and scroll sideways where the window is narrow. */
import { useEffect, useRef, type KeyboardEvent, type ReactNode } from 'react';

export interface Tab {
  key: string;
  label: string;
  children: ReactNode;
}

interface Props {
  label: string;
  active: string;
  tabs: Tab[];
  onChange: (key: string) => void;
}

const STEPS: Record<string, number> = { ArrowRight: 1, ArrowLeft: -1 };

export function Tabs({ label, active, tabs, onChange }: Props) {
  const row = useRef<HTMLDivElement>(null);
  const at = Math.max(0, tabs.findIndex((tab) => tab.key === active));
  const shown = tabs[at]!;
  useEffect(() => {
    const tab = row.current?.children[at] as HTMLElement | undefined;
    row.current?.scrollTo({ left: (tab?.offsetLeft ?? 0) - 60 });
  }, [at]);
  const walk = (event: KeyboardEvent) => {
    const ends: Record<string, number> = { Home: 0, End: tabs.length - 1 };
    const next = event.key in ends ? ends[event.key]! : event.key in STEPS ? (at + STEPS[event.key]! + tabs.length) % tabs.length : -1;
    if (next < 0) return;
    event.preventDefault();
    onChange(tabs[next]!.key);
    (row.current?.children[next] as HTMLElement | undefined)?.focus();
  };
  return (
    <>
      <div ref={row} className="tabs" role="tablist" aria-label={label} onKeyDown={walk}>
        {tabs.map((tab) => (
          <button
            key={tab.key}
            type="button"
            role="tab"
            id={`tab-${tab.key}`}
            aria-selected={tab === shown}
            aria-controls={tab === shown ? `panel-${tab.key}` : undefined}
            tabIndex={tab === shown ? 0 : -1}
            onClick={() => onChange(tab.key)}
          >
            {tab.label}
          </button>
        ))}
      </div>
      <div role="tabpanel" id={`panel-${shown.key}`} aria-labelledby={`tab-${shown.key}`}>
        {shown.children}
      </div>
    </>
  );
}
