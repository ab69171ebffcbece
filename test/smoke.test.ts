import t from 'tap';

t.equal(process.version.split('.')[0], 'v26');
