/** What each page of the wizard is given. */
import type { WizardForm } from './form';

export interface PageProps {
  form: WizardForm;
  change: (part: Partial<WizardForm>) => void;
  /** Whether what is missing is shown: after the first try to go on. */
  strict: boolean;
}
