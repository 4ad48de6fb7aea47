/** What surrounds every page: bar, navigation, the banner of a service that is away. */
import {
  AlertOutlined,
  AuditOutlined,
  DashboardOutlined,
  DatabaseOutlined,
  MenuOutlined,
  SettingOutlined,
  SwapOutlined,
  SyncOutlined,
  TeamOutlined,
  UserOutlined,
} from '@oceanbase/icons';
import { useState, type ReactNode } from 'react';
import { useLocation, useNavigate } from 'react-router-dom';
import { remove } from '../api/client';
import { useAway } from '../api/connection';
import { setAccount, useExpired, type Account } from '../api/session';
import { useText } from '../i18n';
import { useNarrow } from '../look';
import { Alert, Button, Drawer, Dropdown } from '../ui';
import { Logo } from './Logo';
import { LookAndLanguage } from './LookAndLanguage';

export function Shell({ account, children }: { account: Account; children: ReactNode }) {
  const t = useText();
  const narrow = useNarrow();
  const [open, setOpen] = useState(false);
  const inert = useExpired() ? { inert: '' } : {}; // React 18 has no such property yet
  return (
    <div className="shell" {...inert}>
      <a className="skip" href="#content">
        {t('app.skip')}
      </a>
      <header className="bar">
        {narrow && (
          <Button type="text" aria-label={t('nav.menu')} icon={<MenuOutlined />} onClick={() => setOpen(true)} />
        )}
        <Logo />
        <span className="brand">{t('app.name')}</span>
        <span className="grow" />
        <LookAndLanguage />
        <Person account={account} />
      </header>
      {!narrow && (
        <aside className="side">
          <Navigation admin={account.role === 'admin'} />
        </aside>
      )}
      <Drawer open={narrow && open} placement="left" width={260} onClose={() => setOpen(false)} title={t('nav.menu')} footer={null}>
        <Navigation admin={account.role === 'admin'} onGo={() => setOpen(false)} />
      </Drawer>
      <main id="content" tabIndex={-1}>
        <Away />
        {children}
      </main>
    </div>
  );
}

function Away() {
  const t = useText();
  return useAway() ? <Alert className="away" role="alert" type="warning" banner showIcon message={t('app.away')} /> : null;
}

function Person({ account }: { account: Account }) {
  const t = useText();
  const navigate = useNavigate();
  const leave = () => {
    void remove('/api/v1/session').finally(() => setAccount(null));
  };
  const items = [
    { key: 'settings', label: t('nav.settings'), onClick: () => navigate('/settings') },
    { key: 'leave', label: t('nav.logout'), onClick: leave },
  ];
  return (
    <Dropdown menu={{ items }} trigger={['click']}>
      <Button type="text" icon={<UserOutlined />} className="person">
        {account.user}
      </Button>
    </Dropdown>
  );
}

function Navigation({ admin, onGo }: { admin: boolean; onGo?: () => void }) {
  const t = useText();
  const place = useLocation().pathname;
  const navigate = useNavigate();
  const entries = [
    { to: '/', text: t('nav.overview'), icon: <DashboardOutlined /> },
    { to: '/migration', text: t('nav.migration'), icon: <SwapOutlined /> },
    { to: '/sync', text: t('nav.sync'), icon: <SyncOutlined /> },
    { to: '/alerts', text: t('nav.alerts'), icon: <AlertOutlined /> },
    { to: '/endpoints', text: t('nav.endpoints'), icon: <DatabaseOutlined /> },
    ...(admin ? [{ to: '/accounts', text: t('nav.accounts'), icon: <TeamOutlined /> }] : []),
    ...(admin ? [{ to: '/audit', text: t('nav.audit'), icon: <AuditOutlined /> }] : []),
    { to: '/settings', text: t('nav.settings'), icon: <SettingOutlined /> },
  ];
  return (
    <nav aria-label={t('nav.label')}>
      <ul className="nav">
        {entries.map((entry) => {
          const current = entry.to === '/' ? place === '/' : place.startsWith(entry.to);
          return (
            <li key={entry.to}>
              <a
                href={`/console${entry.to}`}
                aria-current={current ? 'page' : undefined}
                onClick={(event) => {
                  if (event.metaKey || event.ctrlKey || event.shiftKey) return;
                  event.preventDefault();
                  navigate(entry.to);
                  onGo?.();
                }}
              >
                <span aria-hidden="true">{entry.icon}</span>
                {entry.text}
              </a>
            </li>
          );
        })}
      </ul>
    </nav>
  );
}
