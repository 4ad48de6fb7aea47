import { useState } from 'react';
import type { ProjectEvent } from '../../api/types';
import { known, useLanguage, useText } from '../../i18n';
import { useSaid } from '../../i18n/said';
import { moment } from '../../logic/format';
import { Nothing, Panel } from '../../parts/States';
import { Button, Input, Select } from '../../ui';

const LEVELS = ['info', 'warning', 'error'] as const;
const SHOWN = 200;

export function Log({ events }: { events: readonly ProjectEvent[] }) {
  const t = useText();
  const language = useLanguage();
  const said = useSaid();
  const [level, setLevel] = useState<string | undefined>();
  const [search, setSearch] = useState('');
  const [most, setMost] = useState(SHOWN);
  const found = events.filter(
    (event) => (!level || event.level === level) && `${event.step} ${event.message} ${said(event.message)}`.toLowerCase().includes(search.toLowerCase()),
  );
  return (
    <Panel extra={<span className="dim small">{t('log.follow')}</span>}>
      <div className="filters">
        <Input allowClear aria-label={t('app.search')} placeholder={t('app.search')} value={search} onChange={(event) => setSearch(event.target.value)} />
        <Select
          allowClear
          aria-label={t('log.level')}
          placeholder={t('log.level')}
          value={level}
          onChange={setLevel}
          options={LEVELS.map((value) => ({ value, label: t(`log.level.${value}`) }))}
        />
      </div>
      {found.length === 0 ? (
        <Nothing text={t('log.empty')} />
      ) : (
        <ol className="log">
          {found.slice(0, most).map((event) => (
            <li key={event.id} className={`log-${event.level}`}>
              <time dateTime={event.at}>{moment(event.at, language)}</time>
              <span className="tag">{known(t, 'log.level', event.level)}</span>
              {event.step && <span className="tag">{known(t, 'step', event.step)}</span>}
              <span className="wrap">{said(event.message)}</span>
            </li>
          ))}
        </ol>
      )}
      {found.length > most && <Button onClick={() => setMost(most + SHOWN)}>{t('app.more')}</Button>}
    </Panel>
  );
}
