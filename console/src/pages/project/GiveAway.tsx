/** Giving a project to another account, or to every operator. */
import { useState } from 'react';
import { useAct } from '../../api/act';
import { put } from '../../api/client';
import { useLoaded } from '../../api/load';
import { useMay } from '../../api/session';
import type { Project } from '../../api/types';
import { useText } from '../../i18n';
import { AskByName } from '../../parts/AskByName';
import { App, Button, Input, Radio, Space } from '../../ui';

export function GiveAway({ project }: { project: Project }) {
  const t = useText();
  const [open, setOpen] = useState(false);
  return (
    <>
      <Button onClick={() => setOpen(true)}>{t('owner.give')}</Button>
      {open && <Question project={project} onClose={() => setOpen(false)} />}
    </>
  );
}

function Question({ project, onClose }: { project: Project; onClose: () => void }) {
  const t = useText();
  const { message } = App.useApp();
  const [everybody, setEverybody] = useState(false);
  const [account, setAccount] = useState('');
  const { busy, failure, run } = useAct();
  const owner = everybody ? '' : account.trim();
  const give = async () => {
    await put(`/api/v1/projects/${project.id}/owner`, { owner });
    message.success(t('owner.given', { name: project.name, owner: owner || t('owner.everybody') }));
    onClose();
  };
  return (
    <AskByName
      title={t('owner.ask', { name: project.name })}
      wanted={project.name}
      yes={t('owner.give')}
      busy={busy}
      ready={everybody || !!owner}
      failure={failure}
      onYes={() => void run(give)}
      onNo={onClose}
    >
      <p>{t('owner.askText')}</p>
      <fieldset className="plain-set">
        <legend>{t('owner.to')}</legend>
        <Radio.Group value={everybody} onChange={(event) => setEverybody(event.target.value as boolean)}>
          <Space direction="vertical">
            <Radio value={false}>{t('owner.account')}</Radio>
            <Radio value>{t('owner.everybody')}</Radio>
          </Space>
        </Radio.Group>
      </fieldset>
      {!everybody && (
        <label className="field">
          <span>{t('owner.accountName')}</span>
          <Input list="accounts" value={account} onChange={(event) => setAccount(event.target.value)} autoComplete="off" />
          <Operators />
        </label>
      )}
    </AskByName>
  );
}

/** Who could take it: known to administrators only. */
function Operators() {
  const admin = useMay('admin');
  const { data } = useLoaded<{ name: string; role: string }[]>(admin ? '/api/v1/accounts' : null);
  return (
    <datalist id="accounts">
      {data?.filter((each) => each.role !== 'viewer').map((each) => <option key={each.name} value={each.name} />)}
    </datalist>
  );
}
