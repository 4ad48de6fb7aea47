/** Changing a project: name, labels and limits while it lives; what moves while it is a draft. */
import { useState } from 'react';
import { useAct } from '../../api/act';
import { patch, post } from '../../api/client';
import { useLoaded } from '../../api/load';
import type { Label, Project, ProjectSettings } from '../../api/types';
import { useText, type Key } from '../../i18n';
import { changesOf, formOf, wrongLines, type SettingsForm as Fields } from '../../logic/settings';
import { Failed, Loading } from '../../parts/States';
import { Alert, App, Button, Form, Input, InputNumber, Select, Space } from '../../ui';

const IMPORTANCES = ['HIGH', 'MEDIUM', 'LOW', 'IGNORE'] as const;

type Set = (part: Partial<Fields>) => void;

export function SettingsForm({ project, onDone }: { project: Project; onDone: () => void }) {
  const { data, failure, again } = useLoaded<ProjectSettings>(`/api/v1/projects/${project.id}/settings`);
  if (failure && !data) return <Failed failure={failure} again={again} />;
  if (!data) return <Loading />;
  return <Editor key={data.mark} project={project} settings={data} again={again} onDone={onDone} />;
}

interface EditorProps {
  project: Project;
  settings: ProjectSettings;
  again: () => void;
  onDone: () => void;
}

function Editor({ project, settings, again, onDone }: EditorProps) {
  const t = useText();
  const { message } = App.useApp();
  const [form, setForm] = useState<Fields>(() => formOf(settings));
  const { busy, failure, run } = useAct();
  const set: Set = (part) => setForm((before) => ({ ...before, ...part }));
  const wrong = wrongLines(form);
  const save = async () => {
    const asked = changesOf(settings, form);
    if (Object.keys(asked).length > 1) await patch(`/api/v1/projects/${project.id}/settings`, asked);
    message.success(t('edit.saved', { name: form.name }));
    onDone();
  };
  return (
    <Form layout="vertical" component="div" className="narrow-form">
      <Form.Item label={t('edit.name')} htmlFor="edit-name" required>
        <Input id="edit-name" maxLength={64} value={form.name} onChange={(event) => set({ name: event.target.value })} />
      </Form.Item>
      <Labels chosen={form.labels} onChange={(labels) => set({ labels })} />
      <Form.Item label={t('wizard.importance')} htmlFor="edit-importance">
        <Select
          id="edit-importance"
          value={form.importance}
          onChange={(importance: string) => set({ importance })}
          options={IMPORTANCES.map((value) => ({ value, label: t(`importance.${value}`) }))}
        />
      </Form.Item>
      <Numbers project={project} form={form} set={set} />
      {settings.objects_may_change && <Objects form={form} set={set} wrong={wrong} />}
      {failure && <Failed failure={failure} />}
      <Space wrap>
        <Button onClick={onDone}>{t('app.cancel')}</Button>
        {failure?.code === 'project.changed_meanwhile' && <Button onClick={again}>{t('edit.reload')}</Button>}
        <Button type="primary" loading={busy} disabled={wrong.length > 0 || !/^\S{1,64}$/.test(form.name.trim())} onClick={() => void run(save)}>
          {t('app.save')}
        </Button>
      </Space>
    </Form>
  );
}

const NUMBERS: { step: string; name: keyof Fields & `${string}_${string}`; hint: Key; least: number; most: number }[] = [
  { step: 'load', name: 'load_rows_per_second', hint: 'edit.limitHint', least: 0, most: 1e12 },
  { step: 'load', name: 'load_bytes_per_second', hint: 'edit.limitHint', least: 0, most: 1e15 },
  { step: 'load', name: 'load_streams', hint: 'edit.streamsHint', least: 0, most: 256 },
  { step: 'apply', name: 'apply_rows_per_second', hint: 'edit.limitHint', least: 0, most: 1e12 },
  { step: 'apply', name: 'apply_bytes_per_second', hint: 'edit.limitHint', least: 0, most: 1e15 },
  { step: 'apply', name: 'apply_lanes', hint: 'edit.lanesHint', least: 1, most: 32 },
  { step: 'verify', name: 'verify_streams', hint: 'edit.streamsHint', least: 0, most: 256 },
];

/** Limits and streams of the steps that the project has. */
function Numbers({ project, form, set }: { project: Project; form: Fields; set: Set }) {
  const t = useText();
  const steps = new Set(project.steps.map((step) => step.name));
  return (
    <>
      {NUMBERS.filter(({ step }) => steps.has(step)).map(({ name, hint, least, most }) => (
        <Form.Item key={name} label={t(`edit.${name}` as Key)} htmlFor={`edit-${name}`} extra={t(hint)}>
          <InputNumber
            id={`edit-${name}`}
            className="figure-field"
            min={least}
            max={most}
            precision={0}
            value={form[name] as number}
            onChange={(value) => set({ [name]: Number(value ?? least) })}
          />
        </Form.Item>
      ))}
    </>
  );
}

function Labels({ chosen, onChange }: { chosen: string[]; onChange: (ids: string[]) => void }) {
  const t = useText();
  const { data, again } = useLoaded<Label[]>('/api/v1/labels');
  const { failure, run } = useAct();
  const known = data ?? [];
  const take = async (values: string[]) => {
    const fresh = values.filter((value) => !known.some((label) => label.id === value));
    const made = await Promise.all(fresh.map((name) => post<Label>('/api/v1/labels', { name })));
    onChange([...values.filter((value) => !fresh.includes(value)), ...made.map((label) => label.id)]);
    if (made.length) again();
  };
  return (
    <Form.Item label={t('edit.labels')} htmlFor="edit-labels" extra={t('edit.labelsHint')}>
      <Select
        id="edit-labels"
        mode="tags"
        value={data ? chosen : []}
        loading={!data}
        optionFilterProp="label"
        options={known.map((label) => ({ value: label.id, label: label.name }))}
        onChange={(values: string[]) => void run(() => take(values))}
      />
      {failure && <Failed failure={failure} />}
    </Form.Item>
  );
}

function Objects({ form, set, wrong }: { form: Fields; set: Set; wrong: string[] }) {
  const t = useText();
  const fields = [
    ['objects', 'wizard.rules.objects'],
    ['exclude', 'wizard.rules.exclude'],
    ['rename', 'edit.rename'],
    ['where', 'edit.where'],
  ] as const;
  return (
    <>
      <Alert type="info" showIcon message={t('edit.draftHint')} description={t('wizard.rules.hint')} />
      {fields.map(([name, label]) => (
        <Form.Item
          key={name}
          label={t(label)}
          htmlFor={`edit-${name}`}
          validateStatus={wrong.includes(name) ? 'error' : undefined}
          help={wrong.includes(name) ? t('edit.pairsWrong') : undefined}
        >
          <Input.TextArea id={`edit-${name}`} rows={3} value={form[name]} onChange={(event) => set({ [name]: event.target.value })} />
        </Form.Item>
      ))}
    </>
  );
}
