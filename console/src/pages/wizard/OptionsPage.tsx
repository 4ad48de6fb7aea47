import { useText } from '../../i18n';
import { Checkbox, Form, InputNumber, Radio, Select, type Ticked } from '../../ui';
import { PublishFields } from './PublishFields';
import { CONFLICTS, typesOf } from './form';
import type { PageProps } from './pageProps';

const IMPORTANCES = ['HIGH', 'MEDIUM', 'LOW', 'IGNORE'] as const;

export function OptionsPage({ form, change, strict }: PageProps) {
  const t = useText();
  const copies = form.types.includes('full');
  return (
    <Form layout="vertical" component="div" className="narrow-form">
      {form.sync && <PublishFields form={form} change={change} strict={strict} />}
      {(copies || typesOf(form).includes('verify')) && (
        <Form.Item label={t('wizard.streams')} htmlFor="wizard-streams" extra={t('wizard.streamsHint')}>
          <InputNumber id="wizard-streams" min={0} max={256} value={form.streams} onChange={(value) => change({ streams: Number(value ?? 0) })} />
        </Form.Item>
      )}
      {copies && !form.sync && (
        <Form.Item>
          <Checkbox checked={form.notEmpty} onChange={(event: Ticked) => change({ notEmpty: event.target.checked })}>
            {t('wizard.notEmpty')}
            <span className="dim block">{t('wizard.notEmptyHint')}</span>
          </Checkbox>
        </Form.Item>
      )}
      {form.types.includes('incremental') && (
        <Form.Item label={t('wizard.stopWhen')}>
          <Radio.Group
            aria-label={t('wizard.stopWhen')}
            value={form.stopWhen}
            onChange={(event) => change({ stopWhen: event.target.value as 'never' })}
            options={(['never', 'caught-up'] as const).map((value) => ({ value, label: t(`wizard.stop.${value}`) }))}
          />
        </Form.Item>
      )}
      {form.types.includes('incremental') && !form.sync && (
        <Form.Item label={t('wizard.conflicts')} htmlFor="wizard-conflicts" extra={t(`conflicts.${form.conflicts}Hint`)}>
          <Select
            id="wizard-conflicts"
            value={form.conflicts}
            onChange={(conflicts) => change({ conflicts })}
            options={CONFLICTS.map((value) => ({ value, label: t(`conflicts.${value}`) }))}
          />
        </Form.Item>
      )}
      {form.types.includes('incremental') && !form.sync && (
        <Form.Item>
          <Checkbox checked={form.atomic} onChange={(event: Ticked) => change({ atomic: event.target.checked })}>
            {t('wizard.atomic')}
            <span className="dim block">{t('wizard.atomicHint')}</span>
          </Checkbox>
          <Checkbox checked={form.twoWay} onChange={(event: Ticked) => change({ twoWay: event.target.checked })}>
            {t('wizard.twoWay')}
            <span className="dim block">{t('wizard.twoWayHint')}</span>
          </Checkbox>
        </Form.Item>
      )}
      {form.types.includes('incremental') && (
        <>
          <Form.Item label={t('wizard.logHours')} htmlFor="wizard-log-hours" extra={t('wizard.logHoursHint')}>
            <InputNumber id="wizard-log-hours" min={0} max={87600} precision={0} value={form.logHours} onChange={(value) => change({ logHours: Number(value ?? 0) })} />
          </Form.Item>
          <Form.Item label={t('wizard.logBytes')} htmlFor="wizard-log-bytes" extra={t('wizard.logBytesHint')}>
            <InputNumber id="wizard-log-bytes" min={0.0625} max={8388608} value={form.logGibibytes} onChange={(value) => change({ logGibibytes: Number(value ?? 50) })} />
          </Form.Item>
        </>
      )}
      <Form.Item label={t('wizard.importance')} htmlFor="wizard-importance">
        <Select
          id="wizard-importance"
          value={form.importance}
          onChange={(value) => change({ importance: value })}
          options={IMPORTANCES.map((value) => ({ value, label: t(`importance.${value}`) }))}
        />
      </Form.Item>
    </Form>
  );
}
