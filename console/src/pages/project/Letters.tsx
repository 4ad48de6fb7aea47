/** Dead letters: changes that the target refused and that were set aside; to be tried again or given up. */
import { useState } from 'react';
import { useAct } from '../../api/act';
import { post, query } from '../../api/client';
import { useLoaded } from '../../api/load';
import { useOwns } from '../../api/session';
import type { DeadLetter, Project } from '../../api/types';
import { known, useText } from '../../i18n';
import { Failed, Loading, Nothing, Panel } from '../../parts/States';
import { Words } from '../../parts/Words';
import { App, Button, Checkbox, Space, type Ticked } from '../../ui';
import { useBeat } from './beat';

const SIZE = 50;

export function Letters({ project }: { project: Project }) {
  const t = useText();
  const [all, setAll] = useState(false);
  const [after, setAfter] = useState(0);
  const path = `/api/v1/projects/${project.id}/dead-letters${query({ after, all, limit: SIZE })}`;
  const { data, failure, again } = useLoaded<DeadLetter[]>(path, useBeat());
  const may = useOwns(project.owner) && !project.status.startsWith('RELEAS');
  return (
    <Panel
      title={t('letters.title')}
      extra={
        <Checkbox
          checked={all}
          onChange={(event: Ticked) => {
            setAll(event.target.checked);
            setAfter(0);
          }}
        >
          {t('letters.all')}
        </Checkbox>
      }
    >
      <p className="dim">{t('letters.about')}</p>
      {failure && <Failed failure={failure} again={again} />}
      {!data && !failure && <Loading />}
      {data && data.length === 0 && <Nothing text={t(all ? 'letters.noneEver' : 'letters.none')} />}
      {data && data.length > 0 && <LetterTable letters={data} may={may} project={project} again={again} />}
      <Space>
        {after > 0 && <Button onClick={() => setAfter(0)}>{t('letters.first')}</Button>}
        {data?.length === SIZE && <Button onClick={() => setAfter(data[SIZE - 1]!.number)}>{t('letters.next')}</Button>}
      </Space>
    </Panel>
  );
}

interface TableProps {
  letters: DeadLetter[];
  may: boolean;
  project: Project;
  again: () => void;
}

function LetterTable({ letters, may, project, again }: TableProps) {
  const t = useText();
  return (
    <table className="grid cards">
      <thead>
        <tr>
          <th className="number">{t('letters.number')}</th>
          <th>{t('letters.table')}</th>
          <th>{t('letters.operation')}</th>
          <th>{t('letters.reason')}</th>
          <th>{t('letters.state')}</th>
          {may && <th aria-label={t('app.actions')} />}
        </tr>
      </thead>
      <tbody>
        {letters.map((letter) => (
          <tr key={letter.number} data-letter={letter.number} data-state={letter.state}>
            <th scope="row" className="number">
              {letter.number}
            </th>
            <td data-label={t('letters.table')} className="wrap">
              {letter.source}
              {letter.target !== letter.source && <span className="dim small block">→ {letter.target}</span>}
            </td>
            <td data-label={t('letters.operation')}>
              {known(t, 'operation', letter.operation)}
              {letter.key.length > 0 && (
                <span className="dim small block wrap">
                  {t('letters.key')}: {letter.key.join(', ')}
                </span>
              )}
            </td>
            <td data-label={t('letters.reason')}>
              <Words code={letter.reason} text={letter.message} /> <code className="dim small block">{letter.reason}</code>
            </td>
            <td data-label={t('letters.state')}>{known(t, 'letters.state', letter.state)}</td>
            {may && <td>{letter.state === 'open' && <Decide letter={letter} project={project} again={again} />}</td>}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Decide({ letter, project, again }: { letter: DeadLetter; project: Project; again: () => void }) {
  const t = useText();
  const { modal } = App.useApp();
  const [asked, setAsked] = useState(false);
  const { busy, failure, run } = useAct();
  const decide = (action: 'retry' | 'skip') =>
    run(async () => {
      await post<void>(`/api/v1/projects/${project.id}/dead-letters/${letter.number}`, { action });
      setAsked(true);
      again();
    });
  const skip = () =>
    modal.confirm({
      title: t('letters.askSkip', { number: letter.number, table: letter.source }),
      content: t('letters.askSkipText'),
      okText: t('letters.skip'),
      okButtonProps: { danger: true },
      cancelText: t('app.cancel'),
      onOk: () => decide('skip'),
    });
  return (
    <>
      <Space wrap>
        <Button size="small" loading={busy} onClick={() => void decide('retry')}>
          {t('letters.retry')}
        </Button>
        <Button size="small" danger onClick={skip}>
          {t('letters.skip')}
        </Button>
      </Space>
      {asked && !failure && (
        <span role="status" className="block small">
          {t('letters.asked')}
        </span>
      )}
      {failure && <Failed failure={failure} />}
    </>
  );
}
