/** Over the page of somebody whose session has ended: who logs in again goes on where they were. */
import { setAccount, useExpired } from '../api/session';
import { useText } from '../i18n';
import { LoginForm } from '../parts/LoginForm';
import { Button, Modal } from '../ui';

export function Expired({ user }: { user: string }) {
  const t = useText();
  if (!useExpired()) return null;
  return (
    <Modal open title={t('login.expired')} closable={false} maskClosable={false} keyboard={false} footer={null} zIndex={2000} rootClassName="expired">
      <p>{t('login.expiredText')}</p>
      <LoginForm user={user} />
      <Button type="link" onClick={() => setAccount(null)}>
        {t('login.leave')}
      </Button>
    </Modal>
  );
}
