import { known, useText } from '../i18n';

/** A status in its word, with a mark beside it: never by colour alone. */
export function Status({ status }: { status: string }) {
  const t = useText();
  return (
    <span className={`status status-${status}`}>
      <span aria-hidden="true" className="dot" />
      {known(t, 'status', status)}
    </span>
  );
}

export function Bar({ percent, label, failed = false }: { percent: number; label: string; failed?: boolean }) {
  return (
    <span className={failed ? 'meter meter-failed' : 'meter'}>
      <progress max={100} value={percent} aria-label={label} />
      <span className="figure">{percent} %</span>
    </span>
  );
}
