/** What a page shows while it has nothing to show: loading, empty, failed. */
import type { ReactNode } from 'react';
import type { Failure } from '../api/client';
import { useText } from '../i18n';
import { Alert, Button } from '../ui';
import { useTitle } from './title';
import { Remedy, Words } from './Words';

export function Loading() {
  const t = useText();
  return (
    <div className="state" role="status" aria-label={t('app.loading')}>
      <span className="spinner" aria-hidden="true" />
    </div>
  );
}

/** A failed call, or what a project has stopped at: what, where, what to do, and what can be done here. */
export function Failed({ failure, again, children }: { failure: Failure; again?: () => void; children?: ReactNode }) {
  const t = useText();
  return (
    <Alert
      role="alert"
      type="error"
      showIcon
      message={
        <>
          <Words code={failure.code} text={failure.message} /> {failure.code && <code className="dim small">{failure.code}</code>}
        </>
      }
      description={
        (failure.hint || children) && (
          <>
            <Remedy text={failure.hint} />
            {children}
          </>
        )
      }
      action={again && <Button onClick={again}>{t('app.retry')}</Button>}
    />
  );
}

export function Nothing({ text, children }: { text: string; children?: ReactNode }) {
  return (
    <div className="state">
      <svg width="72" height="48" viewBox="0 0 72 48" aria-hidden="true" focusable="false" className="calm">
        <path d="M8 26h56l-9 13H17z" />
        <path d="M24 22V6h5v16zM33 22V9l18 13z" />
        <path d="M2 45q6-5 12 0t12 0 12 0 12 0 12 0 8-3" fill="none" strokeWidth="2" />
      </svg>
      <p className="dim">{text}</p>
      {children}
    </div>
  );
}

export function Page({ title, extra, children }: { title: string; extra?: ReactNode; children: ReactNode }) {
  useTitle(title);
  return (
    <>
      <div className="head">
        <h1>{title}</h1>
        <span className="grow" />
        {extra}
      </div>
      {children}
    </>
  );
}

export function Panel({ title, extra, children }: { title?: ReactNode; extra?: ReactNode; children: ReactNode }) {
  return (
    <section className="panel">
      {(title || extra) && (
        <div className="panel-head">
          <h2>{title}</h2>
          <span className="grow" />
          {extra}
        </div>
      )}
      {children}
    </section>
  );
}
