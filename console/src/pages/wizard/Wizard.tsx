/** From two endpoints to a running project, in five pages. */
import { useEffect, useRef, useState } from 'react';
import { useNavigate } from 'react-router-dom';
import { useAct } from '../../api/act';
import { post } from '../../api/client';
import { useMay } from '../../api/session';
import type { Check, Project } from '../../api/types';
import { useText } from '../../i18n';
import { Failed, Nothing, Page, Panel } from '../../parts/States';
import { YamlButton } from '../../parts/TextButtons';
import { Button, Space, Steps } from '../../ui';
import { EMPTY_FORM, keepForm, keptForm, problemsOf, requestOf, type WizardForm } from './form';
import { EndpointsPage } from './EndpointsPage';
import { ObjectsPage } from './ObjectsPage';
import { OptionsPage } from './OptionsPage';
import { PrecheckPage } from './PrecheckPage';
import { TypesPage } from './TypesPage';

const PAGES = ['endpoints', 'types', 'objects', 'options', 'precheck'] as const;

export default function Wizard() {
  const t = useText();
  const navigate = useNavigate();
  const may = useMay('operator');
  const [form, setForm] = useState(keptForm);
  const [page, setPage] = useState(0);
  const [strict, setStrict] = useState(false);
  const { busy, failure, run, forget } = useAct();
  const [ready, setReady] = useState(false);
  const heading = useRef<HTMLDivElement>(null);

  useEffect(() => keepForm(form), [form]);
  const change = (part: Partial<WizardForm>) => setForm((before) => ({ ...before, ...part }));
  const go = (next: number) => {
    const bad = next > page ? PAGES.findIndex((_, place) => place < next && problemsOf(form, place).length > 0) : -1;
    setStrict(bad >= 0);
    setPage(bad >= 0 ? bad : next);
    forget();
    setReady(false);
    heading.current?.focus();
  };
  const create = (start: boolean) =>
    run(async () => {
      const made = await post<Project>('/api/v1/projects', requestOf(form));
      keepForm(null);
      if (start) await post(`/api/v1/projects/${made.id}/start`);
      navigate(`/projects/${made.id}`);
    });
  const judged = (checks: Check[] | null) =>
    setReady(checks !== null && checks.every((check) => check.verdict !== 'FAILED'));

  if (!may) {
    return (
      <Page title={t('wizard.title')}>
        <Nothing text={t('app.viewerOnly')} />
      </Page>
    );
  }
  const props = { form, change, strict };
  return (
    <Page
      title={t('wizard.title')}
      extra={
        <Button
          onClick={() => {
            setForm(EMPTY_FORM);
            setPage(0);
            setStrict(false);
          }}
        >
          {t('wizard.discard')}
        </Button>
      }
    >
      <Steps
        className="wizard-steps"
        current={page}
        size="small"
        responsive={false}
        onChange={go}
        items={PAGES.map((name) => ({ title: t(`wizard.step.${name}`) }))}
      />
      <div ref={heading} tabIndex={-1} className="wizard-page">
        <Panel title={t(`wizard.step.${PAGES[page]!}`)}>
          {page === 0 && <EndpointsPage {...props} />}
          {page === 1 && <TypesPage {...props} />}
          {page === 2 && <ObjectsPage {...props} />}
          {page === 3 && <OptionsPage {...props} />}
          {page === 4 && <PrecheckPage {...props} onJudged={judged} />}
        </Panel>
      </div>
      {failure && <Failed failure={failure} />}
      <Space className="wizard-foot" wrap>
        {page > 0 && <Button onClick={() => go(page - 1)}>{t('wizard.previous')}</Button>}
        {page < 4 && (
          <Button type="primary" onClick={() => go(page + 1)}>
            {t('wizard.next')}
          </Button>
        )}
        {page === 4 && (
          <>
            <YamlButton path="/api/v1/configuration/yaml" body={requestOf(form)} />
            <Button loading={busy} onClick={() => void create(false)}>
              {t('wizard.saveOnly')}
            </Button>
            <Button type="primary" loading={busy} disabled={!ready} onClick={() => void create(true)}>
              {t('wizard.start')}
            </Button>
          </>
        )}
      </Space>
    </Page>
  );
}
