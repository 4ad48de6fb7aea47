/** Items of a precheck: what failed first, with its remedy; what passed on demand. */
import { useState } from 'react';
import type { Check } from '../api/types';
import { useText } from '../i18n';
import { Button, Checkbox, type Ticked } from '../ui';
import { Sql } from './Sql';

const ORDER: Record<string, number> = { FAILED: 0, WARNED: 1, PASSED: 2 };

interface Props {
  items: Check[];
  accepted?: string[];
  onAccept?: (item: string, accept: boolean) => void;
}

export function Checks({ items, accepted = [], onAccept }: Props) {
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
            <span className="tag">{t(`side.${check.side}` as 'side.both')}</span> {check.title}{' '}
            <code className="dim small">{check.item}</code>
          </p>
          {check.message && <p className="wrap">{check.message}</p>}
          {check.hint && check.verdict !== 'PASSED' && <p className="hint">→ {check.hint}</p>}
          {check.fix_sql && check.verdict !== 'PASSED' && (
            <>
              <p className="small">{t('wizard.fix')}</p>
              <Sql text={check.fix_sql} label={t('wizard.fix')} />
            </>
          )}
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
