import { useState } from 'react';
import { useAct } from '../../api/act';
import { put } from '../../api/client';
import { useLoaded } from '../../api/load';
import { useMark } from '../../api/marks';
import { useMay } from '../../api/session';
import type { AlertRule, Figures } from '../../api/types';
import { known, useText } from '../../i18n';
import { Failed, Loading, Panel } from '../../parts/States';
import { App, Button, Checkbox, InputNumber, Modal, Select, type Ticked } from '../../ui';

const LEVELS = ['HIGH', 'MEDIUM', 'LOW', 'IGNORE'] as const;
const NAMES = ['high', 'medium', 'low'] as const;

export function Rules() {
  const t = useText();
  const admin = useMay('admin');
  const { data, failure, loading, again } = useLoaded<AlertRule[]>('/api/v1/alerts/rules', useMark('changes'));
  const [editing, setEditing] = useState<AlertRule | null>(null);
  return (
    <Panel>
      {failure && <Failed failure={failure} again={again} />}
      {!data && loading && <Loading />}
      {data && (
        <table className="grid cards">
          <thead>
            <tr>
              <th>{t('alerts.what')}</th>
              <th>{t('alerts.enabled')}</th>
              <th>{t('alerts.level')}</th>
              <th>{t('alerts.threshold')}</th>
              <th>{t('alerts.hold')}</th>
              <th>{t('alerts.repeat')}</th>
              {admin && <th aria-label={t('app.actions')} />}
            </tr>
          </thead>
          <tbody>
            {data.map((rule) => (
              <tr key={rule.name} data-rule={rule.name}>
                <th scope="row">{known(t, 'alerts.rule', rule.name)}</th>
                <td data-label={t('alerts.enabled')}>{t(rule.enabled ? 'publish.yes' : 'publish.no')}</td>
                <td data-label={t('alerts.level')}>{rule.level ? known(t, 'importance', rule.level) : t('alerts.byProject')}</td>
                <td data-label={t('alerts.threshold')}>
                  {rule.threshold ? shown(rule.threshold) : '–'} <span className="dim small">{rule.unit && known(t, 'alerts.unit', rule.unit)}</span>
                </td>
                <td data-label={t('alerts.hold')}>{shown(rule.hold_seconds)}</td>
                <td data-label={t('alerts.repeat')}>{shown(rule.repeat_minutes)}</td>
                {admin && (
                  <td>
                    <Button size="small" aria-label={`${t('alerts.edit')}: ${known(t, 'alerts.rule', rule.name)}`} onClick={() => setEditing(rule)}>
                      {t('alerts.edit')}
                    </Button>
                  </td>
                )}
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {editing && (
        <Editor
          rule={editing}
          onDone={() => {
            setEditing(null);
            again();
          }}
        />
      )}
    </Panel>
  );
}

function shown(figures: Figures): string {
  return figures.high === figures.medium && figures.medium === figures.low ? String(figures.high) : NAMES.map((name) => figures[name]).join(' / ');
}

function Editor({ rule, onDone }: { rule: AlertRule; onDone: () => void }) {
  const t = useText();
  const { message } = App.useApp();
  const [form, setForm] = useState(rule);
  const { busy, failure, run } = useAct();
  const save = (asked: object) =>
    run(async () => {
      await put(`/api/v1/alerts/rules/${rule.name}`, asked);
      message.success(t('alerts.ruleSaved'));
      onDone();
    });
  const { enabled, level, threshold, hold_seconds, repeat_minutes } = form;
  const figures = [
    ['threshold', 'alerts.threshold'],
    ['hold_seconds', 'alerts.hold'],
    ['repeat_minutes', 'alerts.repeat'],
  ] as const;
  return (
    <Modal
      open
      title={known(t, 'alerts.rule', rule.name)}
      onCancel={onDone}
      footer={[
        <Button key="first" onClick={() => void save({})}>
          {t('alerts.reset')}
        </Button>,
        <Button key="no" onClick={onDone}>
          {t('app.cancel')}
        </Button>,
        <Button key="yes" type="primary" loading={busy} onClick={() => void save({ enabled, level, threshold, hold_seconds, repeat_minutes })}>
          {t('app.save')}
        </Button>,
      ]}
    >
      <p>
        <Checkbox checked={enabled} onChange={(event: Ticked) => setForm({ ...form, enabled: event.target.checked })}>
          {t('alerts.enabled')}
        </Checkbox>
      </p>
      <label className="field">
        <span>{t('alerts.level')}</span>
        <Select
          aria-label={t('alerts.level')}
          value={level ?? ''}
          onChange={(value: string) => setForm({ ...form, level: (value || null) as AlertRule['level'] })}
          options={[{ value: '', label: t('alerts.byProject') }, ...LEVELS.map((value) => ({ value, label: t(`importance.${value}`) }))]}
        />
      </label>
      {figures.map(([name, title]) => {
        const now = form[name];
        return (
          now && (
            <fieldset key={name} className="plain-set">
              <legend>
                {t(title)} {name === 'threshold' && rule.unit && known(t, 'alerts.unit', rule.unit)}
              </legend>
              <div className="row">
                {NAMES.map((one) => (
                  <label key={one} className="field">
                    <span className="dim small">{t(`alerts.${one}`)}</span>
                    <InputNumber min={0} value={now[one]} onChange={(value) => setForm({ ...form, [name]: { ...now, [one]: Number(value ?? 0) } })} />
                  </label>
                ))}
              </div>
            </fieldset>
          )
        );
      })}
      {failure && <Failed failure={failure} />}
    </Modal>
  );
}
