import { useText } from '../i18n';
import { LookAndLanguage } from '../layout/LookAndLanguage';
import { Logo } from '../layout/Logo';
import { LoginForm } from '../parts/LoginForm';
import { useTitle } from '../parts/title';

export function Login() {
  const t = useText();
  useTitle(t('login.title'));
  return (
    <div className="login">
      <div className="login-tools">
        <LookAndLanguage />
      </div>
      <main className="login-card">
        <Logo size={44} />
        <h1>{t('login.title')}</h1>
        <p className="dim">{t('login.motto')}</p>
        <LoginForm hint={t('login.first')} />
      </main>
    </div>
  );
}
