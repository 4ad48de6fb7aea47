import { useMemo, useState } from 'react';
import type { Project, TableOfStep } from '../../api/types';
import { useLanguage, useText } from '../../i18n';
import { useSaid } from '../../i18n/said';
import { bytes, count, duration, percent } from '../../logic/format';
import { linesOfTables, type TableLine } from '../../logic/live';
import { useRates } from '../../logic/rates';
import { Nothing, Panel } from '../../parts/States';
import { Bar } from '../../parts/Status';
import { Windowed } from '../../parts/Windowed';
import { Checkbox, Input, type Ticked } from '../../ui';

/** Pixels, as the style sheet has them. */
const ROW = 37;

export function Tables({ project, tables }: { project: Project; tables: TableOfStep[] }) {
  const t = useText();
  const [search, setSearch] = useState('');
  const [trouble, setTrouble] = useState(false);
  const lines = useMemo(() => linesOfTables(tables), [tables]);
  const rates = useRates(lines);
  const shown = lines.filter(
    (line) =>
      line.table.toLowerCase().includes(search.toLowerCase()) &&
      (!trouble || line.state === 'failed' || (line.mismatches ?? 0) > 0),
  );
  const columns = [t('tables.name'), t('tables.state'), t('projects.progress'), t('tables.rows'), t('tables.rate'), t('tables.eta'), t('tables.size'), t('tables.mismatches')];
  if (lines.length === 0) {
    return (
      <Panel>
        <Nothing text={t('tables.empty')} />
      </Panel>
    );
  }
  return (
    <Panel>
      <div className="filters">
        <Input allowClear aria-label={t('tables.search')} placeholder={t('tables.search')} value={search} onChange={(event) => setSearch(event.target.value)} />
        <Checkbox checked={trouble} onChange={(event: Ticked) => setTrouble(event.target.checked)}>
          {t('tables.onlyTrouble')}
        </Checkbox>
        <span className="grow" />
        <span className="dim">{t('tables.count', { shown: shown.length, total: lines.length })}</span>
      </div>
      <Windowed
        label={t('project.tab.tables')}
        className="rows"
        head={columns.map((name, place) => (
          <th key={name} className={place > 2 ? 'number' : undefined}>
            {name}
          </th>
        ))}
        columns={columns.length}
        count={shown.length}
        whole={200}
        height={ROW}
        row={(place) => {
          const line = shown[place]!;
          return <Line key={line.table} line={line} rate={project.status === 'RUNNING' ? (rates.get(line.table) ?? 0) : 0} />;
        }}
      />
    </Panel>
  );
}

function Line({ line, rate }: { line: TableLine; rate: number }) {
  const t = useText();
  const said = useSaid();
  const language = useLanguage();
  const left = line.total > line.rows && rate > 0 ? (line.total - line.rows) / rate : null;
  return (
    <tr data-table={line.table} data-state={line.state}>
      <th scope="row" className="clip" title={line.message ? `${line.table}: ${said(line.message)}` : line.table}>
        {line.table}
        {line.message && <span className="dim small"> · {said(line.message)}</span>}
      </th>
      <td className={`state-${line.state}`}>{t(`table.${line.state}` as 'table.done')}</td>
      <td>
        <Bar percent={percent(line.rows, line.total, line.state === 'done')} failed={line.state === 'failed'} label={line.table} />
      </td>
      <td className="number">
        {count(line.rows, language)}
        {line.state !== 'done' && <span className="dim"> / {count(line.total, language)}</span>}
      </td>
      <td className="number">{line.state === 'running' ? count(rate, language) : '–'}</td>
      <td className="number">{duration(left)}</td>
      <td className="number">{bytes(line.bytes)}</td>
      <td className={line.mismatches ? 'number bad' : 'number'}>{line.mismatches === null ? '–' : count(line.mismatches, language)}</td>
    </tr>
  );
}
