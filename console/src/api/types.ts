/** Documents of the API, by the names the console uses; made from its OpenAPI description. */
import type { components } from './schema';

type Schemas = components['schemas'];

export type Project = Schemas['ProjectDocument'];
export type ProjectPage = Schemas['ProjectPage'];
export type Step = Schemas['StepDocument'];
export type TableOfStep = Schemas['TableDocument'] & { step: string };
export type ProjectError = Schemas['ErrorDocument'];
export type Endpoint = Schemas['EndpointDocument'];
export type EndpointPage = Schemas['EndpointPage'];
export type Mismatch = Schemas['MismatchDocument'];
export type MismatchPage = Schemas['MismatchPage'];
export type Overview = Schemas['OverviewDocument'];
export type DatabaseTree = Schemas['DatabaseDocument'];
export type Check = Schemas['CheckDocument'];
export type Sample = Schemas['SampleDocument'];
export type ObjectSchema = Schemas['ObjectSchema'];
export type SchemaPage = Schemas['SchemaDocument'];
export type ConnectionOutcome = Schemas['ConnectionOutcome'];
export type Kind = Schemas['KindDocument'];
export type Publish = Schemas['PublishDocument'];
export type ProjectSettings = Schemas['ProjectSettings'];
export type SettingsChange = Schemas['ProjectSettingsChange'];
export type Label = Schemas['LabelDocument'];
export type RepairOutcome = Schemas['RepairOutcome'];
export type AlertPage = Schemas['AlertPage'];
export type AlertRule = Schemas['RuleDocument'];
export type Figures = Schemas['Figures'];
export type Silence = Schemas['SilenceDocument'];
export type Channel = Schemas['ChannelDocument'];
export type ChannelTest = Schemas['TestOutcome'];
export type ObjectList = Schemas['ObjectList'];
export type ColumnRules = Schemas['ColumnRulesDocument'];
export type ValueMisfit = Schemas['MisfitDocument'];
export type LogEntries = Schemas['LogDocument'];
export type Switchover = Schemas['SwitchoverDocument'];
export type NewSwitchover = Schemas['NewSwitchover'];
export type SshServer = Schemas['SshDocument'];
export type Assessment = Schemas['AssessmentDocument'];
export type Range = Schemas['RangeDocument'];
export type Risk = Schemas['RiskDocument'];
export type Lag = Schemas['LagDocument'];
export type DeadLetter = Schemas['DeadLetterDocument'];
export type Provider = Schemas['ProviderDocument'];
/** What has a default may be left out; the generated type asks for all of it. */
export type NewProject = Pick<Schemas['NewProject'], 'name' | 'source' | 'target'> & Partial<Schemas['NewProject']>;

/** One line of a project's log. */
export interface ProjectEvent {
  id: number;
  at: string;
  level: string;
  step: string;
  message: string;
  fields: Record<string, unknown>;
}
