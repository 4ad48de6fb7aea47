/** What a project will take, and what may go wrong, before it is made. */
import { useState } from 'react';
import { useAct } from '../../api/act';
import { post } from '../../api/client';
import type { Assessment as Found, NewProject, Range, Risk } from '../../api/types';
import { useLanguage, useText } from '../../i18n';
import { bytes, count, duration } from '../../logic/format';
import { Failed } from '../../parts/States';
import { Remedy, Said } from '../../parts/Words';
import { download } from '../../parts/TextButtons';
import { Windowed } from '../../parts/Windowed';
import { Button, Space } from '../../ui';

const WHOLE = 20;
const ROW = 40;

export function Assessment({ request }: { request: NewProject }) {
  const t = useText();
  const { busy, failure, run } = useAct();
  const [found, setFound] = useState<Found | null>(null);
  const assess = () => run(async () => setFound(await post<Found>('/api/v1/assessment', request)));
  return (
    <section className="assessment" aria-label={t('assess.title')}>
      <Space wrap>
        <Button loading={busy} onClick={() => void assess()}>
          {t(found ? 'assess.again' : 'assess.button')}
        </Button>
        {found && !busy && (
          <Button onClick={() => download(`${request.name}-assessment.json`, `${JSON.stringify(found, null, 2)}\n`)}>{t('assess.save')}</Button>
        )}
      </Space>
      {busy && <p role="status">{t('assess.doing')}</p>}
      {failure && <Failed failure={failure} />}
      {found && <Estimate found={found} />}
      {found && <Risks risks={found.risks.filter((risk) => !risk.is_item)} />}
      {found && found.estimate.tables.length > 0 && <Tables tables={found.estimate.tables} />}
    </section>
  );
}

function Estimate({ found: { estimate } }: { found: Found }) {
  const t = useText();
  const language = useLanguage();
  const size = (value: number) => bytes(value);
  const range = (span: Range | null | undefined, say: (value: number) => string) => {
    if (!span) return t('assess.none');
    const [least, most] = [say(span.least), say(span.most)];
    return least === most ? least : t('assess.range', { least, most });
  };
  const facts: [string, string][] = [
    [t('assess.load'), range(estimate.load_seconds, duration)],
    [t('assess.verify'), range(estimate.verify_seconds, duration)],
    [t('assess.data'), t('assess.dataText', { rows: count(estimate.rows, language), bytes: size(estimate.bytes), tables: count(estimate.tables.length, language) })],
    [t('assess.log'), estimate.log_bytes_per_second === null ? t('assess.none') : t('assess.rate', { bytes: size(estimate.log_bytes_per_second) })],
    [t('assess.store'), range(estimate.log_store_bytes, size)],
    [t('assess.indexes'), count(estimate.secondary_indexes, language)],
    ...(estimate.unknown ? [[t('assess.unknown'), count(estimate.unknown, language)] as [string, string]] : []),
  ];
  return (
    <>
      <p className="dim small">{t('assess.hint')}</p>
      <dl className="facts">
        {facts.map(([name, text]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
    </>
  );
}

function Risks({ risks }: { risks: Risk[] }) {
  const t = useText();
  return (
    <>
      <h3>{t('assess.risks')}</h3>
      {risks.length === 0 && <p className="dim">{t('assess.noRisks')}</p>}
      <ul className="checks">
        {risks.map((risk) => (
          <li key={`${risk.subject} ${risk.message}`} data-risk={risk.level}>
            <p className="check-title">
              <strong className={`verdict verdict-${risk.level === 'BLOCKS' || risk.level === 'HIGH' ? 'FAILED' : 'WARNED'}`}>{t(`risk.${risk.level}`)}</strong>
              <span className="wrap">
                <Said text={risk.message} />
              </span>
            </p>
            <Remedy text={risk.hint} />
            {risk.objects.length > 0 && <p className="dim small wrap">{risk.objects.join(', ')}</p>}
          </li>
        ))}
      </ul>
    </>
  );
}

function Tables({ tables }: { tables: Found['estimate']['tables'] }) {
  const t = useText();
  const language = useLanguage();
  return (
    <>
      <h3>{t('assess.tables')}</h3>
      <Windowed
        label={t('assess.tables')}
        className="estimates"
        head={
          <>
            <th>{t('assess.table')}</th>
            <th className="number">{t('assess.rows')}</th>
            <th className="number">{t('assess.bytes')}</th>
          </>
        }
        columns={3}
        count={tables.length}
        whole={WHOLE}
        height={ROW}
        row={(place) => {
          const each = tables[place]!;
          return (
            <tr key={each.table}>
              <th scope="row" className="wrap">
                {each.table}
              </th>
              <td className="number">{count(each.rows, language)}</td>
              <td className="number">{bytes(each.bytes)}</td>
            </tr>
          );
        }}
      />
    </>
  );
}
