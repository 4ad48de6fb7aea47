/** Alerts: what is wrong now and was, the rules that say so, silences, and the ways to people. */
import { useState } from 'react';
import { Link, useNavigate, useParams } from 'react-router-dom';
import { query } from '../../api/client';
import { useLoaded } from '../../api/load';
import { useMark } from '../../api/marks';
import { useMarks } from '../../api/stream';
import type { AlertPage } from '../../api/types';
import { known, useLanguage, useText } from '../../i18n';
import { count, moment } from '../../logic/format';
import { Failed, Loading, Nothing, Page, Panel } from '../../parts/States';
import { Tabs } from '../../parts/Tabs';
import { Said } from '../../parts/Words';
import { Input, Pagination, Segmented } from '../../ui';
import { Channels } from './Channels';
import { Rules } from './Rules';
import { Silences } from './Silences';

const SIZE = 50;
const STATES = ['open', 'recovered', 'all'] as const;

export default function Alerts() {
  const t = useText();
  useMarks();
  const navigate = useNavigate();
  const { tab = 'list' } = useParams();
  const tabs = [
    { key: 'list', label: t('alerts.tab.list'), children: <AlertList /> },
    { key: 'rules', label: t('alerts.tab.rules'), children: <Rules /> },
    { key: 'silences', label: t('alerts.tab.silences'), children: <Silences /> },
    { key: 'channels', label: t('alerts.tab.channels'), children: <Channels /> },
  ];
  return (
    <Page title={t('alerts.title')}>
      <Tabs label={t('alerts.title')} active={tab} tabs={tabs} onChange={(key) => navigate(`/alerts/${key}`, { replace: true })} />
    </Page>
  );
}

function AlertList() {
  const t = useText();
  const [state, setState] = useState<(typeof STATES)[number]>('open');
  const [search, setSearch] = useState('');
  const [page, setPage] = useState(1);
  const { data, failure, loading, again } = useLoaded<AlertPage>(`/api/v1/alerts${query({ state, search, page, size: SIZE })}`, useMark('alerts'));
  return (
    <Panel>
      <div className="filters">
        <Segmented
          value={state}
          onChange={(value) => {
            setState(value as 'open');
            setPage(1);
          }}
          options={STATES.map((value) => ({ value, label: t(value === 'all' ? 'alerts.every' : `alerts.${value}`) }))}
        />
        <Input.Search
          allowClear
          aria-label={t('alerts.search')}
          placeholder={t('alerts.search')}
          onSearch={(text) => {
            setSearch(text);
            setPage(1);
          }}
        />
      </div>
      {failure && <Failed failure={failure} again={again} />}
      {!data && loading && <Loading />}
      {data && data.items.length === 0 && <Nothing text={t('alerts.none')} />}
      {data && data.items.length > 0 && <AlertTable page={data} />}
      {data && data.total > SIZE && <Pagination current={page} total={data.total} pageSize={SIZE} showSizeChanger={false} onChange={setPage} />}
    </Panel>
  );
}

function AlertTable({ page }: { page: AlertPage }) {
  const t = useText();
  const language = useLanguage();
  return (
    <table className="grid cards">
      <thead>
        <tr>
          <th>{t('alerts.what')}</th>
          <th>{t('alerts.level')}</th>
          <th>{t('alerts.project')}</th>
          <th>{t('alerts.since')}</th>
          <th>{t('alerts.over')}</th>
          <th className="number">{t('alerts.notices')}</th>
        </tr>
      </thead>
      <tbody>
        {page.items.map((alert) => (
          <tr key={alert.id} data-rule={alert.rule} data-state={alert.state}>
            <th scope="row">
              {known(t, 'alerts.rule', alert.rule)}
              <span className="dim small block wrap"><Said text={alert.message} /></span>
            </th>
            <td data-label={t('alerts.level')}>
              <span className={alert.level === 'HIGH' && alert.state === 'OPEN' ? 'bad' : undefined}>{known(t, 'importance', alert.level)}</span>
            </td>
            <td data-label={t('alerts.project')} className="wrap">
              {alert.project_id ? <Link to={`/projects/${alert.project_id}`}>{alert.project}</Link> : t('alerts.service')}
            </td>
            <td data-label={t('alerts.since')} className="small">
              {moment(alert.since, language)}
            </td>
            <td data-label={t('alerts.over')} className="small">
              {moment(alert.recovered_at, language)}
            </td>
            <td data-label={t('alerts.notices')} className="number">
              {count(alert.notices, language)}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
