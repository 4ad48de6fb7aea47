/** The SSH server on the way to a database, and the question whether its key is the right one. */
import type { Failure } from '../api/client';
import { useText } from '../i18n';
import { fingerprintIn } from '../logic/endpoint';
import { Alert, Button, Checkbox, Form, Input, InputNumber } from '../ui';

export function SshFields({ changing }: { changing: boolean }) {
  const t = useText();
  const used = Form.useWatch('tunnel') as boolean | undefined;
  const needed = [{ required: true, whitespace: true, message: t('wizard.required') }];
  const secret = changing ? t('endpoints.passwordKept') : undefined;
  return (
    <>
      <Form.Item name="tunnel" valuePropName="checked">
        <Checkbox>{t('ssh.use')}</Checkbox>
      </Form.Item>
      {used && (
        <>
          <Form.Item name={['ssh', 'host']} label={t('ssh.host')} rules={needed}>
            <Input autoComplete="off" />
          </Form.Item>
          <Form.Item name={['ssh', 'port']} label={t('ssh.port')}>
            <InputNumber min={1} max={65535} placeholder="22" />
          </Form.Item>
          <Form.Item name={['ssh', 'user']} label={t('ssh.user')} rules={needed}>
            <Input autoComplete="off" />
          </Form.Item>
          <Form.Item name={['ssh', 'password']} label={t('ssh.password')} extra={secret}>
            <Input.Password autoComplete="new-password" />
          </Form.Item>
          <Form.Item name={['ssh', 'key']} label={t('ssh.key')} extra={t('ssh.keyHint')}>
            <Input.TextArea className="code" rows={3} autoComplete="off" spellCheck={false} />
          </Form.Item>
          <Form.Item name={['ssh', 'key_password']} label={t('ssh.keyPassword')}>
            <Input.Password autoComplete="new-password" />
          </Form.Item>
          <Form.Item name={['ssh', 'key_file']} label={t('ssh.keyFile')}>
            <Input autoComplete="off" placeholder="/etc/ferryman/ssh-key" />
          </Form.Item>
          <Form.Item name={['ssh', 'host_key']} label={t('ssh.hostKey')} extra={t('ssh.hostKeyHint')}>
            <Input className="code" autoComplete="off" placeholder="SHA256:…" />
          </Form.Item>
        </>
      )}
    </>
  );
}

/** A refusal because of the server's key as a question; nothing where it is another refusal. */
export function KeyQuestion({ failure, onConfirm }: { failure: Failure | null | undefined; onConfirm: (fingerprint: string) => void }) {
  const t = useText();
  const fingerprint = fingerprintIn(failure);
  if (!failure || !fingerprint) return null;
  const changed = failure.code === 'ssh.host_key_changed';
  return (
    <Alert
      role="alert"
      type={changed ? 'error' : 'warning'}
      showIcon
      message={t(changed ? 'ssh.changed' : 'ssh.unknown')}
      description={
        <>
          <p>
            <code className="wrap">{fingerprint}</code>
          </p>
          <p className="hint">→ {t('ssh.compare')}</p>
          <Button danger={changed} onClick={() => onConfirm(fingerprint)}>
            {t('ssh.confirm')}
          </Button>
        </>
      }
    />
  );
}
