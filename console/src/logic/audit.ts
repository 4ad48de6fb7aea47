/** What a call recorded in the audit log does, as the key of its words; calls of OMS's API carry a name of their own. */
const ACTS: [RegExp, string][] = [
  [/^POST \/api\/v1\/session$/, 'login'],
  [/^GET \/api\/v1\/session\/oidc\/callback$/, 'login'],
  [/^DELETE \/api\/v1\/session$/, 'logout'],
  [/^PUT \/api\/v1\/session\/password$/, 'password'],
  [/^POST \/api\/v1\/projects$/, 'create'],
  [/^POST \/api\/v1\/projects\/[^/]+\/(start|stop|resume|release|verify|repair|choose|objects)$/, '$1'],
  [/^DELETE \/api\/v1\/projects\/[^/]+$/, 'delete'],
  [/^PATCH \/api\/v1\/projects\/[^/]+(\/settings)?$/, 'settings'],
  [/^PUT \/api\/v1\/projects\/[^/]+\/owner$/, 'owner'],
  [/^POST \/api\/v1\/projects\/[^/]+\/dead-letters\/[^/]+$/, 'letter'],
  [/^POST \/api\/v1\/projects\/[^/]+\/switchover(\/[^/]+)?$/, 'switchover'],
  [/^POST \/api\/v1\/precheck/, 'precheck'],
  [/^POST \/api\/v1\/endpoints$/, 'endpoint'],
  [/^POST \/api\/v1\/endpoints\/test$/, 'endpointTest'],
  [/^PATCH \/api\/v1\/endpoints\//, 'endpointChange'],
  [/^DELETE \/api\/v1\/endpoints\//, 'endpointRemove'],
  [/^POST \/api\/v1\/accounts$/, 'account'],
  [/^PATCH \/api\/v1\/accounts\//, 'accountChange'],
  [/^DELETE \/api\/v1\/accounts\//, 'accountRemove'],
  [/^POST \/api\/v1\/keys$/, 'key'],
  [/^DELETE \/api\/v1\/keys\//, 'keyRemove'],
  [/^[A-Z]+ \/api\/v1\/labels/, 'label'],
  [/^[A-Z]+ \/api\/v1\/alerts\//, 'alerts'],
];

/** Empty where the call has no words: its method and path say what it was. */
export function actOf(action: string): string {
  for (const [shape, act] of ACTS) {
    const found = shape.exec(action);
    if (found) return act.replace('$1', found[1] ?? '');
  }
  return '';
}

/** The project a call was about, if it was about one. */
export function projectOf(action: string): string {
  return /\/projects\/(np_\w+)/.exec(action)?.[1] ?? '';
}
