/** Labels of projects: what they are called, and away with them. */
import { useState } from 'react';
import { useAct } from '../api/act';
import { patch, post, remove } from '../api/client';
import { useLoaded } from '../api/load';
import { useMark } from '../api/marks';
import { useMay } from '../api/session';
import { useMarks } from '../api/stream';
import type { Label } from '../api/types';
import { useText } from '../i18n';
import { AskByName } from '../parts/AskByName';
import { Failed, Loading, Nothing, Panel } from '../parts/States';
import { Button, Input, Modal, Space } from '../ui';

type Asked = { what: 'name'; label: Label | null } | { what: 'remove'; label: Label };

export function Labels() {
  useMarks();
  const t = useText();
  const may = useMay('operator');
  const { data, failure, loading, again } = useLoaded<Label[]>('/api/v1/labels', useMark('changes'));
  const [asked, setAsked] = useState<Asked | null>(null);
  const done = () => {
    setAsked(null);
    again();
  };
  return (
    <Panel title={t('labels.title')} extra={may && <Button onClick={() => setAsked({ what: 'name', label: null })}>{t('labels.new')}</Button>}>
      {failure && <Failed failure={failure} again={again} />}
      {!data && loading && <Loading />}
      {data?.length === 0 && <Nothing text={t('labels.empty')} />}
      {data && data.length > 0 && (
        <table className="grid cards">
          <thead>
            <tr>
              <th>{t('labels.name')}</th>
              {may && <th aria-label={t('app.actions')} />}
            </tr>
          </thead>
          <tbody>
            {data.map((label) => (
              <tr key={label.id} data-label-id={label.id}>
                <th scope="row" className="wrap">
                  {label.name}
                </th>
                {may && (
                  <td className="number">
                    <Space>
                      <Button size="small" aria-label={t('labels.renameOf', { name: label.name })} onClick={() => setAsked({ what: 'name', label })}>
                        {t('labels.rename')}
                      </Button>
                      <Button size="small" danger aria-label={t('labels.remove', { name: label.name })} onClick={() => setAsked({ what: 'remove', label })}>
                        {t('app.remove')}
                      </Button>
                    </Space>
                  </td>
                )}
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {asked?.what === 'name' && <NameIt label={asked.label} onDone={done} onClose={() => setAsked(null)} />}
      {asked?.what === 'remove' && <Removal label={asked.label} onDone={done} onClose={() => setAsked(null)} />}
    </Panel>
  );
}

interface Ends {
  onDone: () => void;
  onClose: () => void;
}

function NameIt({ label, onDone, onClose }: Ends & { label: Label | null }) {
  const t = useText();
  const [name, setName] = useState(label?.name ?? '');
  const { busy, failure, run } = useAct();
  const keep = () => run(() => (label ? patch(`/api/v1/labels/${label.id}`, { name }) : post('/api/v1/labels', { name })));
  const wanted = name.trim() !== '' && name.trim() !== label?.name;
  return (
    <Modal
      open
      title={label ? t('labels.renameOf', { name: label.name }) : t('labels.new')}
      okText={t('app.save')}
      cancelText={t('app.cancel')}
      confirmLoading={busy}
      okButtonProps={{ disabled: !wanted }}
      onCancel={onClose}
      onOk={() => void keep().then((kept) => kept && onDone())}
    >
      <label className="field">
        <span>{t('labels.name')}</span>
        <Input autoFocus maxLength={64} value={name} autoComplete="off" onChange={(event) => setName(event.target.value)} />
      </label>
      {failure && <Failed failure={failure} />}
    </Modal>
  );
}

function Removal({ label, onDone, onClose }: Ends & { label: Label }) {
  const t = useText();
  const { busy, failure, run } = useAct();
  const drop = () => run(() => remove(`/api/v1/labels/${label.id}`));
  return (
    <AskByName
      title={t('labels.remove', { name: label.name })}
      wanted={label.name}
      yes={t('app.remove')}
      danger
      busy={busy}
      failure={failure}
      onYes={() => void drop().then((gone) => gone && onDone())}
      onNo={onClose}
    >
      <p>{t('labels.removeText')}</p>
    </AskByName>
  );
}
