/** Items of a precheck: what failed first, with its remedy; what passed on demand. */
import { useState } from 'react';
import type { Check, ValueMisfit } from '../api/types';
import { known, useText } from '../i18n';
import { Button, Checkbox, Select, type Ticked } from '../ui';
import { Sql } from './Sql';
import { Remedy, Said } from './Words';

const ORDER: Record<string, number> = { FAILED: 0, WARNED: 1, PASSED: 2 };

interface Props {
  items: Check[];
  accepted?: string[];
  onAccept?: (item: string, accept: boolean) => void;
  /** What becomes of values that do not fit: `database.table.column:misfit` → `null` or `clamp`. */
  policies?: Record<string, string>;
  onPolicy?: (policy: string, action: string) => void;
}

export function Checks({ items, accepted = [], onAccept, policies = {}, onPolicy }: Props) {
  const t = useText();
  const [all, setAll] = useState(false);
  const passed = items.filter((item) => item.verdict === 'PASSED').length;
  const shown = items
    .filter((item) => all || item.verdict !== 'PASSED')
    .sort((one, other) => (ORDER[one.verdict] ?? 3) - (ORDER[other.verdict] ?? 3));
  return (
    <ul className="checks">
      {shown.map((check) => (
        <li key={`${check.side} ${check.item}`} data-verdict={check.verdict} data-item={check.item}>
          <p className="check-title">
            <strong className={`verdict verdict-${check.verdict}`}>{t(`verdict.${check.verdict}` as 'verdict.PASSED')}</strong>
            <span className="tag">{t(`side.${check.side}` as 'side.both')}</span> <Said text={check.title} />{' '}
            <code className="dim small">{check.item}</code>
          </p>
          {check.message && <p className="wrap"><Said text={check.message} /></p>}
          {check.verdict !== 'PASSED' && <Remedy text={check.hint} />}
          {check.fix_sql && check.verdict !== 'PASSED' && (
            <>
              <p className="small">{t('wizard.fix')}</p>
              <Sql text={check.fix_sql} label={t('wizard.fix')} />
            </>
          )}
          {onPolicy && check.misfits && check.misfits.length > 0 && <Misfits found={check.misfits} policies={policies} onPolicy={onPolicy} />}
          {onAccept && check.skippable && (check.verdict === 'FAILED' || accepted.includes(check.item)) && (
            <Checkbox
              checked={accepted.includes(check.item)}
              onChange={(event: Ticked) => onAccept(check.item, event.target.checked)}
            >
              {t('wizard.accept')}
            </Checkbox>
          )}
        </li>
      ))}
      {passed > 0 && !all && (
        <li>
          <Button type="link" onClick={() => setAll(true)}>
            {t('wizard.showPassed', { count: passed })}
          </Button>
        </li>
      )}
    </ul>
  );
}

interface MisfitProps {
  found: ValueMisfit[];
  policies: Record<string, string>;
  onPolicy: (policy: string, action: string) => void;
}

/** Values that do not fit, column by column, each with the choices there are. */
function Misfits({ found, policies, onPolicy }: MisfitProps) {
  const t = useText();
  return (
    <table className="grid cards">
      <tbody>
        {found.map((misfit) => (
          <tr key={`${misfit.column} ${misfit.misfit}`} data-misfit={misfit.misfit}>
            <th scope="row" className="wrap">
              {misfit.column} <code className="dim small">{misfit.misfit}</code>
            </th>
            <td className="figure">{t('misfit.count', { count: misfit.count })}</td>
            <td>
              {misfit.policy ? (
                <Select
                  className="figure-field"
                  aria-label={t('misfit.what', { misfit: misfit.misfit, column: misfit.column })}
                  value={policies[misfit.policy] ?? 'fail'}
                  onChange={(action: string) => onPolicy(misfit.policy, action)}
                  options={['fail', ...misfit.actions].map((value) => ({ value, label: known(t, 'misfit', value) }))}
                />
              ) : (
                <span className="dim small">{t('misfit.none')}</span>
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
