import tap from 'tap';

import { element, text } from '../../../bench/svg/element.ts';

await tap.test('text and attributes are escaped', async (t) => {
  t.equal(text(`<a> & "b" 'c'`), '&lt;a&gt; &amp; &quot;b&quot; &apos;c&apos;');
  t.equal(
    element('text', { class: '"><script>' }, text('</text><script>alert(1)</script>')),
    '<text class="&quot;&gt;&lt;script&gt;">&lt;/text&gt;&lt;script&gt;alert(1)&lt;/script&gt;</text>',
  );
});

await tap.test('what no XML may hold is left out', async (t) => {
  t.equal(text('a\u0000b\u001bc\ufffed'), 'abcd');
  t.equal(text('a\ud800b'), 'a\ufffdb');
  t.equal(text('×\t–\n'), '×\t–\n');
});

await tap.test('numbers are short, and those that can not be drawn are refused', async (t) => {
  t.equal(element('rect', { x: 1.23456, y: -0.001 }), '<rect x="1.23" y="0"/>');
  t.throws(() => element('rect', { x: Number.NaN }), { message: 'NaN can not be drawn' });
});

await tap.test('children stand on lines of their own', async (t) => {
  t.equal(element('g', {}, element('a', {}), element('b', {})), '<g>\n<a/>\n<b/>\n</g>');
});
