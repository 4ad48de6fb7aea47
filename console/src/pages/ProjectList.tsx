/** The projects of a list: all of them scroll, those in sight are live. */
import { useState } from 'react';
import { Link } from 'react-router-dom';
import { owns, useAccount } from '../api/session';
import type { Project } from '../api/types';
import { useLanguage, useText } from '../i18n';
import { placeOf } from '../logic/endpoint';
import { count, duration, moment } from '../logic/format';
import { useNarrow } from '../logic/narrow';
import { PAGE, useFarList } from '../logic/pages';
import { actionsOf, commonActions, latencyOf, rateOf, shownStep, type Action } from '../logic/state';
import { useActions, type Named } from '../parts/actions';
import { Failed, Loading, Nothing, Panel } from '../parts/States';
import { Bar, Status } from '../parts/Status';
import { Windowed } from '../parts/Windowed';
import { Button, Checkbox, Dropdown } from '../ui';
import { NewProject } from './NewProject';

type Ask = (action: Action, projects: Named[]) => void;

/** Pixels of a row and of a card, as the style sheet has them. */
const ROW = 64;
const CARD = 232;

interface Props {
  label: string;
  pathOf: (page: number) => string;
  /** What takes the filters away; none where nothing is filtered. */
  clear?: () => void;
}

export function ProjectList({ label, pathOf, clear }: Props) {
  const t = useText();
  const narrow = useNarrow();
  const { total, failure, at, known, look } = useFarList(pathOf);
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const { ask, dialog, may } = useActions(() => setSelected(new Set()));
  const toggle = (id: string) =>
    setSelected((before) => {
      const next = new Set(before);
      if (!next.delete(id)) next.add(id);
      return next;
    });
  if (total === null) return failure ? <Failed failure={failure} /> : <Loading />;
  if (total === 0) return <Panel>{clear ? <NoMatch clear={clear} /> : <NoProject />}</Panel>;
  const chosen = [...new Map(known.map((project) => [project.id, project])).values()].filter((project) => selected.has(project.id));
  return (
    <>
      {failure && <Failed failure={failure} />}
      <div className="paging">
        <span className="dim">{t('projects.total', { count: total })}</span>
        {chosen.length > 0 && <Batch chosen={chosen} ask={ask} />}
      </div>
      <Panel>
        <Windowed
          label={label}
          className="cards projects"
          head={<Head may={may} />}
          columns={may ? 9 : 7}
          count={total}
          whole={PAGE}
          height={narrow ? CARD : ROW}
          onRange={look}
          row={(place) => {
            const project = at(place);
            if (!project) return <Unknown key={place} columns={may ? 9 : 7} />;
            return <Row key={project.id} project={project} may={may} selected={selected.has(project.id)} toggle={toggle} ask={ask} />;
          }}
        />
      </Panel>
      {dialog}
    </>
  );
}

function NoMatch({ clear }: { clear: () => void }) {
  const t = useText();
  return (
    <Nothing text={t('projects.noMatch')}>
      <Button onClick={clear}>{t('projects.clear')}</Button>
    </Nothing>
  );
}

function NoProject() {
  const t = useText();
  return (
    <Nothing text={t('projects.empty')}>
      <p className="dim">{t('projects.emptyHint')}</p>
      <NewProject />
    </Nothing>
  );
}

function Batch({ chosen, ask }: { chosen: Project[]; ask: Ask }) {
  const t = useText();
  return (
    <span className="batch">
      <span>{t('projects.selected', { count: chosen.length })}</span>
      {commonActions(chosen.map((project) => project.status)).map((action) => (
        <Button
          key={action}
          onClick={() => ask(action, chosen.filter((project) => actionsOf(project.status).includes(action)))}
        >
          {t(`action.${action}`)}
        </Button>
      ))}
    </span>
  );
}

function Head({ may }: { may: boolean }) {
  const t = useText();
  return (
    <>
      {may && <th className="tick" aria-label={t('projects.choose')} />}
      <th>{t('projects.name')}</th>
      <th>{t('projects.route')}</th>
      <th>{t('projects.status')}</th>
      <th>{t('projects.progress')}</th>
      <th className="number">{t('projects.rate')}</th>
      <th className="number">{t('projects.latency')}</th>
      <th>{t('projects.created')}</th>
      {may && <th aria-label={t('app.actions')} />}
    </>
  );
}

/** One that flew past: it has not been asked for yet. */
function Unknown({ columns }: { columns: number }) {
  return (
    <tr aria-hidden="true">
      <td colSpan={columns}>
        <span className="veiled" />
      </td>
    </tr>
  );
}

interface RowProps {
  project: Project;
  may: boolean;
  selected: boolean;
  toggle: (id: string) => void;
  ask: Ask;
}

function Row({ project, may, selected, toggle, ask }: RowProps) {
  const t = useText();
  const language = useLanguage();
  const step = shownStep(project);
  const mine = owns(useAccount(), project.owner);
  return (
    <tr data-status={project.status}>
      {may && (
        <td className="tick">
          <Checkbox
            checked={selected}
            disabled={!mine}
            title={mine ? undefined : t('owner.lookOn', { owner: project.owner })}
            aria-label={t('projects.select', { name: project.name })}
            onChange={() => toggle(project.id)}
          />
        </td>
      )}
      <th scope="row">
        <Link to={`/projects/${project.id}`} className="wrap">
          {project.name}
        </Link>
        <span className="dim small block">{project.id}</span>
      </th>
      <td data-label={t('projects.route')}>
        <span className="small block wrap">{placeOf(project.source)}</span>
        <span className="small block wrap">→ {placeOf(project.target)}</span>
      </td>
      <td data-label={t('projects.status')}>
        <Status status={project.status} />
      </td>
      <td data-label={t('projects.progress')}>
        {step && (
          <>
            <span className="small block">{t(`step.${step.name}` as 'step.load')}</span>
            <Bar
              percent={step.status === 'FINISHED' ? 100 : step.percent}
              failed={step.status === 'FAILED'}
              label={`${project.name}: ${t(`step.${step.name}` as 'step.load')}`}
            />
          </>
        )}
      </td>
      <td className="number" data-label={t('projects.rate')}>
        {count(rateOf(project), language)}
      </td>
      <td className="number" data-label={t('projects.latency')}>
        {duration(latencyOf(project))}
      </td>
      <td className="small" data-label={t('projects.created')}>
        {moment(project.created_at, language)}
      </td>
      {may && (
        <td>{mine && <RowActions project={project} ask={ask} />}</td>
      )}
    </tr>
  );
}

function RowActions({ project, ask }: { project: Project; ask: Ask }) {
  const t = useText();
  const actions = actionsOf(project.status);
  if (actions.length === 0) return null;
  const items = actions.map((action) => ({ key: action, label: t(`action.${action}`), onClick: () => ask(action, [project]) }));
  return (
    <Dropdown menu={{ items }} trigger={['click']}>
      <Button size="small" aria-label={`${t('app.actions')}: ${project.name}`}>
        ⋯
      </Button>
    </Dropdown>
  );
}
