/** An object that the schema step could not make: try it again, make it by other SQL, or leave it out. */
import { useState } from 'react';
import { useAct } from '../../api/act';
import { post } from '../../api/client';
import type { ObjectSchema, Project } from '../../api/types';
import { useText } from '../../i18n';
import { Failed } from '../../parts/States';
import { App, Button, Input, Space } from '../../ui';

export function FailedObject({ project, item, again }: { project: Project; item: ObjectSchema; again: () => void }) {
  const t = useText();
  const { message, modal } = App.useApp();
  const [sql, setSql] = useState(item.target);
  const [busy, setBusy] = useState('');
  const act = useAct();
  const path = `/api/v1/projects/${project.id}`;
  const run = async (what: string, ...calls: (() => Promise<unknown>)[]) => {
    setBusy(what);
    await act.run(async () => {
      for (const each of calls) await each();
      message.success(t('object.decided', { name: item.object }));
      again();
    });
    setBusy('');
  };
  const resume = () => post(`${path}/resume`);
  const edit = () => post(`${path}/choose`, { choice: 'apply', sql, object: item.object });
  const leaveOut = () =>
    modal.confirm({
      title: t('object.askLeaveOut', { name: item.object }),
      content: t('object.askLeaveOutText'),
      okText: t('object.leaveOut'),
      okButtonProps: { danger: true },
      cancelText: t('app.cancel'),
      onOk: () => run('leave', () => post(`${path}/objects`, { remove: [item.object] }), resume),
    });
  return (
    <section className="decide" aria-label={t('object.choices')}>
      <label className="field">
        <span>{t('object.edit')}</span>
        <Input.TextArea className="code" rows={Math.min(16, Math.max(4, sql.split("\n").length))} spellCheck={false} value={sql} onChange={(event) => setSql(event.target.value)} />
      </label>
      <Space wrap>
        <Button type="primary" loading={busy === 'edit'} disabled={!sql.trim() || sql.trim() === item.target.trim()} onClick={() => void run('edit', edit, resume)}>
          {t('object.run')}
        </Button>
        <Button loading={busy === 'keep'} disabled={!sql.trim() || sql.trim() === item.target.trim()} onClick={() => void run('keep', edit)}>
          {t('object.keep')}
        </Button>
        <Button loading={busy === 'retry'} onClick={() => void run('retry', resume)}>
          {t('object.retry')}
        </Button>
        {item.kind === 'table' && (
          <Button danger loading={busy === 'leave'} onClick={leaveOut}>
            {t('object.leaveOut')}
          </Button>
        )}
      </Space>
      {act.failure && <Failed failure={act.failure} />}
    </section>
  );
}
