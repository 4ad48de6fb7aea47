import { useMemo, useState } from 'react';
import { Link, useSearchParams } from 'react-router-dom';
import { query, type Failure } from '../api/client';
import { useLoaded } from '../api/load';
import { owns, useAccount } from '../api/session';
import { useStream } from '../api/stream';
import type { Label, Project, ProjectPage } from '../api/types';
import { useLanguage, useText } from '../i18n';
import { placeOf } from '../logic/endpoint';
import { count, duration, moment } from '../logic/format';
import { actionsOf, commonActions, latencyOf, rateOf, shownStep, type Action } from '../logic/state';
import { useActions, type Named } from '../parts/actions';
import { Failed, Loading, Nothing, Page, Panel } from '../parts/States';
import { Bar, Status } from '../parts/Status';
import { Button, Checkbox, Dropdown, Input, Pagination, Select } from '../ui';
import { NewProject } from './NewProject';

const STATUSES = ['INIT', 'RUNNING', 'SUSPEND', 'FAILED', 'FINISHED', 'RELEASING', 'RELEASED'] as const;
const SORTS = ['created', 'changed', 'name', 'status'] as const;
const SIZE = 20;

type Ask = (action: Action, projects: Named[]) => void;

export default function Projects({ type }: { type: 'MIGRATION' | 'SYNC' }) {
  const t = useText();
  const [filters, setFilters] = useSearchParams();
  const [page, setPage] = useState<ProjectPage | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const number = Number(filters.get('page') ?? 1) || 1;
  const sort = filters.get('sort') ?? 'created';
  const path = `/api/v1/live/projects${query({
    type,
    search: filters.get('search'),
    status: filters.getAll('status'),
    label: filters.getAll('label'),
    sort,
    descending: sort === 'created' || sort === 'changed',
    page: number,
    size: SIZE,
  })}`;
  useStream(path, {
    onMessage: (name, document) => {
      if (name !== 'page') return;
      setPage(document as ProjectPage);
      setFailure(null);
    },
    onFailure: setFailure,
  });
  const labels = useLoaded<Label[]>('/api/v1/labels').data ?? [];
  const { ask, dialog, may } = useActions(() => setSelected(new Set()));
  const items = useMemo(() => page?.items ?? [], [page]);
  const chosen = items.filter((project) => selected.has(project.id));

  const change = (name: string, value: string | string[] | null) =>
    setFilters((before) => {
      const next = new URLSearchParams(before);
      next.delete(name);
      if (name !== 'page') next.delete('page');
      for (const each of Array.isArray(value) ? value : value ? [value] : []) next.append(name, each);
      return next;
    }, { replace: true });
  const toggle = (id: string) =>
    setSelected((before) => {
      const next = new Set(before);
      if (!next.delete(id)) next.add(id);
      return next;
    });
  const filtered = ['search', 'status', 'label'].some((name) => filters.has(name));

  return (
    <Page title={t(`projects.title.${type}`)} extra={<NewProject />}>
      <div className="filters">
        <Input.Search
          allowClear
          aria-label={t('projects.search')}
          placeholder={t('projects.search')}
          defaultValue={filters.get('search') ?? ''}
          onSearch={(text) => change('search', text)}
        />
        <Select
          mode="multiple"
          allowClear
          aria-label={t('projects.status')}
          placeholder={t('projects.status')}
          value={filters.getAll('status')}
          options={STATUSES.map((value) => ({ value, label: t(`status.${value}`) }))}
          onChange={(value: string[]) => change('status', value)}
        />
        {(labels.length > 0 || filters.has('label')) && (
          <Select
            mode="multiple"
            allowClear
            aria-label={t('projects.labels')}
            placeholder={t('projects.labels')}
            value={filters.getAll('label')}
            optionFilterProp="label"
            options={labels.map((label) => ({ value: label.id, label: label.name }))}
            onChange={(value: string[]) => change('label', value)}
          />
        )}
        <Select
          aria-label={t('projects.sort')}
          value={sort}
          options={SORTS.map((value) => ({ value, label: t(`projects.sort.${value}`) }))}
          onChange={(value: string) => change('sort', value)}
        />
        <span className="grow" />
        {chosen.length > 0 && <Batch chosen={chosen} ask={ask} />}
      </div>
      {failure && <Failed failure={failure} />}
      {!page && !failure && <Loading />}
      {page && items.length === 0 && (
        <Panel>
          <Nothing text={t(filtered ? 'projects.noMatch' : 'projects.empty')}>
            {filtered ? (
              <Button onClick={() => setFilters({}, { replace: true })}>{t('projects.clear')}</Button>
            ) : (
              <>
                <p className="dim">{t('projects.emptyHint')}</p>
                <NewProject />
              </>
            )}
          </Nothing>
        </Panel>
      )}
      {page && items.length > 0 && (
        <>
          <ProjectTable items={items} selected={selected} toggle={toggle} ask={ask} may={may} />
          <div className="paging">
            <span className="dim">{t('projects.total', { count: page.total })}</span>
            {page.total > SIZE && (
              <Pagination
                current={page.page}
                total={page.total}
                pageSize={SIZE}
                showSizeChanger={false}
                onChange={(next) => change('page', String(next))}
              />
            )}
          </div>
        </>
      )}
      {dialog}
    </Page>
  );
}

function Batch({ chosen, ask }: { chosen: Project[]; ask: Ask }) {
  const t = useText();
  return (
    <>
      <span>{t('projects.selected', { count: chosen.length })}</span>
      {commonActions(chosen.map((project) => project.status)).map((action) => (
        <Button
          key={action}
          onClick={() => ask(action, chosen.filter((project) => actionsOf(project.status).includes(action)))}
        >
          {t(`action.${action}`)}
        </Button>
      ))}
    </>
  );
}

interface TableProps {
  items: Project[];
  selected: ReadonlySet<string>;
  toggle: (id: string) => void;
  ask: Ask;
  may: boolean;
}

function ProjectTable({ items, selected, toggle, ask, may }: TableProps) {
  const t = useText();
  const language = useLanguage();
  const account = useAccount();
  return (
    <Panel>
      <table className="grid cards">
        <thead>
          <tr>
            {may && <th aria-label={t('projects.selected', { count: selected.size })} />}
            <th>{t('projects.name')}</th>
            <th>{t('projects.route')}</th>
            <th>{t('projects.status')}</th>
            <th>{t('projects.progress')}</th>
            <th className="number">{t('projects.rate')}</th>
            <th className="number">{t('projects.latency')}</th>
            <th>{t('projects.created')}</th>
            {may && <th aria-label={t('app.actions')} />}
          </tr>
        </thead>
        <tbody>
          {items.map((project) => {
            const step = shownStep(project);
            const latency = latencyOf(project);
            const mine = owns(account, project.owner);
            return (
              <tr key={project.id} data-status={project.status}>
                {may && (
                  <td className="tick">
                    <Checkbox
                      checked={selected.has(project.id)}
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
                  {duration(latency)}
                </td>
                <td className="small" data-label={t('projects.created')}>
                  {moment(project.created_at, language)}
                </td>
                {may && (
                  <td>{mine && <RowActions project={project} ask={ask} />}</td>
                )}
              </tr>
            );
          })}
        </tbody>
      </table>
    </Panel>
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
