import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { parse } from 'yaml';

// What needs no Prometheus; `npm run e2e -- observe` has promtool check the same files and run the cases.

const root = join(import.meta.dirname, '../..');

type Rule = {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
};
type Case = {
  readonly alert_rule_test: readonly {
    readonly alertname: string;
    readonly exp_alerts: readonly unknown[];
  }[];
};

const rules: { readonly groups: readonly { readonly rules: readonly Rule[] }[] } = parse(
  readFileSync(join(root, 'deploy/prometheus/rules.yaml'), 'utf8'),
);
const cases: { readonly tests: readonly Case[] } = parse(
  readFileSync(join(root, 'deploy/prometheus/tests.yaml'), 'utf8'),
);
const all = rules.groups.flatMap((group) => group.rules);
const alerts = all.filter((rule) => rule.alert !== undefined);

t.test('each alert has a case in which it fires and one in which it does not', (t) => {
  const of = (fires: boolean) =>
    cases.tests
      .flatMap((test) => test.alert_rule_test)
      .filter(({ exp_alerts }) => exp_alerts.length > 0 === fires)
      .map(({ alertname }) => alertname);
  const names = alerts.map(({ alert }) => alert);
  t.ok(names.length > 20);
  t.strictSame(of(true), names);
  t.strictSame(of(false), names);
  t.end();
});

t.test('each alert says how bad it is and what to do, at the place in docs/alerts.md that it names', (t) => {
  const text = readFileSync(join(root, 'docs/alerts.md'), 'utf8');
  const headings = [...text.matchAll(/^### (\w+)$/gm)].map(([, name]) => name);
  t.strictSame(
    headings,
    alerts.map(({ alert }) => alert),
    'headings',
  );
  for (const { alert = '', labels = {}, annotations = {} } of alerts) {
    t.match(labels['severity'], /^(critical|warning|info)$/, alert);
    t.strictSame(Object.keys(annotations), ['summary', 'description', 'runbook'], alert);
    t.equal(annotations['runbook'], `docs/alerts.md#${alert.toLowerCase()}`);
    const section = text.split(`### ${alert}\n`)[1]?.split(/^#/m)[0] ?? '';
    t.match(section, new RegExp(`^\\n${labels['severity']}\\. `), `${alert}: severity first`);
  }
  t.end();
});

t.test('the rules and the dashboard ask for metrics that there are', (t) => {
  const document = readFileSync(join(root, 'docs/metrics.md'), 'utf8');
  const known = new Set([...document.matchAll(/^\| `(berth_\w+)` \| \w+ \|/gm)].map(([, name = '']) => name));
  const recorded = new Set(all.map(({ record }) => record));
  const dashboard = readFileSync(join(root, 'deploy/grafana/berth.json'), 'utf8');
  const used = [...all.map(({ expr }) => expr), dashboard].join('\n');
  const names = new Set([...used.matchAll(/(?<![\w:])berth_[a-z0-9_]+\b(?!:)/g)].map(([name]) => name));
  t.ok(names.size > 30);
  for (const name of names)
    t.ok(known.has(name) || known.has(name.replace(/_(bucket|sum|count)$/, '')), name);
  for (const [name] of used.matchAll(/\bjob(?:_upstream)?:[a-z0-9_]+:[a-z0-9_]+/g))
    t.ok(recorded.has(name), name);
  t.end();
});
