import { useMemo, useState } from 'react';
import { useLoaded } from '../../api/load';
import type { DatabaseTree } from '../../api/types';
import { useLanguage, useText } from '../../i18n';
import { count } from '../../logic/format';
import { databaseKey, partsOf, tableKey } from '../../logic/objects';
import { Failed, Loading, Nothing } from '../../parts/States';
import { Alert, Input, Segmented, Tree } from '../../ui';
import { ByList } from './ByList';
import { ColumnsButton } from './ColumnsButton';
import { problemsOf, type Mode } from './form';
import type { PageProps } from './pageProps';

export function ObjectsPage(props: PageProps) {
  const t = useText();
  const { form, change, strict } = props;
  const problems = problemsOf(form, 2);
  const modes: Mode[] = ['tree', 'rules', 'list', 'everything'];
  return (
    <>
      <Segmented
        value={form.mode}
        onChange={(value) => change({ mode: value as Mode })}
        options={modes.map((value) => ({ value, label: t(`wizard.mode.${value}`) }))}
      />
      <div className="mode">
        {form.mode === 'tree' && <ByTree {...props} />}
        {form.mode === 'rules' && <ByRules {...props} />}
        {form.mode === 'list' && <ByList {...props} />}
        {form.mode === 'everything' && <p>{t('wizard.everythingHint')}</p>}
      </div>
      {strict && problems.length > 0 && <Alert role="alert" type="error" showIcon message={t(problems.includes('hashKey') ? 'wizard.columns.keyNeeded' : 'wizard.tree.needed')} />}
    </>
  );
}

function ByTree({ form, change }: PageProps) {
  const t = useText();
  const language = useLanguage();
  const [search, setSearch] = useState('');
  const { data, failure, loading, again } = useLoaded<DatabaseTree[]>(`/api/v1/endpoints/${form.source}/objects`);
  const wanted = search.toLowerCase();
  const nodes = useMemo(
    () =>
      (data ?? [])
        .map((database) => {
          const whole = database.name.toLowerCase().includes(wanted);
          const objects = database.objects.filter((each) => whole || each.name.toLowerCase().includes(wanted));
          return {
            key: databaseKey(database.name),
            title: `${database.name} (${database.objects.length})`,
            children: objects.map((each) => ({
              key: tableKey(database.name, each.name),
              isLeaf: true,
              title: (
                <span>
                  {each.name}{' '}
                  <span className="dim small">
                    {each.kind === 'view' ? t('wizard.tree.view') : each.rows === null || each.rows === undefined ? '' : `≈ ${count(each.rows, language)}`}
                    {each.kind === 'table' && !each.has_key && ` · ${t('wizard.tree.noKey')}`}
                  </span>
                </span>
              ),
            })),
          };
        })
        .filter((node) => node.children.length > 0 || node.title.toLowerCase().includes(wanted)),
    [data, wanted, language, t],
  );
  if (failure) return <Failed failure={failure} again={again} />;
  if (!data) return loading ? <Loading /> : null;
  if (data.length === 0) return <Nothing text={t('wizard.tree.none')} />;
  return (
    <div className="halves">
      <div>
        <Input allowClear aria-label={t('wizard.tree.search')} placeholder={t('wizard.tree.search')} value={search} onChange={(event) => setSearch(event.target.value)} />
        <Tree
          checkable
          virtual
          height={380}
          selectable={false}
          treeData={nodes}
          checkedKeys={form.checked}
          defaultExpandedKeys={data.length === 1 ? [databaseKey(data[0]!.name)] : []}
          onCheck={(keys) => change({ checked: withHidden(form.checked, keys as string[], nodes) })}
        />
      </div>
      <div>
        <h3>{t('wizard.tree.chosen')}</h3>
        <Chosen form={form} change={change} strict={false} />
      </div>
    </div>
  );
}

interface Node {
  key: string;
  children: { key: string }[];
}

/** What a search hides stays checked; a database is whole only if it is seen whole. */
function withHidden(before: string[], now: string[], nodes: Node[]): string[] {
  const seen = new Set(nodes.flatMap((node) => [node.key, ...node.children.map((child) => child.key)]));
  return [...before.filter((key) => !seen.has(key)), ...now];
}

function Chosen({ form, change }: PageProps) {
  const t = useText();
  const whole = new Set(form.checked.filter((key) => key.startsWith('d:')).map((key) => partsOf(key).database));
  const shown = form.checked.filter((key) => key.startsWith('d:') || !whole.has(partsOf(key).database));
  if (shown.length === 0) return <p className="dim">{t('wizard.tree.nothing')}</p>;
  return (
    <ul className="chosen">
      {shown.map((key) => {
        const { database, table } = partsOf(key);
        const name = table === null ? database : `${database}.${table}`;
        return (
          <li key={key}>
            <strong className="wrap">{name}</strong>
            {table === null && <span className="dim small"> · {t('wizard.tree.whole')}</span>}
            <Input
              size="small"
              aria-label={`${t('wizard.tree.newName')}: ${name}`}
              placeholder={`${t('wizard.tree.newName')}: ${table ?? database}`}
              value={form.renamed[key] ?? ''}
              onChange={(event) => change({ renamed: { ...form.renamed, [key]: event.target.value } })}
            />
            {table !== null && (
              <Input
                size="small"
                aria-label={`${t('wizard.tree.filter')}: ${name}`}
                placeholder={t('wizard.tree.filter')}
                value={form.where[key] ?? ''}
                onChange={(event) => change({ where: { ...form.where, [key]: event.target.value } })}
              />
            )}
            {table !== null && <ColumnsButton name={name} columnsKey={key} form={form} change={change} />}
          </li>
        );
      })}
    </ul>
  );
}

function ByRules({ form, change }: PageProps) {
  const t = useText();
  return (
    <div className="narrow-form">
      <label className="field">
        <span>{t('wizard.rules.objects')}</span>
        <Input.TextArea rows={6} placeholder="shop.*" value={form.objects} onChange={(event) => change({ objects: event.target.value })} />
      </label>
      <label className="field">
        <span>{t('wizard.rules.exclude')}</span>
        <Input.TextArea rows={3} placeholder="shop.tmp_*" value={form.exclude} onChange={(event) => change({ exclude: event.target.value })} />
      </label>
      <p className="dim">{t('wizard.rules.hint')}</p>
    </div>
  );
}
