/** Making the target equal where verification found it to differ: pause, repair, compare again, go on. */
import { useState } from 'react';
import { useAct } from '../../api/act';
import { post } from '../../api/client';
import { useOwns } from '../../api/session';
import type { Project, RepairOutcome } from '../../api/types';
import { useText } from '../../i18n';
import { AskByName } from '../../parts/AskByName';
import { App, Button } from '../../ui';

export function Repair({ project }: { project: Project }) {
  const t = useText();
  const may = useOwns(project.owner);
  const [open, setOpen] = useState(false);
  if (!may || project.status.startsWith('RELEAS')) return null;
  return (
    <>
      <Button type="primary" danger onClick={() => setOpen(true)}>
        {t('repair.button')}
      </Button>
      {open && <Question project={project} onClose={() => setOpen(false)} />}
    </>
  );
}

function Question({ project, onClose }: { project: Project; onClose: () => void }) {
  const t = useText();
  const { message } = App.useApp();
  const { busy, failure, run } = useAct();
  const running = project.status === 'RUNNING';
  const path = `/api/v1/projects/${project.id}`;
  const repair = async () => {
    let paused = false;
    try {
      if (running) {
        await post(`${path}/stop`);
        paused = true;
      }
      const outcome = await post<RepairOutcome>(`${path}/repair`, { name: project.name });
      const rows = Object.values(outcome.tables).reduce((sum, each) => sum + each, 0);
      if (paused && project.switchover) await post(`${path}/resume`);
      if (!project.switchover) await post(`${path}/verify`); // a switchover compares by itself, when told to try again
      message.success(t(project.switchover ? 'switch.repaired' : 'repair.done', { rows }));
      onClose();
    } catch (problem) {
      if (paused) await post(`${path}/resume`).catch(() => undefined); // its status is on the page
      throw problem;
    }
  };
  return (
    <AskByName
      title={t('repair.title', { name: project.name })}
      wanted={project.name}
      yes={t('repair.button')}
      danger
      busy={busy}
      failure={failure}
      onYes={() => void run(repair)}
      onNo={onClose}
    >
      <p>{t('repair.text')}</p>
      <p>{t('repair.pauses')}</p>
      <p>{t(project.switchover ? 'switch.repairThenRetry' : 'repair.verifies')}</p>
    </AskByName>
  );
}
