// The manifests as an operator's cluster takes them: restricted pods, nothing secret in a file, closed by
// default, and configuration that the programs accept. Their schemas are checked in .ci/run.
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { parseArchiverConfig } from '#archiver/config.ts';
import { parseTsaConfig } from '#tsa/config/config-file.ts';
import { projectRoot } from './_sources.ts';

const folder = path.join(projectRoot, 'k8s');
const files = globSync('**/*.yaml', { cwd: folder }).toSorted();
const manifestFiles = files.filter(
  (file) => !file.includes(`config${path.sep}`) && path.basename(file) !== 'kustomization.yaml',
);

const named = z.looseObject({
  kind: z.string(),
  metadata: z.looseObject({
    name: z.string(),
    labels: z.record(z.string(), z.string()).optional(),
  }),
});

const container = z.looseObject({
  name: z.string(),
  image: z.string(),
  command: z.array(z.string()),
  env: z.array(z.looseObject({ name: z.string(), value: z.string().optional() })).default([]),
  resources: z.looseObject({
    requests: z.looseObject({ cpu: z.string(), memory: z.string() }),
    limits: z.looseObject({ cpu: z.string(), memory: z.string() }),
  }),
  securityContext: z.looseObject({
    allowPrivilegeEscalation: z.boolean(),
    readOnlyRootFilesystem: z.boolean(),
    capabilities: z.looseObject({ drop: z.array(z.string()), add: z.array(z.string()).optional() }),
  }),
  volumeMounts: z.array(z.looseObject({ name: z.string(), mountPath: z.string() })),
});

const podTemplate = z.looseObject({
  metadata: z.looseObject({ labels: z.record(z.string(), z.string()) }),
  spec: z.looseObject({
    serviceAccountName: z.string(),
    automountServiceAccountToken: z.boolean(),
    securityContext: z.looseObject({
      runAsNonRoot: z.boolean(),
      runAsUser: z.number(),
      seccompProfile: z.looseObject({ type: z.string() }),
    }),
    containers: z.array(container),
    initContainers: z.undefined().optional(),
    volumes: z.array(z.looseObject({ name: z.string() })),
    hostNetwork: z.undefined().optional(),
    hostPID: z.undefined().optional(),
    hostIPC: z.undefined().optional(),
  }),
});

const deployment = z.looseObject({
  spec: z.looseObject({
    replicas: z.number(),
    strategy: z.looseObject({ type: z.string() }),
    template: podTemplate,
  }),
});

const cronJob = z.looseObject({
  spec: z.looseObject({
    schedule: z.string(),
    timeZone: z.string(),
    concurrencyPolicy: z.string(),
    startingDeadlineSeconds: z.number(),
    jobTemplate: z.looseObject({ spec: z.looseObject({ template: podTemplate }) }),
  }),
});

const networkPolicy = z.looseObject({
  metadata: z.looseObject({ name: z.string() }),
  spec: z.looseObject({
    podSelector: z.looseObject({}),
    policyTypes: z.array(z.enum(['Ingress', 'Egress'])),
    ingress: z.array(z.unknown()).optional(),
    egress: z.array(z.unknown()).optional(),
  }),
});

function read(file: string): string {
  return readFileSync(path.join(folder, file), 'utf8');
}

const objects = manifestFiles.flatMap((file) =>
  parseAllDocuments(read(file)).map((document) => document.toJS() as unknown),
);

/** The only object of a kind. */
function only<T>(kind: string, schema: z.ZodType<T>): T {
  const found = objects.filter((object) => named.parse(object).kind === kind);
  if (found.length !== 1) throw new Error(`${found.length} objects of kind ${kind}`);
  return schema.parse(found[0]);
}

const pods = [
  { name: 'proxy', template: () => only('Deployment', deployment).spec.template },
  { name: 'nightly run', template: () => only('CronJob', cronJob).spec.jobTemplate.spec.template },
];

test('the namespace enforces restricted pod security', (t) => {
  const { labels } = only('Namespace', named).metadata;
  t.is(labels?.['pod-security.kubernetes.io/enforce'], 'restricted');
});

test('the proxy is one writer of its journal', (t) => {
  const { replicas, strategy, template } = only('Deployment', deployment).spec;
  t.is(replicas, 1);
  t.is(strategy.type, 'Recreate');
  const [proxy] = template.spec.containers;
  t.deepEqual(proxy?.command.slice(0, 3), ['./tokiwa', 'tsa', 'serve']);
  t.like(proxy, {
    livenessProbe: { httpGet: { path: '/healthz' } },
    readinessProbe: { httpGet: { path: '/readyz' } },
  });
});

test('the nightly run starts at night where the documents are, once at a time', (t) => {
  const { timeZone, concurrencyPolicy, startingDeadlineSeconds, jobTemplate } = only(
    'CronJob',
    cronJob,
  ).spec;
  t.is(timeZone, 'Asia/Tokyo');
  t.is(concurrencyPolicy, 'Forbid');
  t.true(startingDeadlineSeconds >= 3600);
  t.deepEqual(jobTemplate.spec.template.spec.containers[0]?.command.slice(0, 2), [
    './tokiwa',
    'run',
  ]);
});

