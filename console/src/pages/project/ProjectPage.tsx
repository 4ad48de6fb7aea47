/** One project, live. */
import { lazy, Suspense, useReducer, useState } from 'react';
import { Link, useNavigate, useParams } from 'react-router-dom';
import type { Failure } from '../../api/client';
import { useMay, useOwns } from '../../api/session';
import { useStream } from '../../api/stream';
import { useText } from '../../i18n';
import { actionsOf } from '../../logic/state';
import { EMPTY_LIVE, merged } from '../../logic/live';
import { ActionButtons, useActions } from '../../parts/actions';
import { Failed, Loading, Page } from '../../parts/States';
import { Status } from '../../parts/Status';
import { Tabs } from '../../parts/Tabs';
import { Beat } from './beat';
import { Behind } from './Behind';
import { Components } from './Components';
import { Details } from './Details';
import { Flow } from './Flow';
import { Letters } from './Letters';
import { Log } from './Log';
import { Tables } from './Tables';
import { Trouble } from './Trouble';

const SchemaView = lazy(() => import('./SchemaView'));
const Differences = lazy(() => import('./Differences'));

export default function ProjectPage() {
  const { id = '', tab = 'flow' } = useParams();
  return <LiveProject key={id} id={id} tab={tab} />;
}

function LiveProject({ id, tab }: { id: string; tab: string }) {
  const t = useText();
  const navigate = useNavigate();
  const [live, hear] = useReducer(merged, EMPTY_LIVE);
  const [failure, setFailure] = useState<Failure | null>(null);
  useStream(`/api/v1/live/projects/${encodeURIComponent(id)}`, {
    onMessage: (name, document) => (name === 'failure' ? setFailure(document as Failure) : hear({ name, document })),
    onFailure: setFailure,
  });
  const { ask, dialog } = useActions((action) => {
    if (action === 'delete') navigate('/migration');
  });
  const project = live.project;
  const may = useOwns(project?.owner ?? '');
  const operator = useMay('operator');
  if (failure && !project) {
    return (
      <Page title={id}>
        <Failed failure={failure} />
      </Page>
    );
  }
  if (!project) return <Loading />;
  const tables = [...live.tables.values()];
  const tabs = [
    { key: 'flow', label: t('project.tab.flow'), children: <Flow project={project} may={may} /> },
    { key: 'tables', label: t('project.tab.tables'), children: <Tables project={project} tables={tables} /> },
    { key: 'schema', label: t('project.tab.schema'), children: <SchemaView project={project} /> },
    ...(project.type === 'SYNC' ? [] : [{ key: 'verify', label: t('project.tab.verify'), children: <Differences project={project} tables={tables} /> }]),
    { key: 'behind', label: t('project.tab.behind'), children: <Behind project={project} /> },
    ...(project.type === 'SYNC' ? [] : [{ key: 'letters', label: t('project.tab.letters'), children: <Letters project={project} /> }]),
    { key: 'log', label: t('project.tab.log'), children: <Log events={live.events} /> },
    { key: 'components', label: t('project.tab.components'), children: <Components project={project} /> },
    { key: 'details', label: t('project.tab.details'), children: <Details project={project} /> },
  ];
  return (
    <Beat.Provider value={live}>
      <Page
        title={project.name}
        extra={
          <>
            <Status status={project.status} />
            {may && <ActionButtons actions={actionsOf(project.status)} ask={ask} project={project} />}
          </>
        }
      >
        <p className="dim trail">
          <Link to={project.type === 'SYNC' ? '/sync' : '/migration'}>{t(`projects.title.${project.type as 'SYNC'}`)}</Link>
          {' · '}
          {project.id}
          {operator && !may && ` · ${t('owner.lookOn', { owner: project.owner })}`}
        </p>
        <Trouble project={project} may={may} />
        <Tabs
          label={project.name}
          active={tab}
          tabs={tabs.map((each) => ({ ...each, children: <Suspense fallback={<Loading />}>{each.children}</Suspense> }))}
          onChange={(key) => navigate(`/projects/${id}/${key}`, { replace: true })}
        />
        {dialog}
      </Page>
    </Beat.Provider>
  );
}
