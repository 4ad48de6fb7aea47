import { useState } from 'react';
import { Link } from 'react-router-dom';
import { query } from '../api/client';
import { useLoaded } from '../api/load';
import { useMark } from '../api/marks';
import { useMay } from '../api/session';
import { useMarks } from '../api/stream';
import { known, useLanguage, useText } from '../i18n';
import { useTitles } from '../i18n/said';
import { actOf, projectOf } from '../logic/audit';
import { moment } from '../logic/format';
import { Failed, Loading, Nothing, Page, Panel } from '../parts/States';
import { Button, Input } from '../ui';

interface Entry {
  id: number;
  at: string;
  account: string;
  address: string;
  action: string;
  outcome: string;
  detail: string | Record<string, unknown>;
}

const SIZE = 100;

/** What was done in words, and the call it was done by. */
function Action({ action }: { action: string }) {
  const t = useText();
  const act = actOf(action);
  const project = projectOf(action);
  return (
    <>
      {act && known(t, 'audit.act', act)} {project && <Link to={`/projects/${project}`}>{project}</Link>}
      <code className={act ? 'dim small block' : undefined}>{action}</code>
    </>
  );
}

function written(detail: Entry['detail']): string {
  const text = typeof detail === 'string' ? detail : JSON.stringify(detail);
  return text === '{}' ? '–' : text;
}

export default function Audit() {
  const t = useText();
  const language = useLanguage();
  useMarks();
  const mark = useMark('changes');
  const admin = useMay('admin');
  const titled = useTitles();
  const [account, setAccount] = useState('');
  const [before, setBefore] = useState<number | undefined>();
  const path = admin ? `/api/v1/audit${query({ account, before, limit: SIZE })}` : null;
  const { data, failure, loading, again } = useLoaded<Entry[]>(path, before ? null : mark);
  return (
    <Page title={t('audit.title')}>
      {!admin && <Nothing text={t('app.adminOnly')} />}
      {admin && (
        <Panel>
          <div className="filters">
            <Input.Search
              allowClear
              aria-label={t('audit.account')}
              placeholder={t('audit.account')}
              onSearch={(text) => {
                setAccount(text.trim());
                setBefore(undefined);
              }}
            />
          </div>
          {failure && <Failed failure={failure} again={again} />}
          {!data && loading && <Loading />}
          {data && data.length === 0 && <Nothing text={t('audit.empty')} />}
          {data && data.length > 0 && (
            <table className="grid cards">
              <thead>
                <tr>
                  <th>{t('audit.time')}</th>
                  <th>{t('audit.account')}</th>
                  <th>{t('audit.address')}</th>
                  <th>{t('audit.action')}</th>
                  <th>{t('audit.outcome')}</th>
                  <th>{t('audit.detail')}</th>
                </tr>
              </thead>
              <tbody>
                {data.map((entry) => (
                  <tr key={entry.id}>
                    <td data-label={t('audit.time')} className="small">
                      {moment(entry.at, language)}
                    </td>
                    <th scope="row" data-label={t('audit.account')}>
                      {entry.account || '–'}
                    </th>
                    <td data-label={t('audit.address')}>{entry.address}</td>
                    <td data-label={t('audit.action')} className="wrap">
                      <Action action={entry.action} />
                    </td>
                    <td data-label={t('audit.outcome')} className={entry.outcome === 'ok' ? undefined : 'bad wrap'}>
                      {entry.outcome === 'ok' ? t('audit.ok') : titled(entry.outcome)}
                    </td>
                    <td data-label={t('audit.detail')} className="wrap small">
                      {written(entry.detail)}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          )}
          {data && data.length === SIZE && <Button onClick={() => setBefore(data.at(-1)?.id)}>{t('audit.older')}</Button>}
        </Panel>
      )}
    </Page>
  );
}