for (const { name, template } of pods) {
  test(`${name}: the pod is what restricted pod security asks for, and less`, (t) => {
    const { spec } = template();
    t.true(spec.securityContext.runAsNonRoot);
    t.true(spec.securityContext.runAsUser > 0);
    t.is(spec.securityContext.seccompProfile.type, 'RuntimeDefault');
    t.false(spec.automountServiceAccountToken);
    for (const { securityContext } of spec.containers) {
      t.false(securityContext.allowPrivilegeEscalation);
      t.true(securityContext.readOnlyRootFilesystem);
      t.deepEqual(securityContext.capabilities.drop, ['ALL']);
      t.is(securityContext.capabilities.add, undefined);
    }
    const kinds = new Set(spec.volumes.flatMap((volume) => Object.keys(volume)));
    kinds.delete('name');
    for (const kind of kinds)
      t.true(['configMap', 'secret', 'emptyDir', 'persistentVolumeClaim'].includes(kind), kind);
  });

  test(`${name}: every mount has its volume, every volume its mount`, (t) => {
    const { containers, volumes } = template().spec;
    const mounted = containers.flatMap(({ volumeMounts }) => volumeMounts.map((one) => one.name));
    t.deepEqual(mounted.toSorted(), volumes.map((volume) => volume.name).toSorted());
  });

  test(`${name}: its service account has no token`, (t) => {
    const account = objects.find((object) => {
      const { kind, metadata } = named.parse(object);
      return kind === 'ServiceAccount' && metadata.name === template().spec.serviceAccountName;
    });
    t.like(account, { automountServiceAccountToken: false });
  });
}

test('no secret stands in a file', (t) => {
  t.false(objects.some((object) => named.parse(object).kind === 'Secret'));
  for (const file of files) {
    const text = read(file);
    t.notRegex(text, /PRIVATE KEY|secretGenerator|AKIA[0-9A-Z]{16}/, file);
    t.notRegex(
      text,
      /^\s*(?:-\s*)?["']?(?:password|token|secret|apiKey)["']?\s*:\s*[^\s{]/im,
      file,
    );
  }
  for (const { template } of pods)
    for (const { env } of template().spec.containers)
      for (const { name, value } of env)
        // A variable may say where a secret is, never what it is.
        if (value !== undefined) t.regex(name, /_FILE$/);
});

test('the network is closed by default, and every way has a name', (t) => {
  const policies = objects
    .filter((object) => named.parse(object).kind === 'NetworkPolicy')
    .map((object) => networkPolicy.parse(object));
  t.deepEqual(policies.find(({ metadata }) => metadata.name === 'deny-by-default')?.spec, {
    podSelector: {},
    policyTypes: ['Ingress', 'Egress'],
  });
  t.deepEqual(policies.map(({ metadata }) => metadata.name).toSorted(), [
    'allow-name-resolution',
    'archiver-to-revocation-lists',
    'archiver-to-store',
    'archiver-to-tsa',
    'deny-by-default',
    'tsa-from-clients',
    'tsa-to-database',
    'tsa-to-providers',
  ]);
  for (const { spec } of policies) {
    // An empty rule would open everything.
    for (const rule of [...(spec.ingress ?? []), ...(spec.egress ?? [])])
      t.true(Object.hasOwn(rule as object, spec.ingress ? 'from' : 'to'));
  }
});

for (const layer of ['base', 'overlays/replicas'])
  test(`${layer} lists every manifest that is there`, (t) => {
    const { resources } = z
      .looseObject({ resources: z.array(z.string()) })
      .parse(parseAllDocuments(read(`${layer}/kustomization.yaml`))[0]?.toJS());
    t.deepEqual(
      resources.filter((file) => !file.startsWith('..')).toSorted(),
      manifestFiles
        .filter((file) => file.startsWith(layer))
        .map((file) => path.relative(layer, file)),
    );
  });

for (const layer of ['base', 'overlays/example']) {
  test(`${layer}: both programs accept their configuration`, (t) => {
    const tsa = parseTsaConfig(read(`${layer}/config/tsa.yaml`), { fileName: 'tsa.yaml' });
    t.is(tsa.listen.port, 3161);
    t.is(tsa.stateDir, '/var/lib/tokiwa');
    const archiver = parseArchiverConfig(read(`${layer}/config/archiver.yaml`), 'tokiwa.yaml');
    t.is(archiver.tsa.url, 'http://tokiwa-tsa/');
    t.is(archiver.state, '/var/lib/tokiwa');
  });
}

test('overlays/replicas: the proxy accepts its configuration, and shares what it has to', (t) => {
  const tsa = parseTsaConfig(read('overlays/replicas/config/tsa.yaml'), { fileName: 'tsa.yaml' });
  t.is(tsa.database?.passwordFile, '/etc/tokiwa/database/password');
  t.false(Object.values(tsa.providers).some(({ kind }) => kind === 'local'));
});
