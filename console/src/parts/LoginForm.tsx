/** User and password, and whatever other ways in the service has. */
import { useEffect, useState } from 'react';
import { ApiError, call, failureOf, get, type Failure } from '../api/client';
import { setAccount, type Account } from '../api/session';
import type { Provider } from '../api/types';
import { useText } from '../i18n';
import { useSaid } from '../i18n/said';
import { Alert, Button, Form, Input } from '../ui';

interface Login {
  user: string;
  password: string;
}

export function LoginForm({ user = '', hint }: { user?: string; hint?: string }) {
  const t = useText();
  const said = useSaid();
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Failure | null>(null);
  const submit = async (login: Login) => {
    setBusy(true);
    setFailure(null);
    try {
      setAccount(await call<Account>('POST', '/api/v1/session', login));
    } catch (problem) {
      const wrong = problem instanceof ApiError && problem.status === 401;
      setFailure(wrong ? { code: '', message: t('login.wrong'), hint: hint ?? '' } : failureOf(problem));
      setBusy(false);
    }
  };
  const needed = [{ required: true, message: t('wizard.required') }];
  return (
    <>
      {failure && <Alert role="alert" type="error" showIcon message={said(failure.message)} description={said(failure.hint)} />}
      <Form layout="vertical" onFinish={(login) => void submit(login as Login)} disabled={busy} requiredMark={false} initialValues={{ user, password: '' }}>
        <Form.Item name="user" label={t('login.user')} rules={needed}>
          <Input autoComplete="username" autoFocus={!user} size="large" />
        </Form.Item>
        <Form.Item name="password" label={t('login.password')} rules={needed}>
          <Input.Password autoComplete="current-password" autoFocus={!!user} size="large" />
        </Form.Item>
        <Button type="primary" htmlType="submit" block size="large" loading={busy}>
          {t('login.submit')}
        </Button>
      </Form>
      <OtherWays />
    </>
  );
}

function OtherWays() {
  const t = useText();
  const [ways, setWays] = useState<Provider[]>([]);
  useEffect(() => {
    get<Provider[]>('/api/v1/session/providers').then(setWays, () => undefined); // then there is the password
  }, []);
  return (
    <>
      {ways.map((way) => (
        <Button key={way.id} href={way.login} block size="large">
          {t('login.by', { name: way.name })}
        </Button>
      ))}
    </>
  );
}
