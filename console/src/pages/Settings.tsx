import { useAct } from '../api/act';
import { put } from '../api/client';
import { setAccount, useAccount } from '../api/session';
import { setLanguage, useLanguage, useText, type Language } from '../i18n';
import { setDark, useDark } from '../look';
import { Failed, Page, Panel } from '../parts/States';
import { App, Button, Form, Input, Segmented } from '../ui';
import { Labels } from './Labels';

export default function Settings() {
  const t = useText();
  const language = useLanguage();
  const dark = useDark();
  return (
    <Page title={t('settings.title')}>
      <Panel title={t('settings.look')}>
        <div className="row wide">
          <Segmented
            aria-label={t('nav.language')}
            value={language}
            onChange={(value) => setLanguage(value as Language)}
            options={[
              { value: 'en', label: 'English' },
              { value: 'zh', label: '中文' },
            ]}
          />
          <Segmented
            aria-label={t('nav.theme')}
            value={dark ? 'dark' : 'light'}
            onChange={(value) => setDark(value === 'dark')}
            options={[
              { value: 'light', label: t('nav.light') },
              { value: 'dark', label: t('nav.dark') },
            ]}
          />
        </div>
      </Panel>
      <Labels />
      <OwnPassword />
      <Panel title={t('settings.links')}>
        <ul className="plain">
          <li>
            <a href="/docs">{t('settings.docs')}</a>
          </li>
          <li>
            <a href="/metrics">{t('settings.metrics')}</a>
          </li>
          <li>
            <a href="/status">{t('settings.status')}</a>
          </li>
        </ul>
      </Panel>
    </Page>
  );
}

function OwnPassword() {
  const t = useText();
  const { message } = App.useApp();
  const account = useAccount();
  const { busy, failure, run } = useAct();
  const change = (asked: { old: string; new: string }) =>
    run(async () => {
      await put('/api/v1/session/password', asked);
      message.success(t('accounts.passwordChanged'));
      setAccount(null);
    });
  const needed = [{ required: true, message: t('wizard.required') }];
  return (
    <Panel title={t('settings.account')}>
      <p>
        <strong>{account?.user}</strong> · {account && t(`accounts.role.${account.role}`)}
      </p>
      <Form layout="vertical" className="narrow-form" name="password" onFinish={(asked) => void change(asked as { old: string; new: string })}>
        <Form.Item name="old" label={t('accounts.oldPassword')} rules={needed}>
          <Input.Password autoComplete="current-password" />
        </Form.Item>
        <Form.Item name="new" label={t('accounts.newPassword')} rules={needed}>
          <Input.Password autoComplete="new-password" />
        </Form.Item>
        {failure && <Failed failure={failure} />}
        <Button htmlType="submit" loading={busy}>{t('nav.password')}</Button>
      </Form>
    </Panel>
  );
}
