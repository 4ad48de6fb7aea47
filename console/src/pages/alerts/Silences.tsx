import { useState } from 'react';
import { useAct } from '../../api/act';
import { post, remove } from '../../api/client';
import { useLoaded } from '../../api/load';
import { useMark } from '../../api/marks';
import { useMay } from '../../api/session';
import type { AlertRule, Silence } from '../../api/types';
import { known, useLanguage, useText } from '../../i18n';
import { moment } from '../../logic/format';
import { Failed, Loading, Nothing, Panel } from '../../parts/States';
import { Button, Form, Input, InputNumber, Modal, Select } from '../../ui';

export function Silences() {
  const t = useText();
  const language = useLanguage();
  const may = useMay('operator');
  const { data, failure, loading, again } = useLoaded<Silence[]>('/api/v1/alerts/silences', useMark('changes'));
  const [adding, setAdding] = useState(false);
  const { busy, failure: refused, run } = useAct();
  const end = (id: string) => run(() => remove(`/api/v1/alerts/silences/${encodeURIComponent(id)}`).then(again));
  return (
    <Panel extra={may && <Button onClick={() => setAdding(true)}>{t('alerts.newSilence')}</Button>}>
      {(failure ?? refused) && <Failed failure={(failure ?? refused)!} again={again} />}
      {!data && loading && <Loading />}
      {data && data.length === 0 && <Nothing text={t('alerts.noSilence')} />}
      {data && data.length > 0 && (
        <table className="grid cards">
          <thead>
            <tr>
              <th>{t('alerts.what')}</th>
              <th>{t('alerts.project')}</th>
              <th>{t('alerts.until')}</th>
              <th>{t('alerts.by')}</th>
              <th>{t('alerts.silenceReason')}</th>
              {may && <th aria-label={t('app.actions')} />}
            </tr>
          </thead>
          <tbody>
            {data.map((each) => (
              <tr key={each.id}>
                <th scope="row">{each.rule ? known(t, 'alerts.rule', each.rule) : t('app.all')}</th>
                <td data-label={t('alerts.project')}>{each.project_id || t('app.all')}</td>
                <td data-label={t('alerts.until')} className="small">
                  {moment(each.until, language)}
                </td>
                <td data-label={t('alerts.by')}>{each.account}</td>
                <td data-label={t('alerts.silenceReason')} className="wrap">
                  {each.reason || '–'}
                </td>
                {may && (
                  <td>
                    <Button size="small" disabled={busy} onClick={() => void end(each.id)}>
                      {t('alerts.end')}
                    </Button>
                  </td>
                )}
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {adding && (
        <Adding
          onClose={() => setAdding(false)}
          onDone={() => {
            setAdding(false);
            again();
          }}
        />
      )}
    </Panel>
  );
}

interface Asked {
  project?: string;
  rule?: string;
  minutes: number;
  reason?: string;
}

function Adding({ onClose, onDone }: { onClose: () => void; onDone: () => void }) {
  const t = useText();
  const rules = useLoaded<AlertRule[]>('/api/v1/alerts/rules').data ?? [];
  const [form] = Form.useForm<Asked>();
  const { busy, failure, run } = useAct();
  const create = async () => {
    const asked = await form.validateFields();
    await run(async () => {
      await post('/api/v1/alerts/silences', { project: (asked.project ?? '').trim(), rule: asked.rule ?? null, minutes: asked.minutes, reason: asked.reason ?? '' });
      onDone();
    });
  };
  return (
    <Modal open title={t('alerts.newSilence')} confirmLoading={busy} okText={t('app.save')} cancelText={t('app.cancel')} onCancel={onClose} onOk={() => void create().catch(() => undefined)}>
      <Form form={form} layout="vertical" name="silence" initialValues={{ minutes: 60 }}>
        <Form.Item name="rule" label={t('alerts.silenceRule')}>
          <Select allowClear options={rules.map((rule) => ({ value: rule.name, label: known(t, 'alerts.rule', rule.name) }))} />
        </Form.Item>
        <Form.Item name="project" label={t('alerts.silenceProject')}>
          <Input autoComplete="off" />
        </Form.Item>
        <Form.Item name="minutes" label={t('alerts.silenceMinutes')} rules={[{ required: true, message: t('wizard.required') }]}>
          <InputNumber min={1} max={527_040} />
        </Form.Item>
        <Form.Item name="reason" label={t('alerts.silenceReason')}>
          <Input maxLength={300} />
        </Form.Item>
        {failure && <Failed failure={failure} />}
      </Form>
    </Modal>
  );
}
