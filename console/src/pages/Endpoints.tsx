import { PlusOutlined } from '@oceanbase/icons';
import { useState } from 'react';
import { useAct } from '../api/act';
import { post, query, remove } from '../api/client';
import { useLoaded } from '../api/load';
import { useMark } from '../api/marks';
import { useMay } from '../api/session';
import { useMarks } from '../api/stream';
import type { ConnectionOutcome, Endpoint, EndpointPage } from '../api/types';
import { useLanguage, useText } from '../i18n';
import { useSaid } from '../i18n/said';
import { moment, duration } from '../logic/format';
import { AskByName } from '../parts/AskByName';
import { EndpointDrawer } from '../parts/EndpointDrawer';
import { Failed, Loading, Nothing, Page, Panel } from '../parts/States';
import { Button, Input, Pagination, Space } from '../ui';

const SIZE = 20;

export default function Endpoints() {
  const t = useText();
  useMarks();
  const may = useMay('operator');
  const [search, setSearch] = useState('');
  const [number, setNumber] = useState(1);
  const [adding, setAdding] = useState(false);
  const [changing, setChanging] = useState<Endpoint | null>(null);
  const [removing, setRemoving] = useState<Endpoint | null>(null);
  const { data, failure, loading, again } = useLoaded<EndpointPage>(`/api/v1/endpoints${query({ search, page: number, size: SIZE })}`, useMark('changes'));
  const kept = () => {
    setAdding(false);
    setChanging(null);
    again();
  };
  const add = may && (
    <Button type="primary" icon={<PlusOutlined />} onClick={() => setAdding(true)}>
      {t('endpoints.new')}
    </Button>
  );
  return (
    <Page title={t('endpoints.title')} extra={add}>
      <div className="filters">
        <Input.Search
          allowClear
          aria-label={t('projects.search')}
          placeholder={t('projects.search')}
          onSearch={(text) => {
            setSearch(text);
            setNumber(1);
          }}
        />
      </div>
      {failure && <Failed failure={failure} again={again} />}
      {!data && loading && <Loading />}
      {data && (
        <Panel>
          {data.items.length === 0 ? <Nothing text={t('endpoints.empty')}>{add}</Nothing> : <EndpointTable items={data.items} may={may} change={setChanging} remove={setRemoving} />}
        </Panel>
      )}
      {data && data.total > SIZE && (
        <Pagination current={number} total={data.total} pageSize={SIZE} showSizeChanger={false} onChange={setNumber} />
      )}
      <EndpointDrawer open={adding} onClose={() => setAdding(false)} onKept={kept} />
      {changing && <EndpointDrawer key={changing.id} open changing={changing} onClose={() => setChanging(null)} onKept={kept} />}
      {removing && <Removal endpoint={removing} onClose={() => setRemoving(null)} onDone={again} />}
    </Page>
  );
}

interface TableProps {
  items: Endpoint[];
  may: boolean;
  change: (endpoint: Endpoint) => void;
  remove: (endpoint: Endpoint) => void;
}

function EndpointTable({ items, may, change, remove }: TableProps) {
  const t = useText();
  const language = useLanguage();
  return (
    <table className="grid cards">
      <thead>
        <tr>
          <th>{t('endpoints.name')}</th>
          <th>{t('endpoints.address')}</th>
          <th>{t('endpoints.description')}</th>
          <th>{t('endpoints.created')}</th>
          {may && <th aria-label={t('app.actions')} />}
        </tr>
      </thead>
      <tbody>
        {items.map((each) => (
          <tr key={each.id}>
            <th scope="row">
              <span className="wrap">{each.name}</span>
              <span className="dim small block">{each.id}</span>
            </th>
            <td data-label={t('endpoints.address')}>
              <code className="wrap">{each.url}</code>
            </td>
            <td data-label={t('endpoints.description')} className="wrap">
              {each.description || '–'}
            </td>
            <td data-label={t('endpoints.created')} className="small">
              {moment(each.created_at, language)}
            </td>
            {may && (
              <td>
                <Space wrap>
                  <TestButton endpoint={each} />
                  <Button size="small" aria-label={t('endpoints.change', { name: each.name })} onClick={() => change(each)}>
                    {t('endpoints.edit')}
                  </Button>
                  <Button size="small" danger aria-label={t('endpoints.askRemove', { name: each.name })} onClick={() => remove(each)}>
                    {t('endpoints.remove')}
                  </Button>
                </Space>
              </td>
            )}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Removal({ endpoint, onClose, onDone }: { endpoint: Endpoint; onClose: () => void; onDone: () => void }) {
  const t = useText();
  const { busy, failure, run } = useAct();
  const drop = async () => {
    await remove(`/api/v1/endpoints/${endpoint.id}`);
    onDone();
    onClose();
  };
  return (
    <AskByName
      title={t('endpoints.askRemove', { name: endpoint.name })}
      wanted={endpoint.name}
      yes={t('endpoints.remove')}
      danger
      busy={busy}
      failure={failure}
      onYes={() => void run(drop)}
      onNo={onClose}
    >
      <p>{t('endpoints.askRemoveText')}</p>
    </AskByName>
  );
}

function TestButton({ endpoint }: { endpoint: Endpoint }) {
  const t = useText();
  const said = useSaid();
  const [outcome, setOutcome] = useState<ConnectionOutcome | null>(null);
  const { busy, failure, run } = useAct();
  const test = async () => setOutcome(await post<ConnectionOutcome>('/api/v1/endpoints/test', { url: endpoint.id }));
  return (
    <>
      <Button size="small" loading={busy} onClick={() => void run(test)}>
        {t('endpoints.test')}
      </Button>
      {failure && <Failed failure={failure} />}
      {outcome && !failure && (
        <span role="status" className={`block small wrap ${outcome.ok ? 'good' : 'bad'}`}>
          {outcome.ok ? t('endpoints.testGood', { time: duration(outcome.milliseconds / 1000) }) : said(String(outcome.error?.['message'] ?? t('endpoints.testBad')))}
        </span>
      )}
    </>
  );
}
