/** Texts that the service writes: shown to be copied, or saved as a file. */
import { useState } from 'react';
import { failureOf, getText, type Failure } from '../api/client';
import { useText } from '../i18n';
import { Button, Modal } from '../ui';
import { Sql } from './Sql';
import { Failed } from './States';

/** A project as YAML; with a body it is one that is not made yet. */
export function YamlButton({ path, body }: { path: string; body?: unknown }) {
  const t = useText();
  const [text, setText] = useState<string | null>(null);
  const [failure, setFailure] = useState<Failure | null>(null);
  const open = () => {
    setFailure(null);
    getText(path, body === undefined ? 'GET' : 'POST', body).then(setText, (problem) => setFailure(failureOf(problem)));
  };
  const close = () => {
    setText(null);
    setFailure(null);
  };
  return (
    <>
      <Button onClick={open}>{t('yaml.show')}</Button>
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
  const [failure, setFailure] = useState<Failure | null>(null);
  const t = useText();
  const save = () => {
    getText(path).then(
      (text) => download(name, text),
      (problem) => setFailure(failureOf(problem)),
    );
  };
  return (
    <>
      <Button onClick={save}>{label}</Button>
      {failure && (
        <Modal open title={label} onCancel={() => setFailure(null)} onOk={() => setFailure(null)} okText={t('app.back')} cancelButtonProps={{ hidden: true }}>
          <Failed failure={failure} />
        </Modal>
      )}
    </>
  );
}

function download(name: string, text: string): void {
  const address = URL.createObjectURL(new Blob([text]));
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  URL.revokeObjectURL(address);
}
