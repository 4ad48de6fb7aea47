import { useState } from 'react';
import { useAct } from '../api/act';
import { patch, post, remove } from '../api/client';
import { useLoaded } from '../api/load';
import { useMark } from '../api/marks';
import { useAccount, useMay, type Role } from '../api/session';
import { useMarks } from '../api/stream';
import { known, useLanguage, useText } from '../i18n';
import { moment } from '../logic/format';
import { Failed, Loading, Nothing, Page, Panel } from '../parts/States';
import { Sql } from '../parts/Sql';
import { Alert, App, Button, Form, Input, InputNumber, Modal, Select, Space } from '../ui';

interface AccountRow {
  name: string;
  role: Role;
  disabled: boolean;
  changed_at: string;
}

interface KeyRow {
  id: string;
  name: string;
  account: string;
  role: Role;
  expires_at: string | null;
  key?: string;
}

export default function Accounts() {
  const t = useText();
  useMarks();
  const admin = useMay('admin');
  return (
    <Page title={t('accounts.title')}>
      {admin ? (
        <>
          <Users />
          <Keys />
        </>
      ) : (
        <Nothing text={t('app.adminOnly')} />
      )}
    </Page>
  );
}

/** Run a change, tell why it was refused, and read again. */
function useChange(again: () => void) {
  const { run, ...act } = useAct();
  return { ...act, run: (change: () => Promise<unknown>) => run(() => change().then(again)) };
}

function useRoles() {
  const t = useText();
  return (['viewer', 'operator', 'admin'] as const).map((value) => ({ value, label: t(`accounts.role.${value}`) }));
}

