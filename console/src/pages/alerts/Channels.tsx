import { useState } from 'react';
import { useAct } from '../../api/act';
import { post, remove, type Failure } from '../../api/client';
import { useLoaded } from '../../api/load';
import { useMark } from '../../api/marks';
import { useMay } from '../../api/session';
import type { Channel, ChannelTest } from '../../api/types';
import { useText } from '../../i18n';
import { Failed, Loading, Nothing, Panel } from '../../parts/States';
import { Words } from '../../parts/Words';
import { App, Button, Space } from '../../ui';
import { ChannelEditor } from './ChannelEditor';

export function Channels() {
  const t = useText();
  const admin = useMay('admin');
  const { data, failure, loading, again } = useLoaded<Channel[]>('/api/v1/alerts/channels', useMark('changes'));
  const [editing, setEditing] = useState<Channel | 'new' | null>(null);
  return (
    <Panel extra={admin && <Button onClick={() => setEditing('new')}>{t('alerts.newChannel')}</Button>}>
      {failure && <Failed failure={failure} again={again} />}
      {!data && loading && <Loading />}
      {data && data.length === 0 && <Nothing text={t('alerts.noChannel')} />}
      {data && data.length > 0 && (
        <table className="grid cards">
          <thead>
            <tr>
              <th>{t('alerts.channelName')}</th>
              <th>{t('alerts.channelKind')}</th>
              <th>{t('alerts.enabled')}</th>
              {admin && <th aria-label={t('app.actions')} />}
            </tr>
          </thead>
          <tbody>
            {data.map((channel) => (
              <tr key={channel.id}>
                <th scope="row" className="wrap">
                  {channel.name}
                </th>
                <td data-label={t('alerts.channelKind')}>{t(`alerts.kind.${channel.kind}`)}</td>
                <td data-label={t('alerts.enabled')}>{t(channel.enabled ? 'publish.yes' : 'publish.no')}</td>
                {admin && (
                  <td>
                    <ChannelButtons channel={channel} onEdit={() => setEditing(channel)} again={again} />
                  </td>
                )}
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {editing && (
        <ChannelEditor
          channel={editing === 'new' ? null : editing}
          onClose={() => setEditing(null)}
          onDone={() => {
            setEditing(null);
            again();
          }}
        />
      )}
    </Panel>
  );
}

function ChannelButtons({ channel, onEdit, again }: { channel: Channel; onEdit: () => void; again: () => void }) {
  const t = useText();
  const { modal } = App.useApp();
  const [outcome, setOutcome] = useState<Failure | 'good' | null>(null);
  const { busy, failure, run } = useAct();
  const path = `/api/v1/alerts/channels/${encodeURIComponent(channel.id)}`;
  const test = async () => {
    const found = await post<ChannelTest>(`${path}/test`);
    setOutcome(found.ok ? 'good' : (found.error as unknown as Failure));
  };
  const drop = () =>
    modal.confirm({
      title: t('alerts.removeChannel', { name: channel.name }),
      okText: t('app.remove'),
      okButtonProps: { danger: true },
      cancelText: t('app.cancel'),
      onOk: () => run(() => remove(path).then(again)),
    });
  return (
    <>
      <Space wrap>
        <Button size="small" loading={busy} onClick={() => void run(test)}>
          {t('alerts.test')}
        </Button>
        <Button size="small" onClick={onEdit}>
          {t('alerts.edit')}
        </Button>
        <Button size="small" danger onClick={drop}>
          {t('app.remove')}
        </Button>
      </Space>
      {failure && <Failed failure={failure} />}
      {outcome && !failure && (
        <span role="status" className={`block small ${outcome === 'good' ? 'good' : 'bad'}`}>
          {outcome === 'good' ? t('alerts.testGood') : <Words code={outcome.code} text={outcome.message} />}
        </span>
      )}
    </>
  );
}
