/** What verification found: rows of both sides side by side, and the SQL that mends the target. */
import { useState } from 'react';
import { useAct } from '../../api/act';
import { get, query } from '../../api/client';
import { useLoaded } from '../../api/load';
import type { Mismatch, MismatchPage, Project, TableOfStep } from '../../api/types';
import { known, useLanguage, useText } from '../../i18n';
import { count } from '../../logic/format';
import { stepOf } from '../../logic/state';
import { Failed, Loading, Nothing, Panel } from '../../parts/States';
import { Copy, Sql } from '../../parts/Sql';
import { download } from '../../parts/TextButtons';
import { Alert, Button, Pagination, Select, Space } from '../../ui';
import { Repair } from './Repair';

const SIZE = 20;

export default function Differences({ project, tables }: { project: Project; tables: TableOfStep[] }) {
  const t = useText();
  const language = useLanguage();
  const [table, setTable] = useState<string | undefined>();
  const [page, setPage] = useState(1);
  const step = stepOf(project, 'verify');
  const compared = tables.filter((each) => each.step === 'verify');
  const different = compared.filter((each) => (each.mismatches ?? 0) > 0);
  const total = different.reduce((sum, each) => sum + (each.mismatches ?? 0), 0);
  const over = step?.status === 'FINISHED';
  // Read again when the number of differences has changed.
  const path = total > 0 ? `/api/v1/projects/${project.id}/mismatches${query({ table, page, size: SIZE })}` : null;
  const { data, failure, loading, again } = useLoaded<MismatchPage>(path, `${step?.status} ${total}`);
  if (!step || step.status === 'INIT') {
    return (
      <Panel>
        <Nothing text={t('verify.never')} />
      </Panel>
    );
  }
  return (
    <Panel>
      {over && total === 0 && (
        <Alert type="success" showIcon message={t('verify.equal')} description={`${t('verify.compared')}: ${count(step.rows, language)}`} />
      )}
      {!over && <Alert type="info" showIcon message={t('verify.running')} />}
      {total > 0 && (
        <>
          <Alert
            role="alert"
            type="warning"
            showIcon
            message={t('verify.different', { count: count(total, language), tables: different.length })}
            action={
              <Space wrap>
                <Download id={project.id} name={project.name} />
                {over && <Repair project={project} />}
              </Space>
            }
          />
          <div className="filters">
            <Select
              allowClear
              aria-label={t('verify.table')}
              placeholder={t('verify.table')}
              value={table}
              onChange={(value: string | undefined) => {
                setTable(value);
                setPage(1);
              }}
              options={different.map((each) => ({ value: each.table, label: `${each.table} (${each.mismatches})` }))}
            />
            <span className="grow" />
            {data && data.items.length > 0 && <Copy text={data.items.map((item) => item.correction).join('\n')}>{t('verify.copyAll')}</Copy>}
          </div>
          {failure && <Failed failure={failure} again={again} />}
          {!data && loading && <Loading />}
          {data?.items.map((item, place) => <Difference key={`${page} ${place}`} item={item} />)}
          {data && data.total > SIZE && <Pagination current={page} total={data.total} pageSize={SIZE} showSizeChanger={false} onChange={setPage} />}
        </>
      )}
    </Panel>
  );
}

function Difference({ item }: { item: Mismatch }) {
  const t = useText();
  const columns = [...new Set([...Object.keys(item.source), ...Object.keys(item.target)])];
  return (
    <article className="difference">
      <p>
        <strong className="wrap">{item.table}</strong> <span className="tag">{known(t, 'verify.kind', item.kind)}</span>{' '}
        {Object.entries(item.key).map(([name, value]) => (
          <code key={name} className="wrap">
            {name} = {shown(value)}{' '}
          </code>
        ))}
        {item.count > 1 && <span className="dim">{t('verify.count', { count: item.count })}</span>}
      </p>
      {columns.length > 0 && (
        <table className="grid">
          <thead>
            <tr>
              <th>{t('verify.column')}</th>
              <th>{t('verify.source')}</th>
              <th>{t('verify.target')}</th>
            </tr>
          </thead>
          <tbody>
            {columns.map((name) => (
              <tr key={name} className={item.kind === 'MISMATCHED' && item.source[name] !== item.target[name] ? 'differs' : undefined}>
                <th scope="row">{name}</th>
                <Value side={item.source} name={name} absent={item.kind === 'IMAGE_ONLY'} />
                <Value side={item.target} name={name} absent={item.kind === 'MASTER_ONLY'} />
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {item.correction && <Sql text={item.correction} label={t('verify.correction')} />}
    </article>
  );
}

function Value({ side, name, absent }: { side: Record<string, string | null>; name: string; absent: boolean }) {
  const t = useText();
  if (absent || !(name in side)) return <td className="dim">{t('verify.absent')}</td>;
  return (
    <td className="wrap">
      <code>{shown(side[name])}</code>
    </td>
  );
}

function shown(value: string | null | undefined): string {
  return value === null || value === undefined ? 'NULL' : value;
}

function Download({ id, name }: { id: string; name: string }) {
  const t = useText();
  const { busy, failure, run } = useAct();
  const save = async () => {
    const lines: string[] = [];
    for (let page = 1, total = 1; lines.length < total; page += 1) {
      const found = await get<MismatchPage>(`/api/v1/projects/${id}/mismatches${query({ page, size: 500 })}`);
      if (found.items.length === 0) break;
      total = found.total;
      lines.push(...found.items.map((item) => item.correction || `-- ${item.table}: no SQL`));
    }
    download(`${name}-correction.sql`, `${lines.join('\n')}\n`);
  };
  return (
    <>
      <Button loading={busy} onClick={() => void run(save)}>
        {t('verify.download')}
      </Button>
      {failure && <Failed failure={failure} />}
    </>
  );
}
