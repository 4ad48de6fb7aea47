/** Why a project is behind: the bottleneck that the service names, and the figures it rests on. */
import { useLoaded } from '../../api/load';
import type { Lag, Project } from '../../api/types';
import { known, useLanguage, useText } from '../../i18n';
import { sharesOf } from '../../logic/behind';
import { bytes, count, duration } from '../../logic/format';
import { useBeat } from './beat';
import { Failed, Loading, Panel } from '../../parts/States';
import { Said } from '../../parts/Words';

export function Behind({ project }: { project: Project }) {
  const t = useText();
  const { data, failure, again } = useLoaded<Lag>(`/api/v1/projects/${project.id}/lag`, useBeat());
  return (
    <Panel title={t('behind.title')}>
      {failure && <Failed failure={failure} again={again} />}
      {!data && !failure && <Loading />}
      {data && <Verdict lag={data} />}
      {data && data.latency_seconds !== null && <Figures lag={data} />}
      {data && <Stages title={t('behind.stages')} shares={sharesOf(data.evidence['stages'])} />}
      {data && <Stages title={t('behind.captureStages')} shares={sharesOf(data.evidence['capture_stages'])} />}
    </Panel>
  );
}

function Verdict({ lag }: { lag: Lag }) {
  const t = useText();
  const advice = known(t, 'behind.advice', lag.reason);
  return (
    <>
      <p className="verdict-line" data-reason={lag.reason}>
        {known(t, 'behind.reason', lag.reason)}
      </p>
      <p className="wrap">
        <Said text={lag.message} />
      </p>
      {advice !== lag.reason && <p className="hint">→ {advice}</p>}
    </>
  );
}

function Figures({ lag }: { lag: Lag }) {
  const t = useText();
  const language = useLanguage();
  const legs = [
    { name: t('behind.leg.capture'), seconds: lag.capture_seconds },
    { name: t('behind.leg.apply'), seconds: lag.apply_seconds },
    { name: t('behind.leg.whole'), seconds: lag.latency_seconds },
  ];
  const longest = Math.max(1, ...legs.map((leg) => leg.seconds ?? 0));
  return (
    <>
      <dl className="legs">
        {legs.map((leg) => (
          <Bar key={leg.name} name={leg.name} share={(leg.seconds ?? 0) / longest} figure={duration(leg.seconds)} />
        ))}
      </dl>
      <dl className="facts">
        {lag.latency && (
          <>
            <Fact name={t('behind.p50')} text={duration(lag.latency.p50)} />
            <Fact name={t('behind.p99')} text={`${duration(lag.latency.p99)} (${t('behind.changes', { count: count(lag.latency.changes, language), time: duration(lag.latency.seconds) })})`} />
          </>
        )}
        {lag.source_bytes_waiting !== null && <Fact name={t('behind.sourceBytes')} text={bytes(lag.source_bytes_waiting)} />}
        {lag.log_bytes_waiting !== null && <Fact name={t('behind.logBytes')} text={bytes(lag.log_bytes_waiting)} />}
      </dl>
    </>
  );
}

function Stages({ title, shares }: { title: string; shares: [string, number][] }) {
  const t = useText();
  if (shares.length === 0) return null;
  return (
    <>
      <h3>{title}</h3>
      <dl className="legs">
        {shares.map(([name, share]) => (
          <Bar key={name} name={known(t, 'stage', name)} share={share} figure={`${Math.round(100 * share)} %`} />
        ))}
      </dl>
    </>
  );
}

function Bar({ name, share, figure }: { name: string; share: number; figure: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        <progress max={1} value={share} aria-label={name} />
        <span className="figure">{figure}</span>
      </dd>
    </div>
  );
}

function Fact({ name, text }: { name: string; text: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd className="figure">{text}</dd>
    </div>
  );
}
