/** The projects of a kind; the address keeps the filter. */
import { useSearchParams } from 'react-router-dom';
import { query } from '../api/client';
import { useLoaded } from '../api/load';
import { useMark } from '../api/marks';
import type { Label } from '../api/types';
import { useText } from '../i18n';
import { PAGE } from '../logic/pages';
import { Page } from '../parts/States';
import { Input, Select } from '../ui';
import { NewProject } from './NewProject';
import { ProjectList } from './ProjectList';

const STATUSES = ['INIT', 'RUNNING', 'SUSPEND', 'FAILED', 'FINISHED', 'RELEASING', 'RELEASED'] as const;
const SORTS = ['created', 'changed', 'name', 'status'] as const;

export default function Projects({ type }: { type: 'MIGRATION' | 'SYNC' }) {
  const t = useText();
  const [filters, setFilters] = useSearchParams();
  const sort = filters.get('sort') ?? 'created';
  const pathOf = (page: number) => `/api/v1/live/projects${query({
    type,
    search: filters.get('search'),
    status: filters.getAll('status'),
    label: filters.getAll('label'),
    sort,
    descending: sort === 'created' || sort === 'changed',
    page,
    size: PAGE,
  })}`;
  const labels = useLoaded<Label[]>('/api/v1/labels', useMark('changes')).data ?? [];
  const change = (name: string, value: string | string[] | null) =>
    setFilters((before) => {
      const next = new URLSearchParams(before);
      next.delete(name);
      for (const each of Array.isArray(value) ? value : value ? [value] : []) next.append(name, each);
      return next;
    }, { replace: true });
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
      </div>
      <ProjectList
        key={pathOf(0)}
        label={t(`projects.title.${type}`)}
        pathOf={pathOf}
        clear={filtered ? () => setFilters({}, { replace: true }) : undefined}
      />
    </Page>
  );
}
