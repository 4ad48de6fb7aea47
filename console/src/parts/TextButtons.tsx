/** Texts that the service writes: shown to be copied, or saved as a file. */
import { useState } from 'react';
import { useAct } from '../api/act';
import { getText } from '../api/client';
import { useText } from '../i18n';
import { Button, Modal } from '../ui';
import { Sql } from './Sql';
import { Failed } from './States';

/** A project as YAML; with a body it is one that is not made yet. */
export function YamlButton({ path, body }: { path: string; body?: unknown }) {
  const t = useText();
  const [text, setText] = useState<string | null>(null);
  const { busy, failure, run, forget } = useAct();
  const open = () => run(async () => setText(await getText(path, body === undefined ? 'GET' : 'POST', body)));
  const close = () => {
    setText(null);
    forget();
  };
  return (
    <>
      <Button loading={busy} onClick={() => void open()}>
        {t('yaml.show')}
      </Button>
      {(text !== null || failure) && (
        <Modal open title={t('yaml.title')} footer={null} onCancel={close} width={720}>
          <p className="dim">{t('yaml.hint')}</p>
          {text !== null && <Sql text={text} label={t('yaml.title')} />}
          {failure && <Failed failure={failure} />}
        </Modal>
      )}
    </>
  );
}

export function SaveButton({ path, name, label }: { path: string; name: string; label: string }) {
  const { busy, failure, run, forget } = useAct();
  const t = useText();
  const save = () => run(async () => download(name, await getText(path)));
  return (
    <>
      <Button loading={busy} onClick={() => void save()}>
        {label}
      </Button>
      {failure && (
        <Modal open title={label} onCancel={forget} onOk={forget} okText={t('app.back')} cancelButtonProps={{ hidden: true }}>
          <Failed failure={failure} />
        </Modal>
      )}
    </>
  );
}

export function download(name: string, text: string): void {
  const address = URL.createObjectURL(new Blob([text]));
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  URL.revokeObjectURL(address);
}
