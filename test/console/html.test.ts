import t from 'tap';
import { html } from '../../src/console/html.ts';

t.test('values are escaped, markup is not', async (t) => {
  const row = html`<b title="${`"'>`}">${'<script>&'}</b>`;
  t.equal(row.markup, '<b title="&quot;&#39;&gt;">&lt;script&gt;&amp;</b>');
  t.equal(html`<p>${row}${[html`1`, html`2`]}${null}${undefined}${3}</p>`.markup, `<p>${row.markup}123</p>`);
});
