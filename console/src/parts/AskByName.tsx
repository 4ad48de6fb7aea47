/** A question before something that cannot be taken back: the name has to be typed. */
import { useState, type ReactNode } from 'react';
import type { Failure } from '../api/client';
import { useText } from '../i18n';
import { Button, Input, Modal } from '../ui';
import { Failed } from './States';

interface Props {
  title: string;
  /** What has to be typed; nothing where a click is enough. */
  wanted?: string;
  /** What asks for it, unless it is a name. */
  label?: string;
  yes: string;
  danger?: boolean;
  busy: boolean;
  /** Whether all that is asked beside the name has been answered. */
  ready?: boolean;
  failure?: Failure | null;
  onYes: () => void;
  onNo: () => void;
  children: ReactNode;
}

export function AskByName({ title, wanted = '', label, yes, danger = false, busy, ready = true, failure, onYes, onNo, children }: Props) {
  const t = useText();
  const [typed, setTyped] = useState('');
  return (
    <Modal
      open
      title={title}
      onCancel={onNo}
      footer={[
        <Button key="no" onClick={onNo}>
          {t('app.cancel')}
        </Button>,
        <Button key="yes" type="primary" danger={danger} loading={busy} disabled={typed !== wanted || !ready} onClick={onYes}>
          {yes}
        </Button>,
      ]}
    >
      {children}
      {wanted && (
        <label className="field">
          <span>{label ?? t('ask.type', { name: wanted })}</span>
          <Input autoFocus value={typed} onChange={(event) => setTyped(event.target.value)} autoComplete="off" />
        </label>
      )}
      {failure && <Failed failure={failure} />}
    </Modal>
  );
}
