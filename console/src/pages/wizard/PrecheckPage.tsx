import { useCallback, useEffect, useRef, useState } from 'react';
import { failureOf, post, type Failure } from '../../api/client';
import type { Check, NewProject } from '../../api/types';
import { useText } from '../../i18n';
import { Checks } from '../../parts/Checks';
import { Failed } from '../../parts/States';
import { Alert, Button } from '../../ui';
import { Assessment } from './Assessment';
import { hinderReverse, requestOf } from './form';
import type { PageProps } from './pageProps';

export function PrecheckPage({ form, change, onJudged }: PageProps & { onJudged: (checks: Check[] | null) => void }) {
  const t = useText();
  const [checks, setChecks] = useState<Check[] | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [busy, setBusy] = useState(true);
  const judge = useRef(onJudged);
  judge.current = onJudged;
  const request = JSON.stringify(requestOf(form));

  const run = useCallback(async () => {
    setBusy(true);
    setFailure(null);
    judge.current(null);
    try {
      const found = await post<Check[]>('/api/v1/precheck', JSON.parse(request));
      setChecks(found);
      judge.current(found);
    } catch (problem) {
      setFailure(failureOf(problem));
    }
    setBusy(false);
  }, [request]);
  useEffect(() => void run(), [run]);

  const failed = checks?.filter((check) => check.verdict === 'FAILED').length ?? 0;
  const warned = checks?.filter((check) => check.verdict === 'WARNED').length ?? 0;
  const accept = (item: string, yes: boolean) =>
    change({ accepted: yes ? [...form.accepted, item] : form.accepted.filter((each) => each !== item) });
  const decide = (policy: string, action: string) => {
    const { [policy]: _, ...others } = form.onValue;
    change({ onValue: action === 'fail' ? others : { ...others, [policy]: action } });
  };
  return (
    <>
      {busy && (
        <p role="status">
          <span className="spinner" aria-hidden="true" /> {t('wizard.checking')}
        </p>
      )}
      {hinderReverse(form) && <Alert role="alert" type="error" showIcon message={t('wizard.reverseHindered')} />}
      {failure && <Failed failure={failure} />}
      {checks && !busy && (
        <Alert
          role={failed ? 'alert' : 'status'}
          type={failed ? 'error' : warned ? 'warning' : 'success'}
          showIcon
          message={failed ? t('wizard.checkFailed', { count: failed }) : warned ? t('wizard.checkWarned', { count: warned }) : t('wizard.checkPassed')}
        />
      )}
      {checks && <Checks items={checks} accepted={form.accepted} onAccept={accept} policies={form.onValue} onPolicy={decide} />}
      <Button disabled={busy} onClick={() => void run()}>
        {t('wizard.check')}
      </Button>
      <Assessment key={request} request={JSON.parse(request) as NewProject} />
    </>
  );
}
