import type { ReactNode } from 'react';
import type { Project } from '../../api/types';
import { known, useLanguage, useText } from '../../i18n';
import { moment } from '../../logic/format';
import { Panel } from '../../parts/States';

export function Details({ project }: { project: Project }) {
  const t = useText();
  const language = useLanguage();
  const entries: [string, ReactNode][] = [
    [t('details.id'), <code key="id">{project.id}</code>],
    [t('project.source'), project.source],
    [t('project.target'), project.target],
    [t('details.types'), project.types.map((name) => known(t, 'step', name)).join(' · ')],
    [t('details.stopWhen'), known(t, 'details.stop', project.stop_when)],
    [t('details.importance'), known(t, 'importance', project.importance)],
    [t('details.objects'), project.objects.length ? <Lines key="o" texts={project.objects} /> : t('details.everything')],
    [t('details.exclude'), project.exclude.length ? <Lines key="x" texts={project.exclude} /> : t('app.none')],
    [t('details.rename'), <Pairs key="r" pairs={project.rename} arrow="→" />],
    [t('details.where'), <Pairs key="w" pairs={project.where} arrow=":" />],
    [t('projects.created'), moment(project.created_at, language)],
    [t('project.started'), moment(project.started_at, language)],
    [t('project.finished'), moment(project.finished_at, language)],
  ];
  return (
    <Panel>
      <dl className="facts">
        {entries.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd className="wrap">{value}</dd>
          </div>
        ))}
      </dl>
    </Panel>
  );
}

function Lines({ texts }: { texts: string[] }) {
  return (
    <>
      {texts.map((text) => (
        <code key={text} className="block">
          {text}
        </code>
      ))}
    </>
  );
}

function Pairs({ pairs, arrow }: { pairs: Record<string, string>; arrow: string }) {
  const t = useText();
  const entries = Object.entries(pairs);
  return entries.length === 0 ? <>{t('app.none')}</> : <Lines texts={entries.map(([from, to]) => `${from} ${arrow} ${to}`)} />;
}
