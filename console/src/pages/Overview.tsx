import { useState } from 'react';
import { Link } from 'react-router-dom';
import type { Failure } from '../api/client';
import { useLoaded } from '../api/load';
import { useMark } from '../api/marks';
import { useStream } from '../api/stream';
import type { AlertPage, Overview as Document, Project } from '../api/types';
import { useLanguage, useText } from '../i18n';
import { bytes, count, duration } from '../logic/format';
import { latencyOf, shownStep } from '../logic/state';
import { Failed, Loading, Nothing, Page, Panel } from '../parts/States';
import { Status } from '../parts/Status';
import { Said } from '../parts/Words';
import { NewProject } from './NewProject';

const STATUSES = ['RUNNING', 'FAILED', 'SUSPEND', 'INIT', 'FINISHED', 'RELEASED'];

export default function Overview() {
  const t = useText();
  const language = useLanguage();
  const [now, setNow] = useState<Document | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  useStream('/api/v1/live/overview', {
    onMessage: (name, document) => (name === 'overview' ? setNow(document as Document) : setFailure(document as Failure)),
    onFailure: setFailure,
  });
  return (
    <Page title={t('overview.title')} extra={<NewProject />}>
      {failure && <Failed failure={failure} />}
      {!now && !failure && <Loading />}
      {now && (
        <>
          <div className="figures">
            <Figure name={t('overview.throughput')} value={count(now.rows_per_second, language)} note={t('overview.of', { count: now.rates_of })} />
            <Figure name={t('overview.bytes')} value={`${bytes(now.bytes_per_second)}/s`} />
            <Figure name={t('overview.latency')} value={duration(now.latency_seconds)} />
            <OpenAlerts />
            <Figure name={t('overview.workers')} value={count(now.workers, language)} note={t('overview.workersNote')} />
            <Figure name={t('overview.endpoints')} value={count(now.endpoints, language)} />
          </div>
          <Panel title={t('overview.projects')}>
            <ul className="tiles">
              {STATUSES.map((status) => (
                <li key={status}>
                  <Link to={`/migration?status=${status}`}>
                    <strong>{count(now.by_status[status] ?? 0, language)}</strong>
                    <Status status={status} />
                  </Link>
                </li>
              ))}
            </ul>
          </Panel>
          <div className="columns">
            <Panel title={t('overview.needsYou')}>
              {now.failed.length === 0 ? <Nothing text={t('overview.nothingFailed')} /> : <ProjectLines projects={now.failed} />}
            </Panel>
            <Panel title={t('overview.latest')}>
              {now.latest.length === 0 ? <Nothing text={t('projects.empty')} /> : <ProjectLines projects={now.latest} />}
            </Panel>
          </div>
        </>
      )}
    </Page>
  );
}

/** How much is wrong now, and the way to it. */
function OpenAlerts() {
  const t = useText();
  const language = useLanguage();
  const { data } = useLoaded<AlertPage>('/api/v1/alerts?state=open&size=1', useMark('alerts'));
  return (
    <Link to="/alerts" className="figure-card">
      <span className="dim">{t('alerts.title')}</span>
      <strong className={data?.total ? 'bad' : undefined}>{count(data?.total, language)}</strong>
      <span className="dim small">{t('alerts.open')}</span>
    </Link>
  );
}

function Figure({ name, value, note }: { name: string; value: string; note?: string }) {
  return (
    <div className="figure-card">
      <span className="dim">{name}</span>
      <strong>{value}</strong>
      <span className="dim small">{note ?? ' '}</span>
    </div>
  );
}

function ProjectLines({ projects }: { projects: Project[] }) {
  const t = useText();
  return (
    <ul className="lines">
      {projects.map((project) => {
        const step = shownStep(project);
        const latency = latencyOf(project);
        return (
          <li key={project.id}>
            <Link to={`/projects/${project.id}`} className="wrap">
              {project.name}
            </Link>
            <span className="grow" />
            {project.error && <span className="dim wrap clip"><Said text={project.error.message} /></span>}
            {!project.error && step && <span className="dim">{t(`step.${step.name}` as 'step.load')}</span>}
            {latency !== null && <span className="figure">{duration(latency)}</span>}
            <Status status={project.status} />
          </li>
        );
      })}
    </ul>
  );
}
