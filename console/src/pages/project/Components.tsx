/** The logs of the components: each step is a process of its own, and writes one. */
import { useState } from 'react';
import { query } from '../../api/client';
import { useLoaded } from '../../api/load';
import type { LogEntries, Project } from '../../api/types';
import { known, useLanguage, useText } from '../../i18n';
import { moment } from '../../logic/format';
import { Failed, Loading, Nothing, Panel } from '../../parts/States';
import { Button, Select } from '../../ui';
import { useBeat } from './beat';

const LAST = 500;
const REST_MS = 5000;

export function Components({ project }: { project: Project }) {
  const t = useText();
  const language = useLanguage();
  const begun = project.steps.filter((step) => step.started_at);
  const [step, setStep] = useState(project.current_step ?? begun[0]?.name ?? project.steps[0]?.name);
  const path = step ? `/api/v1/projects/${project.id}/logs${query({ step, last: LAST })}` : null;
  const { data, failure, again } = useLoaded<LogEntries>(path, useBeat(), REST_MS);
  const entries = data?.entries ?? [];
  return (
    <Panel extra={<Button onClick={again}>{t('components.again')}</Button>}>
      <div className="filters">
        <Select
          aria-label={t('components.step')}
          value={step}
          onChange={setStep}
          options={project.steps.map((each) => ({ value: each.name, label: `${t('components.step')}: ${known(t, 'step', each.name)}` }))}
        />
      </div>
      <p className="dim small">{t('components.older')}</p>
      {failure && <Failed failure={failure} again={again} />}
      {!data && !failure && <Loading />}
      {data && entries.length === 0 && <Nothing text={t('components.empty')} />}
      {entries.length > 0 && (
        <ol className="log">
          {entries.map((entry, place) => (
            <li key={place} className={`log-${entry.level.toLowerCase()}`}>
              {entry.at && <time dateTime={entry.at}>{moment(entry.at, language)}</time>}
              {entry.level && <span className="tag">{known(t, 'log.level', entry.level.toLowerCase())}</span>}
              <span className="wrap">{entry.message}</span>
            </li>
          ))}
        </ol>
      )}
    </Panel>
  );
}
