/** The form of an endpoint, new or as it is. The password goes to the service and nowhere else. */
import { useState } from 'react';
import { useAct } from '../api/act';
import { patch, post, type Failure } from '../api/client';
import type { ConnectionOutcome, Endpoint } from '../api/types';
import { useText } from '../i18n';
import { EMPTY_ENDPOINT, fingerprintIn, formOf, isQueue, PORTS, sshOf, urlOf, type EndpointForm } from '../logic/endpoint';
import { duration } from '../logic/format';
import { offered, useKinds } from '../logic/kinds';
import { Alert, App, Button, Drawer, Form, Input, InputNumber, Select, Space } from '../ui';
import { KeyQuestion, SshFields } from './SshFields';
import { Failed } from './States';
import { Remedy, Words } from './Words';

interface Props {
  open: boolean;
  onClose: () => void;
  onKept: (kept: Endpoint) => void;
  /** The one that shall change; none: a new one. */
  changing?: Endpoint;
}

type Fields = EndpointForm & { name: string; description: string };

export function EndpointDrawer({ open, onClose, onKept, changing }: Props) {
  const t = useText();
  const { message } = App.useApp();
  const [form] = Form.useForm<Fields>();
  const scheme = Form.useWatch('scheme', form) ?? 'mysql';
  const kinds = offered(useKinds());
  const initial = { ...(changing ? formOf(changing.url) : EMPTY_ENDPOINT), name: changing?.name ?? '', description: changing?.description ?? '' };
  const [doing, setDoing] = useState<'test' | 'save'>('test');
  const [outcome, setOutcome] = useState<ConnectionOutcome | null>(null);
  const { busy, failure, run } = useAct();

  const attempt = async (what: 'test' | 'save') => {
    const place = scheme === 'file' ? 'path' : isQueue(scheme) ? 'servers' : 'host';
    const way = [['ssh', 'host'], ['ssh', 'user']];
    await form.validateFields([place, ...(what === 'test' ? [] : ['name']), ...(sshOf(form.getFieldsValue(true) as Fields) ? way : [])]);
    const fields = { ...EMPTY_ENDPOINT, ...form.getFieldsValue(true) } as Fields;
    setDoing(what);
    await run(async () => {
      setOutcome(null);
      if (what === 'test') setOutcome(await post<ConnectionOutcome>('/api/v1/endpoints/test', { url: urlOf(fields), ssh: sshOf(fields) }));
      else {
        const asked = { name: fields.name.trim(), url: urlOf(fields), ssh: sshOf(fields), description: fields.description ?? '' };
        const kept = await (changing ? patch<Endpoint>(`/api/v1/endpoints/${changing.id}`, asked) : post<Endpoint>('/api/v1/endpoints', asked));
        message.success(t('endpoints.created.done', { name: kept.name }));
        form.resetFields();
        onKept(kept);
      }
    });
  };
  const confirm = (fingerprint: string) => {
    form.setFieldValue(['ssh', 'host_key'], fingerprint);
    void attempt(doing).catch(() => undefined);
  };
  const refused = failure ?? (outcome?.error as Failure | null | undefined);
  const keyAsked = fingerprintIn(refused) !== '';
  const needed = [{ required: true, whitespace: true, message: t('wizard.required') }];
  return (
    <Drawer
      open={open}
      onClose={onClose}
      title={changing ? t('endpoints.change', { name: changing.name }) : t('endpoints.new')}
      width={Math.min(480, window.innerWidth)}
      footer={
        <Space>
          <Button onClick={onClose}>{t('app.cancel')}</Button>
          <Button loading={busy && doing === 'test'} onClick={() => void attempt('test').catch(() => undefined)}>
            {t('endpoints.test')}
          </Button>
          <Button type="primary" loading={busy && doing === 'save'} onClick={() => void attempt('save').catch(() => undefined)}>
            {t('app.save')}
          </Button>
        </Space>
      }
    >
      <Form form={form} layout="vertical" name="endpoint" initialValues={initial}>
        <Form.Item name="name" label={t('endpoints.name')} rules={needed}>
          <Input maxLength={128} autoComplete="off" />
        </Form.Item>
        <Form.Item name="scheme" label={t('endpoints.kind')}>
          <Select options={kinds} showSearch optionFilterProp="label" />
        </Form.Item>
        <Place scheme={scheme} />
        {scheme !== 'file' && (
          <Form.Item name="username" label={t('endpoints.user')}>
            <Input autoComplete="off" />
          </Form.Item>
        )}
        {scheme === 'oceanbase' && (
          <>
            <Form.Item name="tenant" label={t('endpoints.tenant')}>
              <Input autoComplete="off" />
            </Form.Item>
            <Form.Item name="cluster" label={t('endpoints.cluster')}>
              <Input autoComplete="off" />
            </Form.Item>
          </>
        )}
        {scheme !== 'file' && (
          <Form.Item name="password" label={t('endpoints.password')} extra={changing && t('endpoints.passwordKept')}>
            <Input.Password autoComplete="new-password" />
          </Form.Item>
        )}
        {scheme !== 'file' && !isQueue(scheme) && (
          <Form.Item name="database" label={t('endpoints.database')}>
            <Input autoComplete="off" />
          </Form.Item>
        )}
        {scheme !== 'file' && !isQueue(scheme) && <SshFields changing={!!changing} />}
        <Form.Item name="options" label={t('endpoints.options')} extra={t(isQueue(scheme) ? 'endpoints.queueOptionsHint' : 'endpoints.optionsHint')}>
          <Input autoComplete="off" />
        </Form.Item>
        <Form.Item name="description" label={t('endpoints.description')}>
          <Input maxLength={128} autoComplete="off" />
        </Form.Item>
      </Form>
      {changing && <p className="dim">{t('endpoints.changeHint')}</p>}
      {keyAsked && <KeyQuestion failure={refused} onConfirm={confirm} />}
      {outcome && !keyAsked && <Outcome outcome={outcome} />}
      {failure && !keyAsked && <Failed failure={failure} />}
    </Drawer>
  );
}

