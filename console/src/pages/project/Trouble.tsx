/** The error a project has stopped at, in place, with what can be done about it. */
import { useState } from 'react';
import { failureOf, post, type Failure } from '../../api/client';
import type { Project } from '../../api/types';
import { useText } from '../../i18n';
import { Failed } from '../../parts/States';
import { Sql } from '../../parts/Sql';
import { Words } from '../../parts/Words';
import { Alert, Button, Input, Radio, Space } from '../../ui';
import { Checks } from '../../parts/Checks';
import type { Check } from '../../api/types';

export function Trouble({ project, may }: { project: Project; may: boolean }) {
  const step = project.steps.find((each) => each.error);
  const error = project.error ?? step?.error;
  if (!error || project.status === 'RELEASED') return null;
  const choices = (error.context['choices'] ?? step?.error?.context['choices']) as string[] | undefined;
  const sql = (error.context['sql'] ?? step?.error?.context['sql']) as string | undefined;
  const items = (step?.name === 'precheck' ? step.info['items'] : undefined) as Check[] | undefined;
  return (
    <div className="trouble">
      <Alert
        role="alert"
        type="error"
        showIcon
        message={<><Words code={error.code} text={error.message} /> <code className="dim">{error.code}</code></>}
        description={
          <>
            {error.hint && <p className="hint">→ {error.hint}</p>}
            {may && project.status === 'FAILED' && !choices && <Again project={project} />}
          </>
        }
      />
      {choices && project.status === 'FAILED' && <Choices project={project} sql={sql ?? ''} choices={choices} may={may} />}
      {items && <Checks items={items} />}
    </div>
  );
}

function Again({ project }: { project: Project }) {
  const t = useText();
  const [failure, setFailure] = useState<Failure | null>(null);
  const retry = () =>
    post(`/api/v1/projects/${project.id}/resume`).then(
      () => setFailure(null),
      (problem) => setFailure(failureOf(problem)),
    );
  return (
    <>
      <Button type="primary" onClick={() => void retry()}>
        {t('action.retry')}
      </Button>
      {failure && <Failed failure={failure} />}
    </>
  );
}

function Choices({ project, sql, choices, may }: { project: Project; sql: string; choices: string[]; may: boolean }) {
  const t = useText();
  const [choice, setChoice] = useState(choices[0] ?? 'skip');
  const [own, setOwn] = useState('');
  const [failure, setFailure] = useState<Failure | null>(null);
  const [busy, setBusy] = useState(false);
  const decide = async () => {
    setBusy(true);
    try {
      await post(`/api/v1/projects/${project.id}/choose`, { choice, sql: choice === 'apply' ? own : '' });
      await post(`/api/v1/projects/${project.id}/resume`);
    } catch (problem) {
      setFailure(failureOf(problem));
    }
    setBusy(false);
  };
  return (
    <section className="panel">
      <p>{t('project.choices')}</p>
      {sql && <Sql text={sql} label={t('project.choices')} />}
      {may && (
        <Space direction="vertical">
          <Radio.Group value={choice} onChange={(event) => setChoice(event.target.value as string)}>
            <Space direction="vertical">
              {choices.map((each) => (
                <Radio key={each} value={each}>
                  {t(`project.choice.${each}` as 'project.choice.skip')}
                </Radio>
              ))}
            </Space>
          </Radio.Group>
          {choice === 'apply' && (
            <Input.TextArea
              aria-label={t('project.choice.sql')}
              placeholder={t('project.choice.sql')}
              value={own}
              rows={4}
              onChange={(event) => setOwn(event.target.value)}
            />
          )}
          <Button type="primary" loading={busy} disabled={choice === 'apply' && !own.trim()} onClick={() => void decide()}>
            {t('project.choice.confirm')}
          </Button>
          {failure && <Failed failure={failure} />}
        </Space>
      )}
    </section>
  );
}
