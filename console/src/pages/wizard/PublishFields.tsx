/** How a synchronization publishes: the form of its messages, their topics, and how they spread. */
import { useLoaded } from '../../api/load';
import type { EndpointPage, Publish } from '../../api/types';
import { useText } from '../../i18n';
import { schemeOf } from '../../logic/endpoint';
import { Checkbox, Form, Input, InputNumber, Select, type Ticked } from '../../ui';
import { problemsOf } from './form';
import type { PageProps } from './pageProps';

const RULES = ['HASH', 'TABLE', 'ONE'] as const;
/** Formats that have records of where transactions begin and end. */
const TRANSACTIONAL = ['DEFAULT', 'DEFAULT_WITH_SCHEMA', 'DATAWORKS_V2', 'CLOUDEVENTS'];

export function PublishFields({ form, change, strict }: PageProps) {
  const t = useText();
  const formats = useLoaded<string[]>('/api/v1/formats').data ?? [form.publish.format ?? 'DEFAULT'];
  const endpoints = useLoaded<EndpointPage>('/api/v1/endpoints?size=500').data;
  const scheme = schemeOf(endpoints?.items.find((each) => each.id === form.target)?.url ?? '');
  const problems = strict ? problemsOf(form, 3) : [];
  const publish = form.publish;
  const set = (part: Partial<Publish>) => change({ publish: { ...publish, ...part } });
  const shards = problems.includes('shards');
  return (
    <>
      <Form.Item label={t('publish.format')} htmlFor="publish-format" extra={t('publish.formatHint')}>
        <Select id="publish-format" value={publish.format} onChange={(format: string) => set({ format, transactions: publish.transactions && TRANSACTIONAL.includes(format) })} options={formats.map((value) => ({ value, label: value }))} />
      </Form.Item>
      {publish.format === 'DEBEZIUM' && (
        <Form.Item>
          <Checkbox checked={publish.with_schema} onChange={(event: Ticked) => set({ with_schema: event.target.checked })}>
            {t('publish.withSchema')}
          </Checkbox>
        </Form.Item>
      )}
      {publish.format === 'DATAWORKS_V2' && (
        <Form.Item label={t('publish.business')} htmlFor="publish-business">
          <Input id="publish-business" value={publish.business} onChange={(event) => set({ business: event.target.value })} />
        </Form.Item>
      )}
      <Form.Item
        label={t('publish.topic')}
        htmlFor="publish-topic"
        required
        validateStatus={problems.includes('topic') ? 'error' : undefined}
        help={problems.includes('topic') ? t('wizard.required') : undefined}
        extra={t('publish.topicHint')}
      >
        <Input id="publish-topic" maxLength={249} value={publish.topic} onChange={(event) => set({ topic: event.target.value })} />
      </Form.Item>
      <Form.Item label={t('publish.rule')} htmlFor="publish-rule" extra={t(`publish.rule.${publish.rule ?? 'HASH'}Hint`)}>
        <Select id="publish-rule" value={publish.rule} onChange={(rule: Publish['rule']) => set({ rule })} options={RULES.map((value) => ({ value, label: t(`publish.rule.${value}`) }))} />
      </Form.Item>
      {publish.rule === 'ONE' && <Whole name="partition" least={0} publish={publish} set={set} />}
      {publish.rule === 'HASH' && (
        <Form.Item
          label={t('publish.shards')}
          htmlFor="publish-shards"
          extra={t('publish.shardsHint')}
          validateStatus={shards ? 'error' : undefined}
          help={shards ? t('publish.shardsWrong') : undefined}
        >
          <Input.TextArea id="publish-shards" rows={2} placeholder="shop.orders: customer_id" value={form.shards} onChange={(event) => change({ shards: event.target.value })} />
        </Form.Item>
      )}
      {scheme !== 'file' && form.types.includes('schema') && (
        <>
          <Whole name="partitions" least={1} publish={publish} set={set} />
          {scheme === 'kafka' && <Whole name="replication" least={1} publish={publish} set={set} />}
        </>
      )}
      {scheme === 'rocketmq' && <Texts publish={publish} set={set} />}
      {scheme === 'kafka' && (
        <Form.Item>
          <Checkbox checked={publish.exactly_once} onChange={(event: Ticked) => set({ exactly_once: event.target.checked })}>
            {t('publish.exactlyOnce')}
            <span className="dim block">{t('publish.exactlyOnceHint')}</span>
          </Checkbox>
        </Form.Item>
      )}
      <Whole name="heartbeat_seconds" least={0} publish={publish} set={set} />
      {TRANSACTIONAL.includes(publish.format ?? 'DEFAULT') && (
        <Form.Item>
          <Checkbox checked={publish.transactions} onChange={(event: Ticked) => set({ transactions: event.target.checked })}>
            {t('publish.transactions')}
          </Checkbox>
        </Form.Item>
      )}
    </>
  );
}

interface FieldProps {
  publish: Publish;
  set: (part: Partial<Publish>) => void;
}

function Whole({ name, least, publish, set }: FieldProps & { name: 'partition' | 'partitions' | 'replication' | 'heartbeat_seconds'; least: number }) {
  const t = useText();
  return (
    <Form.Item label={t(`publish.${name}`)} htmlFor={`publish-${name}`}>
      <InputNumber id={`publish-${name}`} min={least} max={10_000} precision={0} value={publish[name]} onChange={(value) => set({ [name]: Number(value ?? least) })} />
    </Form.Item>
  );
}

function Texts({ publish, set }: FieldProps) {
  const t = useText();
  return (
    <>
      {(['producer_group', 'tags'] as const).map((name) => (
        <Form.Item key={name} label={t(`publish.${name}`)} htmlFor={`publish-${name}`}>
          <Input id={`publish-${name}`} value={publish[name]} onChange={(event) => set({ [name]: event.target.value })} />
        </Form.Item>
      ))}
      <Form.Item>
        <Checkbox checked={publish.message_trace} onChange={(event: Ticked) => set({ message_trace: event.target.checked })}>
          {t('publish.messageTrace')}
        </Checkbox>
      </Form.Item>
    </>
  );
}
