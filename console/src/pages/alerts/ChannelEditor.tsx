/** A channel's form: the fields of its kind, and which alerts it takes. */
import { useState } from 'react';
import { useAct } from '../../api/act';
import { patch, post } from '../../api/client';
import { useLoaded } from '../../api/load';
import type { AlertRule, Channel, Label } from '../../api/types';
import { known, useText } from '../../i18n';
import { CHANNEL_KINDS, fieldsOf, OWN_FIELDS, settingsOf, type ChannelFields, type ChannelKind, type Taking } from '../../logic/channel';
import { Failed } from '../../parts/States';
import { Checkbox, Input, InputNumber, Modal, Select, type Ticked } from '../../ui';

const CHOICES = { preset: ['dingtalk', 'feishu', 'slack', 'custom'], security: ['starttls', 'tls', 'none'] } as const;
const LEVELS = ['HIGH', 'MEDIUM', 'LOW', 'IGNORE'] as const;

interface Props {
  channel: Channel | null;
  onClose: () => void;
  onDone: () => void;
}

export function ChannelEditor({ channel, onClose, onDone }: Props) {
  const t = useText();
  const [name, setName] = useState(channel?.name ?? '');
  const [kind, setKind] = useState<ChannelKind>(channel?.kind ?? 'webhook');
  const [enabled, setEnabled] = useState(channel?.enabled ?? true);
  const [fields, setFields] = useState(() => fieldsOf(kind, channel?.settings ?? {}));
  const { busy, failure, run } = useAct();
  const change = (part: Partial<ChannelFields>) => setFields((before) => ({ ...before, ...part }));
  const save = async () => {
    const settings = settingsOf(kind, fields);
    if (channel) await patch(`/api/v1/alerts/channels/${encodeURIComponent(channel.id)}`, { name, enabled, settings });
    else await post('/api/v1/alerts/channels', { name, kind, enabled, settings });
    onDone();
  };
  return (
    <Modal open title={channel ? channel.name : t('alerts.newChannel')} okText={t('app.save')} cancelText={t('app.cancel')} onCancel={onClose} onOk={() => void run(save)} confirmLoading={busy} okButtonProps={{ disabled: !name.trim() }}>
      <label className="field">
        <span>{t('alerts.channelName')}</span>
        <Input value={name} onChange={(event) => setName(event.target.value)} autoComplete="off" />
      </label>
      {!channel && (
        <label className="field">
          <span>{t('alerts.channelKind')}</span>
          <Select aria-label={t('alerts.channelKind')} value={kind} onChange={setKind} options={CHANNEL_KINDS.map((value) => ({ value, label: t(`alerts.kind.${value}`) }))} />
        </label>
      )}
      {OWN_FIELDS[kind]
        .filter((field) => field !== 'template' || fields.preset === 'custom')
        .map((field) => (
          <Field key={field} name={field as FieldName} fields={fields} change={change} />
        ))}
      {channel && <p className="dim small">{t('channel.kept')}</p>}
      <Takes taking={fields.taking} change={(taking) => change({ taking })} />
      <p>
        <Checkbox checked={enabled} onChange={(event: Ticked) => setEnabled(event.target.checked)}>
          {t('alerts.enabled')}
        </Checkbox>
      </p>
      {failure && <Failed failure={failure} />}
    </Modal>
  );
}

type FieldName = Exclude<keyof ChannelFields, 'taking'>;

function Field({ name, fields, change }: { name: FieldName; fields: ChannelFields; change: (part: Partial<ChannelFields>) => void }) {
  const t = useText();
  const label = t(`channel.${name}`);
  const text = { value: String(fields[name]), autoComplete: 'off', onChange: (event: { target: { value: string } }) => change({ [name]: event.target.value }) };
  return (
    <label className="field">
      <span>{label}</span>
      {name === 'port' && <InputNumber min={1} max={65_535} precision={0} value={fields.port} onChange={(port) => change({ port: Number(port ?? 587) })} />}
      {(name === 'preset' || name === 'security') && (
        <Select
          aria-label={label}
          value={fields[name]}
          onChange={(value: string) => change({ [name]: value })}
          options={CHOICES[name].map((value) => ({ value, label: known(t, `channel.${name}`, value) }))}
        />
      )}
      {(name === 'secret' || name === 'password') && <Input.Password {...text} autoComplete="new-password" />}
      {(name === 'template' || name === 'recipients') && <Input.TextArea {...text} rows={name === 'template' ? 5 : 2} className={name === 'template' ? 'code' : ''} spellCheck={false} />}
      {(name === 'url' || name === 'host' || name === 'username' || name === 'sender') && <Input {...text} placeholder={name === 'url' ? 'https://' : ''} />}
      {name === 'template' && <span className="dim small">{t('channel.templateHint')}</span>}
    </label>
  );
}

function Takes({ taking, change }: { taking: Taking; change: (taking: Taking) => void }) {
  const t = useText();
  const rules = useLoaded<AlertRule[]>('/api/v1/alerts/rules').data ?? [];
  const labels = useLoaded<Label[]>('/api/v1/labels').data ?? [];
  const options = {
    levels: LEVELS.map((value) => ({ value: value as string, label: t(`importance.${value}`) })),
    rules: rules.map((rule) => ({ value: rule.name as string, label: known(t, 'alerts.rule', rule.name) })),
    labels: labels.map((label) => ({ value: label.id, label: label.name })),
  };
  return (
    <>
      {(['levels', 'rules', 'labels'] as const).map((name) => (
        <label key={name} className="field">
          <span>{t(`channel.${name}`)}</span>
          <Select mode="multiple" allowClear aria-label={t(`channel.${name}`)} value={taking[name]} options={options[name]} optionFilterProp="label" onChange={(value: string[]) => change({ ...taking, [name]: value })} />
        </label>
      ))}
    </>
  );
}
