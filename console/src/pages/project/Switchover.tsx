/** The application goes over: where the switchover stands, who may write where, what is to be done next. */
import { useState } from 'react';
import { Link } from 'react-router-dom';
import { useAct } from '../../api/act';
import { post } from '../../api/client';
import type { NewSwitchover, Project, Switchover } from '../../api/types';
import { useLanguage, useText } from '../../i18n';
import { moment } from '../../logic/format';
import { nextOf, offeredActions, readiness, TYPED, writerOf, type SwitchAction } from '../../logic/switchover';
import { AskByName } from '../../parts/AskByName';
import { Failed, Panel } from '../../parts/States';
import { App, Button, Input, Radio, Space } from '../../ui';

interface Props {
  project: Project;
  /** Whether the one who looks may decide. */
  may: boolean;
}

export function SwitchoverPanel({ project, may }: Props) {
  const t = useText();
  if (project.switchover) return <UnderWay project={project} found={project.switchover} may={may} />;
  const ready = readiness(project);
  if (ready === 'never') return null;
  const back = project.steps.some((step) => step.name === 'reverse');
  return (
    <Panel title={t('switch.title')} extra={may && <Decision project={project} action="begin" disabled={ready === 'later'} />}>
      <p>{t('switch.offer')}</p>
      <p className="dim">{t(back ? 'switch.offerBack' : 'switch.offerNoBack')}</p>
      {ready === 'later' && <p className="dim">{t('switch.notYet')}</p>}
    </Panel>
  );
}

function UnderWay({ project, found, may }: Props & { found: Switchover }) {
  const t = useText();
  const next = nextOf(found);
  return (
    <Panel
      title={t('switch.title')}
      extra={may && <Space wrap>{offeredActions(found).map((action) => <Decision key={action} project={project} action={action} />)}</Space>}
    >
      <dl className="facts" data-switchover={found.stage}>
        <div>
          <dt>{t('switch.who')}</dt>
          <dd>{t(`switch.who.${writerOf(found)}`)}</dd>
        </div>
        <div>
          <dt>{t('switch.next')}</dt>
          <dd>
            <strong>{t(`switch.next.${next}`)}</strong>{' '}
            {next === 'decideDifferences' && <Link to={`/projects/${project.id}/verify`}>{t('switch.differences')}</Link>}
          </dd>
        </div>
      </dl>
      {found.error && <Failed failure={found.error} />}
      <SubSteps found={found} />
    </Panel>
  );
}

function SubSteps({ found }: { found: Switchover }) {
  const t = useText();
  const language = useLanguage();
  return (
    <table className="grid cards">
      <thead>
        <tr>
          <th>{t('log.step')}</th>
          <th>{t('projects.status')}</th>
          <th>{t('switch.by')}</th>
          <th>{t('switch.reached')}</th>
        </tr>
      </thead>
      <tbody>
        {found.sub_steps.map((step) => (
          <tr key={step.name} data-sub-step={step.name} data-status={step.status}>
            <th scope="row">{t(`switch.step.${step.name}`)}</th>
            <td data-label={t('projects.status')}>
              <span className={`status status-${SHOWN[step.status]}`}>
                <span aria-hidden="true" className="dot" />
                {t(`switch.status.${step.status}`)}
              </span>
            </td>
            <td data-label={t('switch.by')}>{t(`switch.by.${step.by}`)}</td>
            <td className="small" data-label={t('switch.reached')}>
              {moment(step.reached_at, language)}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

const SHOWN = { waiting: 'INIT', running: 'RUNNING', 'needs-you': 'SUSPEND', done: 'FINISHED' } as const;

/** A button with the question behind it. */
function Decision({ project, action, disabled = false }: { project: Project; action: SwitchAction | 'begin'; disabled?: boolean }) {
  const t = useText();
  const [open, setOpen] = useState(false);
  const onward = action !== 'cancel';
  return (
    <>
      <Button type={onward ? 'primary' : 'default'} danger={!onward || action === 'accept'} disabled={disabled} onClick={() => setOpen(true)}>
        {t(action === 'begin' ? 'switch.begin' : `switch.action.${action}`)}
      </Button>
      {open && <Question project={project} action={action} onClose={() => setOpen(false)} />}
    </>
  );
}

function Question({ project, action, onClose }: { project: Project; action: SwitchAction | 'begin'; onClose: () => void }) {
  const t = useText();
  const { message } = App.useApp();
  const [proof, setProof] = useState<NewSwitchover['proof']>('verify');
  const [skip, setSkip] = useState('');
  const { busy, failure, run } = useAct();
  const yes = t(action === 'begin' ? 'switch.begin' : `switch.action.${action}`);
  const decide = async () => {
    const path = `/api/v1/projects/${project.id}/switchover`;
    const items = skip.split(',').map((item) => item.trim()).filter(Boolean);
    await (action === 'begin' ? post(path, { proof, skip: items }) : post(`${path}/${action}`, action === 'retry' ? { skip: items } : {}));
    message.success(t('switch.done', { name: project.name, action: yes }));
    onClose();
  };
  return (
    <AskByName
      title={t(`switch.ask.${action}`, { name: project.name })}
      wanted={action === 'begin' || TYPED.has(action) ? project.name : ''}
      yes={yes}
      danger={action === 'accept' || action === 'cancel'}
      busy={busy}
      failure={failure}
      onYes={() => void run(decide)}
      onNo={onClose}
    >
      <p>{t(`switch.ask.${action}Text`)}</p>
      {action === 'begin' && <Proofs value={proof} onChange={setProof} />}
      {action === 'retry' && project.switchover?.stage === 'precheck' && (
        <label className="field">
          <span>{t('switch.skip')}</span>
          <Input value={skip} onChange={(event) => setSkip(event.target.value)} autoComplete="off" />
        </label>
      )}
    </AskByName>
  );
}

const PROOFS: NewSwitchover['proof'][] = ['verify', 'earlier', 'none'];

function Proofs({ value, onChange }: { value: NewSwitchover['proof']; onChange: (next: NewSwitchover['proof']) => void }) {
  const t = useText();
  return (
    <fieldset className="plain-set">
      <legend>{t('switch.proof')}</legend>
      <Radio.Group value={value} onChange={(event) => onChange(event.target.value as NewSwitchover['proof'])}>
        <Space direction="vertical">
          {PROOFS.map((each) => (
            <Radio key={each} value={each}>
              {t(`switch.proof.${each}`)}
            </Radio>
          ))}
        </Space>
      </Radio.Group>
    </fieldset>
  );
}
