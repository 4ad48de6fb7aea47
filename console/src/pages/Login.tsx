import { useState } from 'react';
import { ApiError, call, failureOf, type Failure } from '../api/client';
import { setAccount, type Account } from '../api/session';
import { useText } from '../i18n';
import { LookAndLanguage } from '../layout/LookAndLanguage';
import { Logo } from '../layout/Logo';
import { Alert, Button, Form, Input } from '../ui';
import { useTitle } from '../parts/title';

export function Login() {
  const t = useText();
  useTitle(t('login.title'));
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Failure | null>(null);

  const submit = async (login: { user: string; password: string }) => {
    setBusy(true);
    setFailure(null);
    try {
      setAccount(await call<Account>('POST', '/api/v1/session', login));
    } catch (problem) {
      const wrong = problem instanceof ApiError && problem.status === 401;
      setFailure(wrong ? { code: '', message: t('login.wrong'), hint: t('login.first') } : failureOf(problem));
      setBusy(false);
    }
  };

  return (
    <div className="login">
      <div className="login-tools">
        <LookAndLanguage />
      </div>
      <main className="login-card">
        <Logo size={44} />
        <h1>{t('login.title')}</h1>
        <p className="dim">{t('login.motto')}</p>
        {failure && <Alert role="alert" type="error" showIcon message={failure.message} description={failure.hint} />}
        <Form layout="vertical" onFinish={submit} disabled={busy} requiredMark={false}>
          <Form.Item name="user" label={t('login.user')} rules={[{ required: true, message: t('wizard.required') }]}>
            <Input autoComplete="username" autoFocus size="large" />
          </Form.Item>
          <Form.Item name="password" label={t('login.password')} rules={[{ required: true, message: t('wizard.required') }]}>
            <Input.Password autoComplete="current-password" size="large" />
          </Form.Item>
          <Button type="primary" htmlType="submit" block size="large" loading={busy}>
            {t('login.submit')}
          </Button>
        </Form>
      </main>
    </div>
  );
}
