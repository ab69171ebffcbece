import t from 'tap';
import { environmentVariables } from '../../src/config/environment.ts';
import { CONFIG_SCHEMA } from '../../src/config/schema.ts';
import { configFile, loaded, problemLines } from '../support/config-file.ts';

t.test('every scalar outside lists has a variable', async (t) => {
  const names = [...environmentVariables(CONFIG_SCHEMA).keys()];
  t.ok(names.includes('BERTH_LOG_LEVEL'));
  t.ok(names.includes('BERTH_TICKET_KEY_FILE'));
  t.ok(names.includes('BERTH_CACHE_MEMORY_MAX_BYTES'));
  t.ok(names.includes('BERTH_TIMEOUTS_REQUEST_HEADERS_SECONDS'));
  t.notOk(names.some((name) => name.includes('REGISTRIES')));
});

t.test('a variable goes before the file', async (t) => {
  const file = configFile({}, { log: { level: 'debug' }, metrics: null });
  const env = {
    BERTH_LOG_LEVEL: 'warn',
    BERTH_METRICS_PORT: '9999',
    BERTH_CACHE_MEMORY_MAX_BYTES: '1MiB',
    BERTH_CONFIG: 'elsewhere.yaml',
    OTHER: 'x',
  };
  const config = loaded(file, env);
  t.equal(config.log.level, 'warn');
  t.same(config.metrics, { address: '::', port: 9999 });
  t.equal(config.cache.memoryMaxBytes, 2 ** 20);
});

t.test('what is wrong with a variable is told by its name', async (t) => {
  t.same(problemLines(configFile(), { BERTH_LOG_LEVLE: 'x' }), [
    'environment: BERTH_LOG_LEVLE: no field has this variable; did you mean BERTH_LOG_LEVEL?',
  ]);
  t.match(problemLines(configFile(), { BERTH_ZZZZZZ: 'x' }), [/no field has this variable; unset it/]);
  t.match(problemLines(configFile(), { BERTH_METRICS_PORT: '99999' }), [
    /^environment: BERTH_METRICS_PORT: 99999 is out of range; write at least 0 and at most 65535$/,
  ]);
  t.match(problemLines(configFile(), { BERTH_METRICS_PORT: 'http' }), [/must be a whole number/]);
  t.match(problemLines(configFile(), { BERTH_LOG_LEVEL: 'true' }), [/"true" is none of/]);
});

t.test('what Kubernetes sets for a Service called berth is passed over', async (t) => {
  const env = {
    BERTH_SERVICE_HOST: '10.0.0.1',
    BERTH_SERVICE_PORT: '443',
    BERTH_SERVICE_PORT_HTTPS: '443',
    BERTH_PORT: 'tcp://10.0.0.1:443',
    BERTH_PORT_443_TCP: 'tcp://10.0.0.1:443',
    BERTH_PORT_443_TCP_ADDR: '10.0.0.1',
    BERTH_METRICS_PORT: 'tcp://10.0.0.2:9464',
  };
  t.equal(loaded(configFile(), env).metrics?.port, 9464);
});
