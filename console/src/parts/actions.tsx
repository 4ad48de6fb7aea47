/** What can be done to projects, and the questions before it. */
import { useState } from 'react';
import { failureOf, post, remove } from '../api/client';
import { useMay } from '../api/session';
import { useText } from '../i18n';
import { useSaid } from '../i18n/said';
import { FINAL, type Action } from '../logic/state';
import { App, Button } from '../ui';
import { AskByName } from './AskByName';

export interface Named {
  id: string;
  name: string;
}

interface Question {
  action: Action;
  projects: Named[];
}

export async function perform(action: Action, id: string): Promise<void> {
  const path = `/api/v1/projects/${encodeURIComponent(id)}`;
  if (action === 'delete') await remove(path);
  else await post(`${path}/${action}`);
}

/** Returns how to ask, and the dialog that asks. */
export function useActions(onDone: (action: Action) => void = () => undefined) {
  const t = useText();
  const said = useSaid();
  const { message } = App.useApp();
  const [question, setQuestion] = useState<Question | null>(null);
  const [busy, setBusy] = useState(false);
  const may = useMay('operator');

  const run = async ({ action, projects }: Question) => {
    setBusy(true);
    let done = false;
    for (const project of projects) {
      const words = { name: project.name, action: t(`action.${action}`) };
      try {
        await perform(action, project.id);
        done = true;
        if (projects.length === 1) message.success(t('action.done', words));
      } catch (problem) {
        message.error(t('action.failed', { ...words, reason: said(failureOf(problem).message) }));
      }
    }
    setBusy(false);
    setQuestion(null);
    if (done) onDone(action);
  };

  const dialog = question && (
    <Ask key={question.action} question={question} busy={busy} onYes={() => void run(question)} onNo={() => setQuestion(null)} />
  );
  return { ask: (action: Action, projects: Named[]) => setQuestion({ action, projects }), dialog, may };
}

function Ask({ question, busy, onYes, onNo }: { question: Question; busy: boolean; onYes: () => void; onNo: () => void }) {
  const t = useText();
  const { action, projects } = question;
  const one = projects.length === 1 ? projects[0] : undefined;
  const final = FINAL.has(action);
  return (
    <AskByName
      title={one ? t(`ask.${action}`, { name: one.name }) : t('ask.batch', { action: t(`action.${action}`), count: projects.length })}
      wanted={final ? (one?.name ?? String(projects.length)) : ''}
      label={one ? undefined : t('ask.batchType', { count: projects.length })}
      yes={t(`action.${action}`)}
      danger={final}
      busy={busy}
      onYes={onYes}
      onNo={onNo}
    >
      <p>{t(`ask.${action}Text`)}</p>
      {!one && <p className="dim wrap">{projects.map((project) => project.name).join(', ')}</p>}
    </AskByName>
  );
}

/** The buttons of one project. */
export function ActionButtons({ actions, ask, project }: { actions: Action[]; ask: (action: Action, projects: Named[]) => void; project: Named }) {
  const t = useText();
  return (
    <>
      {actions.map((action) => (
        <Button
          key={action}
          type={action === 'start' || action === 'resume' ? 'primary' : 'default'}
          danger={FINAL.has(action)}
          onClick={() => ask(action, [project])}
        >
          {t(`action.${action}`)}
        </Button>
      ))}
    </>
  );
}
