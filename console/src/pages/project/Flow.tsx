/** The pipeline as it flows, its steps, and its charts. */
import { lazy, Suspense } from 'react';
import type { Project, Step } from '../../api/types';
import { useLanguage, useText } from '../../i18n';
import { placeOf } from '../../logic/endpoint';
import { bytes, count, duration, moment } from '../../logic/format';
import { isMoving, latencyOf, stepOf } from '../../logic/state';
import { Loading, Panel } from '../../parts/States';
import { Bar, Status } from '../../parts/Status';
import { Said } from '../../parts/Words';
import { SwitchoverPanel } from './Switchover';

const Charts = lazy(() => import('./Charts'));

export function Flow({ project, may }: { project: Project; may: boolean }) {
  const t = useText();
  const switchover = <SwitchoverPanel project={project} may={may} />;
  return (
    <>
      <Panel title={t('project.flow')}>
        <Pipeline project={project} />
      </Panel>
      {project.switchover && switchover}
      <Panel title={t('project.steps')}>
        <StepList project={project} />
      </Panel>
      {!project.switchover && switchover}
      {project.started_at && (
        <Suspense fallback={<Loading />}>
          <Charts project={project} />
        </Suspense>
      )}
    </>
  );
}

function Pipeline({ project }: { project: Project }) {
  const t = useText();
  const language = useLanguage();
  const capture = stepOf(project, 'capture');
  const load = stepOf(project, 'load');
  const apply = stepOf(project, 'apply');
  const verify = stepOf(project, 'verify');
  const latency = latencyOf(project);
  const schema = load || capture || verify ? undefined : stepOf(project, 'schema');
  const running = project.status === 'RUNNING' || project.status === 'FAILED';
  const perSecond = (step: Step | undefined) => t('flow.rate', { count: count(step?.rows_per_second ?? 0, language) });
  return (
    <div className="pipeline">
      <Node kind="source" title={t('project.source')} text={placeOf(project.source)} />
      <Arrow
        kind="load"
        step={load}
        moving={running && isMoving(load)}
        name={t('step.load')}
        rate={isMoving(load) ? perSecond(load) : t('flow.rows', { count: count(load?.rows ?? 0, language) })}
      />
      <Arrow kind="load" step={schema} moving={running && isMoving(schema)} name={t('step.schema')} rate={t('flow.objects', { count: count(schema?.rows ?? 0, language) })} />
      <Arrow
        kind="capture"
        step={capture}
        moving={running && isMoving(capture)}
        name={t('step.capture')}
        rate={`${bytes(capture?.bytes_per_second ?? 0)}/s`}
      />
      {capture && (
        <Node kind="store" title={t('project.logStore')} text={capture.checkpoint_seconds ? t('flow.captured', { size: bytes(capture.bytes) }) : '–'} />
      )}
      <Arrow
        kind="apply"
        step={apply}
        moving={running && isMoving(apply)}
        name={t('step.apply')}
        rate={perSecond(apply)}
        note={latency === null ? '' : t('project.behind', { time: duration(latency) })}
      />
      <Node kind="target" title={t('project.target')} text={placeOf(project.target)} />
      <Arrow
        kind="verify"
        step={verify}
        moving={running && isMoving(verify)}
        name={t('step.verify')}
        rate={isMoving(verify) ? perSecond(verify) : t('flow.compared', { count: count(verify?.rows ?? 0, language) })}
      />
    </div>
  );
}

function Node({ kind, title, text }: { kind: string; title: string; text: string }) {
  return (
    <div className={`node node-${kind}`}>
      <strong>{title}</strong>
      <span className="dim small wrap">{text}</span>
    </div>
  );
}

interface ArrowProps {
  kind: string;
  step: Step | undefined;
  moving: boolean;
  name: string;
  rate: string;
  note?: string;
}

function Arrow({ kind, step, moving, name, rate, note }: ArrowProps) {
  if (!step) return null;
  return (
    <div className={`arrow arrow-${kind} ${moving ? 'arrow-moving' : ''} arrow-${step.status}`}>
      <span className="small">{name}</span>
      <span className="line" aria-hidden="true" />
      <span className="small">
        <span className="figure">{rate}</span> {note && <span className="note">{note}</span>}
      </span>
    </div>
  );
}

function StepList({ project }: { project: Project }) {
  const t = useText();
  const language = useLanguage();
  return (
    <table className="grid cards">
      <thead>
        <tr>
          <th>{t('log.step')}</th>
          <th>{t('projects.status')}</th>
          <th>{t('projects.progress')}</th>
          <th className="number">{t('project.rows')}</th>
          <th>{t('project.started')}</th>
          <th className="number">{t('project.took')}</th>
        </tr>
      </thead>
      <tbody>
        {project.steps.map((step) => (
          <tr key={step.name} data-step={step.name} data-status={step.status}>
            <th scope="row">
              {t(`step.${step.name}` as 'step.load')}
              {step.message && <span className="dim small block wrap"><Said text={step.message} /></span>}
              <Facts step={step} />
            </th>
            <td data-label={t('projects.status')}>
              <Status status={step.status} />
              {step.restarts > 0 && (
                <span className="dim small block">
                  {t('project.restarts')}: {step.restarts}
                </span>
              )}
            </td>
            <td data-label={t('projects.progress')}>
              <Bar
                percent={step.status === 'FINISHED' ? 100 : step.percent}
                failed={step.status === 'FAILED'}
                label={t(`step.${step.name}` as 'step.load')}
              />
            </td>
            <td className="number" data-label={t('project.rows')}>
              {step.rows ? count(step.rows, language) : '–'}
            </td>
            <td className="small" data-label={t('project.started')}>
              {moment(step.started_at, language)}
            </td>
            <td className="number" data-label={t('project.took')}>
              {step.started_at ? duration(step.seconds) : '–'}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** What apply counts: kinds of changes. */
function Facts({ step }: { step: Step }) {
  const t = useText();
  const language = useLanguage();
  if (step.name !== 'apply' || step.info['inserts'] === undefined) return null;
  const info = step.info as { inserts: number; updates: number; deletes: number; ddl: unknown[]; consistent: boolean };
  return (
    <span className="dim small block">
      {t('project.info.inserts')} {count(info.inserts, language)} · {t('project.info.updates')} {count(info.updates, language)} ·{' '}
      {t('project.info.deletes')} {count(info.deletes, language)} · {t('project.info.ddl')} {info.ddl.length}
      <span className="block">{t(info.consistent ? 'project.consistent' : 'project.converging')}</span>
    </span>
  );
}
