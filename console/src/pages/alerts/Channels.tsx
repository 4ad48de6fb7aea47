import { useState } from 'react';
import { failureOf, patch, post, remove, type Failure } from '../../api/client';
import { useLoaded } from '../../api/load';
import { useMay } from '../../api/session';
import type { Channel, ChannelTest } from '../../api/types';
import { useText } from '../../i18n';
import { Failed, Loading, Nothing, Panel } from '../../parts/States';
import { Words } from '../../parts/Words';
import { App, Button, Checkbox, Input, Modal, Select, Space, type Ticked } from '../../ui';

const FIRST: Record<Channel['kind'], object> = {
  webhook: { url: 'https://', secret: '' },
  chat: { url: 'https://', preset: 'slack', secret: '' },
  email: { host: '', port: 587, security: 'starttls', username: '', password: '', sender: '', recipients: [''] },
};

export function Channels() {
  const t = useText();
  const admin = useMay('admin');
  const { data, failure, loading, again } = useLoaded<Channel[]>('/api/v1/alerts/channels');
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
                <td data-label={t('alerts.channelKind')}>{channel.kind}</td>
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
        <Editor
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
  const [busy, setBusy] = useState(false);
  const path = `/api/v1/alerts/channels/${encodeURIComponent(channel.id)}`;
  const test = async () => {
    setBusy(true);
    try {
      const found = await post<ChannelTest>(`${path}/test`);
      setOutcome(found.ok ? 'good' : (found.error as unknown as Failure));
    } catch (problem) {
      setOutcome(failureOf(problem));
    }
    setBusy(false);
  };
  const drop = () =>
    modal.confirm({
      title: t('alerts.removeChannel', { name: channel.name }),
      okText: t('app.remove'),
      okButtonProps: { danger: true },
      cancelText: t('app.cancel'),
      onOk: () => remove(path).then(again, (problem) => setOutcome(failureOf(problem))),
    });
  return (
    <>
      <Space wrap>
        <Button size="small" loading={busy} onClick={() => void test()}>
          {t('alerts.test')}
        </Button>
        <Button size="small" onClick={onEdit}>
          {t('alerts.edit')}
        </Button>
        <Button size="small" danger onClick={drop}>
          {t('app.remove')}
        </Button>
      </Space>
      {outcome && (
        <span role="status" className={`block small ${outcome === 'good' ? 'good' : 'bad'}`}>
          {outcome === 'good' ? t('alerts.testGood') : <Words code={outcome.code} text={outcome.message} />}
        </span>
      )}
    </>
  );
}

function Editor({ channel, onClose, onDone }: { channel: Channel | null; onClose: () => void; onDone: () => void }) {
  const t = useText();
  const [name, setName] = useState(channel?.name ?? '');
  const [kind, setKind] = useState<Channel['kind']>(channel?.kind ?? 'webhook');
  const [enabled, setEnabled] = useState(channel?.enabled ?? true);
  const [text, setText] = useState(() => JSON.stringify(channel?.settings ?? FIRST.webhook, null, 2));
  const [failure, setFailure] = useState<Failure | null>(null);
  const save = async () => {
    const settings = objectOf(text);
    if (!settings) {
      setFailure({ code: '', message: t('alerts.channelWrong'), hint: '' });
      return;
    }
    try {
      if (channel) await patch(`/api/v1/alerts/channels/${encodeURIComponent(channel.id)}`, { name, enabled, settings });
      else await post('/api/v1/alerts/channels', { name, kind, enabled, settings });
      onDone();
    } catch (problem) {
      setFailure(failureOf(problem));
    }
  };
  return (
    <Modal open title={channel ? channel.name : t('alerts.newChannel')} okText={t('app.save')} cancelText={t('app.cancel')} onCancel={onClose} onOk={() => void save()} okButtonProps={{ disabled: !name.trim() }}>
      <label className="field">
        <span>{t('alerts.channelName')}</span>
        <Input value={name} onChange={(event) => setName(event.target.value)} autoComplete="off" />
      </label>
      {!channel && (
        <label className="field">
          <span>{t('alerts.channelKind')}</span>
          <Select
            aria-label={t('alerts.channelKind')}
            value={kind}
            onChange={(value: Channel['kind']) => {
              setKind(value);
              setText(JSON.stringify(FIRST[value], null, 2));
            }}
            options={Object.keys(FIRST).map((value) => ({ value, label: value }))}
          />
        </label>
      )}
      <label className="field">
        <span>{t('alerts.channelSettings')}</span>
        <Input.TextArea rows={9} className="code" value={text} onChange={(event) => setText(event.target.value)} spellCheck={false} />
      </label>
      <p className="dim small">{t('alerts.channelHint')}</p>
      <p>
        <Checkbox checked={enabled} onChange={(event: Ticked) => setEnabled(event.target.checked)}>
          {t('alerts.enabled')}
        </Checkbox>
      </p>
      {failure && <Failed failure={failure} />}
    </Modal>
  );
}

function objectOf(text: string): Record<string, unknown> | null {
  try {
    const found: unknown = JSON.parse(text);
    return found && typeof found === 'object' && !Array.isArray(found) ? (found as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
