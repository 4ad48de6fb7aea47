/** The error a project has stopped at, in place, with what can be done about it. */
import { useState } from 'react';
import { Link } from 'react-router-dom';
import { useAct } from '../../api/act';
import { post } from '../../api/client';
import { useLoaded } from '../../api/load';
import type { Check, Project, SchemaPage } from '../../api/types';
import { useText } from '../../i18n';
import { Failed } from '../../parts/States';
import { Sql } from '../../parts/Sql';
import { Said } from '../../parts/Words';
import { App, Button, Input, Radio, Space } from '../../ui';
import { Checks } from '../../parts/Checks';

export function Trouble({ project, may }: { project: Project; may: boolean }) {
  const t = useText();
  const step = project.steps.find((each) => each.error);
  const error = project.error ?? step?.error;
  if (!error || project.status === 'RELEASED') return null;
  const context = { ...step?.error?.context, ...error.context };
  const conflict = step?.error?.code === 'apply.conflict' ? String(context['table'] ?? '') : '';
  const choices = conflict ? CONFLICT_CHOICES : (context['choices'] as string[] | undefined);
  const sql = context['sql'] as string | undefined;
  const items = (step?.name === 'precheck' ? step.info['items'] : undefined) as Check[] | undefined;
  const failed = error.code === 'precheck.failed' ? (items ?? []).filter((item) => item.verdict === 'FAILED').length : 0; // each stands below
  return (
    <div className="trouble">
      <Failed failure={failed ? { ...error, message: t('wizard.checkFailed', { count: failed }) } : error}>{may && project.status === 'FAILED' && !choices && <Again project={project} />}</Failed>
      {choices && project.status === 'FAILED' && <Choices project={project} sql={sql ?? ''} conflict={conflict} choices={choices} may={may} />}
      {step?.name === 'schema' && <FailedObjects project={project} />}
      {items && <Checks items={items} />}
    </div>
  );
}

const CONFLICT_CHOICES = ['retry', 'skip', 'overwrite'];

/** What the schema step could not make, each with the way to where that is decided. */
function FailedObjects({ project }: { project: Project }) {
  const t = useText();
  const { data } = useLoaded<SchemaPage>(`/api/v1/projects/${project.id}/schema?only=failed&size=20`, project.revision);
  if (!data?.items.length) return null;
  return (
    <section className="panel">
      <h2>{t('project.failedObjects')}</h2>
      <ul className="lines">
        {data.items.map((each) => (
          <li key={`${each.kind} ${each.object}`} data-failed={each.object}>
            <strong className="wrap">{each.object}</strong>
            <span className="dim wrap grow"><Said text={each.message} /></span>
            <Link to={`/projects/${project.id}/schema?only=failed&object=${encodeURIComponent(`${each.kind} ${each.object}`)}`}>{t('project.decide')}</Link>
          </li>
        ))}
      </ul>
      {data.total > data.items.length && <Link to={`/projects/${project.id}/schema?only=failed`}>{t('project.allFailed', { count: data.total })}</Link>}
    </section>
  );
}

function Again({ project }: { project: Project }) {
  const t = useText();
  const { busy, failure, run } = useAct();
  return (
    <>
      <Button type="primary" loading={busy} onClick={() => void run(() => post(`/api/v1/projects/${project.id}/resume`))}>
        {t('action.retry')}
      </Button>
      {failure && <Failed failure={failure} />}
    </>
  );
}

interface ChoiceProps {
  project: Project;
  sql: string;
  /** The table of a refused change; empty where a schema statement waits. */
  conflict: string;
  choices: string[];
  may: boolean;
}

function Choices({ project, sql, conflict, choices, may }: ChoiceProps) {
  const t = useText();
  const { modal } = App.useApp();
  const [choice, setChoice] = useState(choices[0] ?? 'skip');
  const [own, setOwn] = useState('');
  const { busy, failure, run } = useAct();
  const decide = () =>
    run(async () => {
      if (choice !== 'retry') await post(`/api/v1/projects/${project.id}/choose`, { choice, sql: choice === 'apply' ? own : '' });
      await post(`/api/v1/projects/${project.id}/resume`);
    });
  const confirm = () => {
    if (choice !== 'overwrite') return void decide();
    modal.confirm({
      title: t('project.askOverwrite', { table: conflict }),
      content: t('project.askOverwriteText'),
      okText: t('project.choice.confirm'),
      okButtonProps: { danger: true },
      cancelText: t('app.cancel'),
      onOk: decide,
    });
  };
  return (
    <section className="panel" data-choices={choices.join(' ')}>
      <p>{conflict ? t('project.conflict', { table: conflict }) : t('project.choices')}</p>
      {sql && <Sql text={sql} label={t('project.choices')} />}
      {may && (
        <Space direction="vertical">
          <Radio.Group value={choice} onChange={(event) => setChoice(event.target.value as string)}>
            <Space direction="vertical">
              {choices.map((each) => (
                <Radio key={each} value={each}>
                  {t(conflict && each === 'skip' ? 'project.choice.conflict.skip' : (`project.choice.${each}` as 'project.choice.skip'))}
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
          <Button type="primary" loading={busy} disabled={choice === 'apply' && !own.trim()} onClick={confirm}>
            {t('project.choice.confirm')}
          </Button>
          {failure && <Failed failure={failure} />}
        </Space>
      )}
    </section>
  );
}