/** Where it is: a server, the servers of a queue, or a directory. */
function Place({ scheme }: { scheme: string }) {
  const t = useText();
  const needed = [{ required: true, whitespace: true, message: t('wizard.required') }];
  if (scheme === 'file') {
    return (
      <Form.Item name="path" label={t('endpoints.path')} extra={t('endpoints.pathHint')} rules={[...needed, { pattern: /^\s*\//, message: t('endpoints.pathHint') }]}>
        <Input autoComplete="off" placeholder="/srv/changes" />
      </Form.Item>
    );
  }
  if (isQueue(scheme)) {
    return (
      <Form.Item name="servers" label={t('endpoints.servers')} extra={t('endpoints.serversHint')} rules={needed}>
        <Input autoComplete="off" placeholder={`broker-1:${PORTS[scheme]},broker-2:${PORTS[scheme]}`} />
      </Form.Item>
    );
  }
  return (
    <>
      <Form.Item name="host" label={t('endpoints.host')} rules={needed}>
        <Input autoComplete="off" />
      </Form.Item>
      <Form.Item name="port" label={t('endpoints.port')}>
        <InputNumber min={1} max={65535} placeholder={String(PORTS[scheme] ?? '')} />
      </Form.Item>
    </>
  );
}

export function Outcome({ outcome }: { outcome: ConnectionOutcome }) {
  const t = useText();
  const error = outcome.error as Failure | null | undefined;
  if (outcome.ok) return <Alert role="status" type="success" showIcon message={t('endpoints.testGood', { time: duration(outcome.milliseconds / 1000) })} />;
  return (
    <Alert
      role="alert"
      type="error"
      showIcon
      message={t('endpoints.testBad')}
      description={
        <>
          {error && <p><Words code={error.code} text={error.message} /></p>}
          <Remedy text={error?.hint} />
        </>
      }
    />
  );
}
