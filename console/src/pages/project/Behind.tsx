import type { Project } from '../../api/types';
import { useLanguage, useText } from '../../i18n';
import { diagnose } from '../../logic/behind';
import { count, duration } from '../../logic/format';
import { Panel } from '../../parts/States';

export function Behind({ project }: { project: Project }) {
  const t = useText();
  const language = useLanguage();
  const found = diagnose(project, Date.now() / 1000);
  const legs = [
    { name: t('behind.leg.capture'), seconds: found.capture },
    { name: t('behind.leg.apply'), seconds: found.apply },
    { name: t('behind.leg.whole'), seconds: found.whole },
  ];
  const longest = Math.max(1, ...legs.map((leg) => leg.seconds ?? 0));
  const words = {
    latency: duration(found.whole),
    capture: duration(found.capture),
    waiting: duration(found.apply),
    rate: count(found.rate, language),
    restarts: found.restarts,
  };
  const following = found.reason === 'caught-up' || found.reason === 'capture' || found.reason === 'apply' || found.reason === 'restarting';
  return (
    <Panel title={t('behind.title')}>
      <p className="verdict-line" data-reason={found.reason}>
        {t(`behind.${found.reason}`, words)}
      </p>
      {found.reason === 'apply' && <p className="hint">→ {t('behind.advice.apply')}</p>}
      {found.reason === 'capture' && <p className="hint">→ {t('behind.advice.capture')}</p>}
      {following && (
        <dl className="legs">
          {legs.map((leg) => (
            <div key={leg.name}>
              <dt>{leg.name}</dt>
              <dd>
                <progress max={longest} value={leg.seconds ?? 0} aria-label={leg.name} />
                <span className="figure">{duration(leg.seconds)}</span>
              </dd>
            </div>
          ))}
        </dl>
      )}
    </Panel>
  );
}
