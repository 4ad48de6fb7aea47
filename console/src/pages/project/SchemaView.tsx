/** Each object on both sides, with every conversion by name. */
import { useState } from 'react';
import { useSearchParams } from 'react-router-dom';
import { query } from '../../api/client';
import { useOwns } from '../../api/session';
import { useLoaded } from '../../api/load';
import type { ObjectSchema, Project, SchemaPage } from '../../api/types';
import { known, useText } from '../../i18n';
import { stepOf } from '../../logic/state';
import { Failed, Loading, Nothing, Panel } from '../../parts/States';
import { Sql } from '../../parts/Sql';
import { Said } from '../../parts/Words';
import { Input, Pagination, Segmented } from '../../ui';
import { FailedObject } from './FailedObject';

const SIZE = 50;

export default function SchemaView({ project }: { project: Project }) {
  const t = useText();
  const [search, setSearch] = useState('');
  const may = useOwns(project.owner);
  const [asked] = useSearchParams();
  const [only, setOnly] = useState(asked.get('only') ?? '');
  const [page, setPage] = useState(1);
  const [chosen, setChosen] = useState<string | null>(asked.get('object'));
  const step = stepOf(project, 'schema');
  const status = step?.status;
  const stopped = may && project.status === 'FAILED' && status === 'FAILED';
  const path = `/api/v1/projects/${project.id}/schema${query({ search, only, page, size: SIZE })}`;
  const { data, failure, loading, again } = useLoaded<SchemaPage>(path, `${project.status} ${status} ${step?.message} ${project.status === 'FAILED' ? project.revision : ''}`);
  const items = data?.items ?? [];
  const keyOf = (item: ObjectSchema) => `${item.kind} ${item.object}`;
  const shown = items.find((item) => keyOf(item) === chosen) ?? items[0];
  return (
    <Panel>
      <div className="filters">
        <Input.Search
          allowClear
          aria-label={t('schema.search')}
          placeholder={t('schema.search')}
          onSearch={(text) => {
            setSearch(text);
            setPage(1);
          }}
        />
        <Segmented
          value={only}
          onChange={(value) => {
            setOnly(String(value));
            setPage(1);
          }}
          options={[
            { value: '', label: t('app.all') },
            { value: 'converted', label: t('schema.onlyConverted') },
            { value: 'failed', label: t('schema.onlyFailed') },
          ]}
        />
      </div>
      {failure && <Failed failure={failure} again={again} />}
      {!data && loading && <Loading />}
      {data && items.length === 0 && <Nothing text={t('schema.empty')} />}
      {shown && (
        <div className="schema">
          <div>
            <ul className="pick" aria-label={t('schema.object')}>
              {items.map((item) => (
                <li key={keyOf(item)}>
                  <button type="button" aria-current={item === shown} onClick={() => setChosen(keyOf(item))}>
                    <span className="wrap">{item.object}</span>
                    <span className={item.state === 'failed' ? 'bad small' : 'dim small'}>
                      {known(t, 'kind', item.kind)} · {known(t, 'table', item.state)}
                      {item.conversions.length > 0 && ` · ${t('schema.conversions')} ${item.conversions.length}`}
                    </span>
                  </button>
                </li>
              ))}
            </ul>
            {data && data.total > SIZE && (
              <Pagination simple current={page} total={data.total} pageSize={SIZE} onChange={setPage} />
            )}
          </div>
          <div>
            <Both item={shown} />
            {stopped && shown.state === 'failed' && <FailedObject key={keyOf(shown)} project={project} item={shown} again={again} />}
          </div>
        </div>
      )}
    </Panel>
  );
}

function Both({ item }: { item: ObjectSchema }) {
  const t = useText();
  return (
    <div>
      <h3 className="wrap">{item.object}</h3>
      {item.message && <p className={item.state === 'failed' ? 'bad wrap' : 'hint wrap'}><Said text={item.message} /></p>}
      {item.conversions.length === 0 ? (
        <p className="dim">{t('schema.noConversion')}</p>
      ) : (
        <ul className="conversions">
          {item.conversions.map((each, place) => (
            <li key={place}>
              <code>{String(each['path'])}</code>{' '}
              <span className={each['lossy'] ? 'tag bad' : 'tag'}>{t(each['lossy'] ? 'schema.lossy' : 'schema.lossless')}</span>
              <span className="block wrap"><Said text={String(each['message'])} /></span>
            </li>
          ))}
        </ul>
      )}
      <div className="sides">
        <div>
          <h4>{t('schema.source')}</h4>
          {item.source ? <Sql text={item.source} label={t('schema.source')} /> : <p className="dim">{t('schema.noSource')}</p>}
        </div>
        <div>
          <h4>{t('schema.target')}</h4>
          <Sql text={item.target} label={t('schema.target')} />
        </div>
      </div>
    </div>
  );
}
