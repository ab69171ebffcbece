import tap from 'tap';
import { createStyle, formatBytes, formatTable } from './terminal.ts';

tap.equal(createStyle({ isTTY: true }, undefined).bold('x'), '\u001B[1mx\u001B[0m');
tap.equal(createStyle({ isTTY: true }, '').bold('x'), '\u001B[1mx\u001B[0m', 'an empty NO_COLOR is none');
tap.equal(createStyle({ isTTY: true }, '1').bold('x'), 'x');
tap.equal(createStyle({}, undefined).bold('x'), 'x');
tap.same([0, 1023, 1024, 6_000_000].map(formatBytes), ['0 B', '1023 B', '1.0 KiB', '5.7 MiB']);
tap.equal(
  formatTable(createStyle({}, undefined), ['host', 'n'], [['a.example', '10']]),
  '    host         n\n    ──────────────\n    a.example   10\n',
);