function Users() {
  const t = useText();
  const language = useLanguage();
  const me = useAccount()?.user;
  const roles = useRoles();
  const { data, failure, loading, again } = useLoaded<AccountRow[]>('/api/v1/accounts', useMark('changes'));
  const change = useChange(again);
  const [adding, setAdding] = useState(false);
  const [form] = Form.useForm<{ name: string; password: string; role: Role }>();
  const { modal } = App.useApp();
  const path = (name: string) => `/api/v1/accounts/${encodeURIComponent(name)}`;
  const drop = (name: string) =>
    modal.confirm({
      title: t('accounts.ask', { name }),
      content: t('accounts.askText'),
      okText: t('app.remove'),
      okButtonProps: { danger: true },
      cancelText: t('app.cancel'),
      onOk: () => change.run(() => remove(path(name))),
    });
  const create = async () => {
    const asked = await form.validateFields();
    if (await change.run(() => post('/api/v1/accounts', asked))) {
      setAdding(false);
      form.resetFields();
    }
  };
  const needed = [{ required: true, message: t('wizard.required') }];
  return (
    <Panel title={t('accounts.users')} extra={<Button onClick={() => setAdding(true)}>{t('accounts.new')}</Button>}>
      {(failure ?? change.failure) && <Failed failure={(failure ?? change.failure)!} again={again} />}
      {!data && loading && <Loading />}
      {data && (
        <table className="grid cards">
          <thead>
            <tr>
              <th>{t('accounts.name')}</th>
              <th>{t('accounts.role')}</th>
              <th>{t('accounts.state')}</th>
              <th>{t('accounts.changed')}</th>
              <th aria-label={t('app.actions')} />
            </tr>
          </thead>
          <tbody>
            {data.map((row) => (
              <tr key={row.name}>
                <th scope="row" className="wrap">
                  {row.name}
                </th>
                <td data-label={t('accounts.role')}>
                  {row.name === me ? (
                    known(t, 'accounts.role', row.role)
                  ) : (
                    <Select
                      aria-label={`${t('accounts.role')}: ${row.name}`}
                      value={row.role}
                      options={roles}
                      onChange={(role: Role) => void change.run(() => patch(path(row.name), { role }))}
                    />
                  )}
                </td>
                <td data-label={t('accounts.state')}>{t(row.disabled ? 'accounts.disabled' : 'accounts.enabled')}</td>
                <td data-label={t('accounts.changed')} className="small">
                  {moment(row.changed_at, language)}
                </td>
                <td>
                  {row.name !== me && (
                    <Space>
                      <Button size="small" onClick={() => void change.run(() => patch(path(row.name), { disabled: !row.disabled }))}>
                        {t(row.disabled ? 'accounts.enable' : 'accounts.disable')}
                      </Button>
                      <Button size="small" danger onClick={() => drop(row.name)}>
                        {t('app.remove')}
                      </Button>
                    </Space>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <Modal open={adding} confirmLoading={change.busy} title={t('accounts.new')} okText={t('app.save')} cancelText={t('app.cancel')} onCancel={() => setAdding(false)} onOk={() => void create().catch(() => undefined)}>
        <Form form={form} layout="vertical" name="account" initialValues={{ role: 'viewer' }}>
          <Form.Item name="name" label={t('accounts.name')} rules={needed}>
            <Input autoComplete="off" />
          </Form.Item>
          <Form.Item name="password" label={t('accounts.password')} rules={needed}>
            <Input.Password autoComplete="new-password" />
          </Form.Item>
          <Form.Item name="role" label={t('accounts.role')}>
            <Select options={roles} />
          </Form.Item>
          {change.failure && <Failed failure={change.failure} />}
        </Form>
      </Modal>
    </Panel>
  );
}

function Keys() {
  const t = useText();
  const language = useLanguage();
  const roles = useRoles();
  const { data, failure, loading, again } = useLoaded<KeyRow[]>('/api/v1/keys', useMark('changes'));
  const change = useChange(again);
  const [adding, setAdding] = useState(false);
  const [made, setMade] = useState<KeyRow | null>(null);
  const [form] = Form.useForm<{ name: string; role: Role; days: number | null }>();
  const { modal } = App.useApp();
  const create = async () => {
    const asked = await form.validateFields();
    const done = await change.run(async () => setMade(await post<KeyRow>('/api/v1/keys', { ...asked, days: asked.days ?? null })));
    if (done) {
      setAdding(false);
      form.resetFields();
    }
  };
  const drop = (row: KeyRow) =>
    modal.confirm({
      title: t('accounts.ask', { name: row.name }),
      okText: t('app.remove'),
      okButtonProps: { danger: true },
      cancelText: t('app.cancel'),
      onOk: () => change.run(() => remove(`/api/v1/keys/${encodeURIComponent(row.id)}`)),
    });
  return (
    <Panel title={t('accounts.keys')} extra={<Button onClick={() => setAdding(true)}>{t('accounts.newKey')}</Button>}>
      {(failure ?? change.failure) && <Failed failure={(failure ?? change.failure)!} again={again} />}
      {made?.key && <Alert type="success" showIcon closable onClose={() => setMade(null)} message={t('accounts.keyOnce')} description={<Sql text={made.key} label={t('accounts.keys')} />} />}
      {!data && loading && <Loading />}
      {data && data.length === 0 && <Nothing text={t('accounts.noKeys')} />}
      {data && data.length > 0 && (
        <table className="grid cards">
          <thead>
            <tr>
              <th>{t('accounts.name')}</th>
              <th>{t('accounts.owner')}</th>
              <th>{t('accounts.role')}</th>
              <th>{t('accounts.expires')}</th>
              <th aria-label={t('app.actions')} />
            </tr>
          </thead>
          <tbody>
            {data.map((row) => (
              <tr key={row.id}>
                <th scope="row" className="wrap">
                  {row.name}
                </th>
                <td data-label={t('accounts.owner')}>{row.account}</td>
                <td data-label={t('accounts.role')}>{known(t, 'accounts.role', row.role)}</td>
                <td data-label={t('accounts.expires')}>{row.expires_at ? moment(row.expires_at, language) : t('accounts.always')}</td>
                <td>
                  <Button size="small" danger onClick={() => drop(row)}>
                    {t('app.remove')}
                  </Button>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <Modal open={adding} confirmLoading={change.busy} title={t('accounts.newKey')} okText={t('app.save')} cancelText={t('app.cancel')} onCancel={() => setAdding(false)} onOk={() => void create().catch(() => undefined)}>
        <Form form={form} layout="vertical" name="key" initialValues={{ role: 'viewer' }}>
          <Form.Item name="name" label={t('accounts.name')} rules={[{ required: true, message: t('wizard.required') }]}>
            <Input autoComplete="off" />
          </Form.Item>
          <Form.Item name="role" label={t('accounts.role')}>
            <Select options={roles} />
          </Form.Item>
          <Form.Item name="days" label={t('accounts.keyDays')}>
            <InputNumber min={1} max={3650} />
          </Form.Item>
        </Form>
      </Modal>
    </Panel>
  );
}
