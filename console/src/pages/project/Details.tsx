import { useState, type ReactNode } from 'react';
import { useLoaded } from '../../api/load';
import { useOwns } from '../../api/session';
import type { Label, Project, Publish } from '../../api/types';
import { known, useLanguage, useText, type Translate } from '../../i18n';
import { moment } from '../../logic/format';
import { Panel } from '../../parts/States';
import { SaveButton, YamlButton } from '../../parts/TextButtons';
import { Button, Space } from '../../ui';
import { GiveAway } from './GiveAway';
import { SettingsForm } from './SettingsForm';

export function Details({ project }: { project: Project }) {
  const t = useText();
  const language = useLanguage();
  const may = useOwns(project.owner) && !project.status.startsWith('RELEAS');
  const [editing, setEditing] = useState(false);
  const labels = useLoaded<Label[]>(project.labels.length ? '/api/v1/labels' : null).data ?? [];
  const entries: [string, ReactNode][] = [
    [t('details.id'), <code key="id">{project.id}</code>],
    [t('owner.name'), project.owner || t('owner.everybody')],
    [t('project.source'), project.source],
    [t('project.target'), project.target],
    [t('details.types'), project.types.map((name) => known(t, 'step', name)).join(' · ')],
    [t('details.stopWhen'), known(t, 'details.stop', project.stop_when)],
    [t('details.importance'), known(t, 'importance', project.importance)],
    [t('details.objects'), project.objects.length ? <Lines key="o" texts={project.objects} /> : t('details.everything')],
    [t('details.exclude'), project.exclude.length ? <Lines key="x" texts={project.exclude} /> : t('app.none')],
    [t('details.rename'), <Pairs key="r" pairs={project.rename} arrow="→" />],
    [t('details.where'), <Pairs key="w" pairs={project.where} arrow=":" />],
    [t('details.labels'), project.labels.length ? project.labels.map((id) => labels.find((label) => label.id === id)?.name ?? id).join(' · ') : t('app.none')],
    ...published(t, project.publish),
    [t('projects.created'), moment(project.created_at, language)],
    [t('project.started'), moment(project.started_at, language)],
    [t('project.finished'), moment(project.finished_at, language)],
  ];
  return (
    <Panel
      extra={
        !editing && (
          <Space wrap>
            <YamlButton path={`/api/v1/projects/${project.id}/export`} />
            <SaveButton path={`/api/v1/projects/${project.id}/objects.csv`} name={`${project.name}.csv`} label={t('csv.save')} />
            {may && <GiveAway project={project} />}
            {may && <Button onClick={() => setEditing(true)}>{t('edit.open')}</Button>}
          </Space>
        )
      }
    >
      {editing && <SettingsForm project={project} onDone={() => setEditing(false)} />}
      {!editing && (<dl className="facts">
        {entries.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd className="wrap">{value}</dd>
          </div>
        ))}
      </dl>)}
    </Panel>
  );
}

/** How a synchronization publishes. */
function published(t: Translate, publish: Publish | null): [string, ReactNode][] {
  if (!publish) return [];
  const spread = t(`publish.rule.${publish.rule ?? 'HASH'}`) + (publish.rule === 'ONE' ? ` · ${publish.partition}` : '');
  return [
    [t('publish.format'), publish.format],
    [t('publish.topic'), <code key="topic">{publish.topic}</code>],
    [t('publish.rule'), spread],
    [t('publish.partitions'), publish.partitions],
    [t('publish.exactlyOnce'), t(publish.exactly_once ? 'publish.yes' : 'publish.no')],
  ];
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
