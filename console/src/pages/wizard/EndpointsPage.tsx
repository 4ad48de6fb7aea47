import { PlusOutlined } from '@oceanbase/icons';
import { useEffect, useState } from 'react';
import { post } from '../../api/client';
import { useLoaded } from '../../api/load';
import { useMark } from '../../api/marks';
import { useMarks } from '../../api/stream';
import type { ConnectionOutcome, EndpointPage } from '../../api/types';
import { useText } from '../../i18n';
import { placeOf, schemeOf } from '../../logic/endpoint';
import { useKinds } from '../../logic/kinds';
import { EndpointDrawer, Outcome } from '../../parts/EndpointDrawer';
import { Failed } from '../../parts/States';
import { Button, Form, Input, Select } from '../../ui';
import { problemsOf } from './form';
import type { PageProps } from './pageProps';

export function EndpointsPage({ form, change, strict }: PageProps) {
  useMarks();
  const t = useText();
  const { data, failure, again } = useLoaded<EndpointPage>('/api/v1/endpoints?size=500', useMark('changes'));
  const [adding, setAdding] = useState<'source' | 'target' | null>(null);
  const problems = strict ? problemsOf(form, 0) : [];
  const kinds = useKinds();
  const kindOf = (id: string) => {
    const url = data?.items.find((each) => each.id === id)?.url ?? '';
    return kinds.find((kind) => kind.scheme === schemeOf(url));
  };
  const options = (side: 'source' | 'target') =>
    (data?.items ?? [])
      .filter((each) => {
        const kind = kinds.find((one) => one.scheme === schemeOf(each.url));
        return !kind || (side === 'source' ? kind.source : kind.target || kind.sink);
      })
      .map((each) => ({ value: each.id, label: `${each.name} · ${placeOf(each.url)}` }));
  // An endpoint that was just made is in the list only when that has been read again.
  const sync = form.target ? kindOf(form.target)?.sink : false;
  useEffect(() => {
    if (sync !== undefined && sync !== form.sync) change({ sync });
  });
  return (
    <Form layout="vertical" component="div" className="narrow-form">
      {failure && <Failed failure={failure} again={again} />}
      <Form.Item
        label={t('wizard.name')}
        htmlFor="wizard-name"
        required
        help={problems.includes('name') ? t('wizard.nameRule') : undefined}
        extra={problems.includes('name') ? undefined : t('wizard.nameRule')}
        validateStatus={problems.includes('name') ? 'error' : undefined}
      >
        <Input id="wizard-name" maxLength={64} value={form.name} onChange={(event) => change({ name: event.target.value })} />
      </Form.Item>
      {(['source', 'target'] as const).map((side) => (
        <Form.Item
          key={side}
          label={t(`wizard.${side}`)}
          htmlFor={`wizard-${side}`}
          required
          validateStatus={problems.includes(side) || (side === 'target' && problems.includes('same')) ? 'error' : undefined}
          help={
            problems.includes(side) ? t('wizard.required') : side === 'target' && problems.includes('same') ? t('wizard.sameEnds') : undefined
          }
        >
          <div className="row">
            <Select
              id={`wizard-${side}`}
              showSearch
              optionFilterProp="label"
              placeholder={t('wizard.choose')}
              value={form[side] || undefined}
              loading={!data && !failure}
              options={options(side)}
              onChange={(value: string) => change({ [side]: value, ...(side === 'source' ? { checked: [], renamed: {}, where: {} } : {}) })}
            />
            <Button icon={<PlusOutlined />} onClick={() => setAdding(side)}>
              {t('wizard.addEndpoint')}
            </Button>
          </div>
          {side === 'target' && form.sync && <p className="dim small">{t('wizard.isSync')}</p>}
          {form[side] && <TestLine key={form[side]} id={form[side]} />}
        </Form.Item>
      ))}
      <EndpointDrawer
        open={adding !== null}
        onClose={() => setAdding(null)}
        onKept={(made) => {
          again();
          if (adding) change({ [adding]: made.id });
          setAdding(null);
        }}
      />
    </Form>
  );
}

function TestLine({ id }: { id: string }) {
  const t = useText();
  const [outcome, setOutcome] = useState<ConnectionOutcome | null>(null);
  const [busy, setBusy] = useState(false);
  const test = async () => {
    setBusy(true);
    setOutcome(await post<ConnectionOutcome>('/api/v1/endpoints/test', { url: id }).catch(() => null));
    setBusy(false);
  };
  return (
    <div className="test-line">
      <Button size="small" loading={busy} onClick={() => void test()}>
        {t('endpoints.test')}
      </Button>
      {outcome && <Outcome outcome={outcome} />}
    </div>
  );
}
