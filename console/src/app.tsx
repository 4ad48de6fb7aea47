/** The console: language, look, login, and the page of the address. */
import { Component, Fragment, lazy, Suspense, useEffect, type ReactNode } from 'react';
import { BrowserRouter, Link, Navigate, Route, Routes } from 'react-router-dom';
import enUS from '@oceanbase/design/es/locale/en-US';
import zhCN from '@oceanbase/design/es/locale/zh-CN';
import { call } from './api/client';
import { setAccount, useAccount, type Account } from './api/session';
import { useLanguage, useText } from './i18n';
import { Expired } from './layout/Expired';
import { Shell } from './layout/Shell';
import { useDark } from './look';
import { Login } from './pages/Login';
import { Loading, Nothing, Page } from './parts/States';
import { useLessMotion } from './logic/motion';
import { App, Button, ConfigProvider, theme } from './ui';

const Overview = lazy(() => import('./pages/Overview'));
const Projects = lazy(() => import('./pages/Projects'));
const ProjectPage = lazy(() => import('./pages/project/ProjectPage'));
const Wizard = lazy(() => import('./pages/wizard/Wizard'));
const Endpoints = lazy(() => import('./pages/Endpoints'));
const Alerts = lazy(() => import('./pages/alerts/Alerts'));
const Accounts = lazy(() => import('./pages/Accounts'));
const Audit = lazy(() => import('./pages/Audit'));
const Settings = lazy(() => import('./pages/Settings'));

const FONT =
  "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'PingFang SC', 'Microsoft YaHei', 'Noto Sans CJK SC', sans-serif";

// Greys of the theme that are too pale for small text (WCAG AA) are made darker, or lighter in the dark.
const LIGHT = { token: { fontFamily: FONT, colorTextTertiary: '#4b5975', colorTextPlaceholder: '#66738f', colorError: '#c22f2f' } };
const DARK = {
  isDark: true,
  algorithm: theme.darkAlgorithm,
  token: {
    fontFamily: FONT,
    colorText: '#e6ebf5',
    colorTextSecondary: '#c3ccdc',
    colorTextTertiary: '#a3aec2',
    colorTextPlaceholder: '#98a4ba',
    colorTextDisabled: '#98a4ba',
    colorLink: '#7db3ff',
    colorBgContainer: '#181d27',
    colorBgElevated: '#1f2531',
    colorBorder: '#46536b',
    colorIcon: '#c3ccdc',
    colorError: '#ff8f8f',
  },
  components: { Button: { dangerColor: '#230c0c' } },
};

export function Console() {
  const language = useLanguage();
  const look = useDark() ? DARK : LIGHT;
  const still = useLessMotion();
  return (
    <ConfigProvider
      locale={language === 'zh' ? zhCN : enUS}
      theme={still ? { ...look, token: { ...look.token, motion: false } } : look}
      form={{ requiredMark: true }}
      button={{ autoInsertSpace: false }}
    >
      <App>
        <BrowserRouter basename="/console">
          <Suspense fallback={<Loading />}>
            <Door />
          </Suspense>
        </BrowserRouter>
      </App>
    </ConfigProvider>
  );
}

function Door() {
  const account = useAccount();
  useEffect(() => {
    call<Account>('GET', '/api/v1/session').then(setAccount, () => setAccount(null));
  }, []);
  if (account === undefined) return <Loading />;
  if (account === null) return <Login />;
  return (
    <Fragment key={account.user}>
      <Shell account={account}>
        <Guard>
          <Suspense fallback={<Loading />}>
            <Pages />
          </Suspense>
        </Guard>
      </Shell>
      <Expired user={account.user} />
    </Fragment>
  );
}

function Pages() {
  return (
    <Routes>
      <Route path="/" element={<Overview />} />
      <Route path="/migration" element={<Projects key="MIGRATION" type="MIGRATION" />} />
      <Route path="/sync" element={<Projects key="SYNC" type="SYNC" />} />
      <Route path="/projects/:id" element={<ProjectPage />} />
      <Route path="/projects/:id/:tab" element={<ProjectPage />} />
      <Route path="/new" element={<Wizard />} />
      <Route path="/endpoints" element={<Endpoints />} />
      <Route path="/alerts" element={<Alerts />} />
      <Route path="/alerts/:tab" element={<Alerts />} />
      <Route path="/accounts" element={<Accounts />} />
      <Route path="/audit" element={<Audit />} />
      <Route path="/settings" element={<Settings />} />
      <Route path="/index.html" element={<Navigate to="/" replace />} />
      <Route path="*" element={<Nowhere />} />
    </Routes>
  );
}

function Nowhere() {
  const t = useText();
  return (
    <Page title={t('app.notFound')}>
      <Nothing text={t('app.notFoundHint')}>
        <Link to="/">{t('app.home')}</Link>
      </Nothing>
    </Page>
  );
}

class Guard extends Component<{ children: ReactNode }, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError() {
    return { failed: true };
  }

  override render() {
    return this.state.failed ? <Broken /> : this.props.children;
  }
}

function Broken() {
  const t = useText();
  return (
    <Page title={t('app.defect')}>
      <Nothing text={t('app.defectHint')}>
        <Button onClick={() => location.reload()}>{t('app.retry')}</Button>
      </Nothing>
    </Page>
  );
}
