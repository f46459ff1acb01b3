#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Mutation testing of src/: every small mistake has to be seen by a test, or argued in `survivors`.

    test/mutation/mutate.py [--sample N --seed S] [--only FILE[,FILE]] [--jobs N] [--resume] [--new] [--again VERDICT]

Each mutant (see mutants.py) is compiled with -O2; one whose object code is that of the source, or of a mutant before
it, is not run. The others are linked with objects that are there already and meet the tests, those named like the
file first, then all other ones; the first that fails ends it, and so does ten times what it takes without the mutant.

Verdicts:
    killed    a test failed: which, and its first line that is not ok
    hang      a test did not end
    broken    it does not compile
    same      the object code is the same
    twin      the object code is that of a mutant before it
    survived  no test saw it: a row in `survivors` has to say why
    order     a memory order is weaker: no test on this machine could see it; a row has to name the model that does

Exits with 1 if a mutant that survived (or an order) has no row, or one that is killed has one: those of
`chance` and `slow` tests may see.
"""
import argparse
import concurrent.futures
import fnmatch
import hashlib
import os
import pathlib
import re
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

from mutants import mutants_of

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
FLAGS = ['-std=c11', '-O2', '-w', '-fPIC', '-pthread', '-D_DEFAULT_SOURCE', '-Iinclude', '-Itest']
# What spli_cas becomes when it orders nothing.
FLAGS += ['-Dspli_cas_relaxed(p,e,d)=__atomic_compare_exchange_n((p),(e),(d),0,__ATOMIC_RELAXED,__ATOMIC_RELAXED)']
VARIANTS = {'splinter': 'SPL_MEMORY', 'splinterp': 'SPL_FILE'}
# Tests that wait for something: each runs in a process of its own, beside the others.
SLOW = ['writer', 'vacuum', 'poll', 'cancel', 'notify', 'notify_thread', 'wait', 'repair_rivals']
# Further tests to begin with, where names do not say it.
ALSO = {
    'atomic': ['swap', 'wait_wake'], 'cursor': ['feed', 'follow'], 'filter': ['follow', 'list'],
    'fork': ['writer_fork', 'follow', 'map_owner'], 'memory': ['map_room', 'store_fd'], 'notify': ['follow'],
    'pool': ['vacuum', 'damage'], 'repair': ['writers', 'writer_fork'], 'swap': ['table', 'damage'],
    'table': ['damage', 'repair'], 'writer': ['repair', 'map_owner'], 'layout': ['store'], 'poll': ['wait_wake'],
    'ttl': ['list'], 'wait': ['cancel'], 'map': ['store', 'damage'], 'store': ['swap', 'damage'],
}
LEAST = 30  # seconds that every program has


class Failed(Exception):
    pass


def run(command, **options):
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, **options)
    if done.returncode:
        raise Failed(f"{' '.join(map(str, command))}\n{done.stderr}")
    return done.stdout


class Cage:
    """How a test program is run, so that nothing of it is left: with processes, /dev/shm and /tmp of its own where
    the kernel lets us, else in a session of its own, with a temporary directory, and names taken away after it. A
    mutant that takes all memory is the first that the kernel ends. They have a /dev/null of their own as well: those
    that change the mode of what is no store have met it."""

    SCRIPT = ('mount -t tmpfs -o size=2g none /dev/shm && mount -t tmpfs -o size=2g none "$TMPDIR" && '
              'mknod -m 666 "$TMPDIR/null" c 1 3 && mount --bind "$TMPDIR/null" /dev/null && '
              'mount -t tmpfs -o size=2g none "$TMPDIR" && { "$@"; exit $?; }')

    def __init__(self):
        self.running = set()
        # A mutant may make a store of all memory there is: then it is the one to go.
        self.prefix = ['choom', '-n', '1000', '--', 'unshare', '-mpf', '--mount-proc', '--kill-child', 'sh', '-c',
                       self.SCRIPT, 'sh']
        with tempfile.TemporaryDirectory() as scratch:
            try:
                run(self.prefix + ['true'], env={**os.environ, 'TMPDIR': scratch})
            except (Failed, OSError):
                self.prefix = []

    def start(self, command, scratch):
        process = self.started(command, scratch)
        self.running.add(process)
        return process

    def started(self, command, scratch):
        environment = {**os.environ, 'TMPDIR': str(scratch), 'SPLINTER_TEST_SMALL': '1', 'SPLINTER_TEST_SEED': '1'}
        if 'splinterp' in command[0]:
            del environment['SPLINTER_TEST_SMALL']
        return subprocess.Popen(self.prefix + command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, env=environment, cwd=scratch, start_new_session=True)

    def end_all(self):
        for process in list(self.running):
            self.end(process)

    def end(self, process):
        self.running.discard(process)
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()
        process.stdout.close()
        if not self.prefix:
            for left in pathlib.Path('/dev/shm').glob('splinter-*'):
                if re.search(rf'(?<!\d){process.pid}(?!\d)', left.name):
                    left.unlink(missing_ok=True)


class Build:
    """Objects of everything unchanged, and what it takes to have one changed."""

    def __init__(self, folder, compiler, cage, memory):
        self.folder, self.compiler, self.cage, self.memory = folder, compiler, cage, memory
        self.objects = folder / 'objects'
        self.sources = sorted(p.name for p in (ROOT / 'src').glob('*.c'))
        self.faults = sorted(p.stem for p in (ROOT / 'test/fault').glob('*.c'))
        self.tests = [n for n in re.findall(r'\bT\((\w+)\)', (ROOT / 'test/unit/unit.h').read_text()) if n != 'name']
        version = re.search(r'^VERSION := (.*)', (ROOT / 'Makefile').read_text(), re.M).group(1)
        self.version = f'-DSPLINTER_VERSION="{version}"'
        self.seconds, self.hashes, self.users, self.linked = {}, {}, {}, {}

    def compile(self, source, target, *flags):
        run([self.compiler, *FLAGS, *flags, '-c', '-o', target, source], timeout=120)

    def core(self, name, folder, to):
        """The objects of a source of the library: flat.c has one for each variant."""
        if name != 'flat.c':
            made = {to / f'{name[:-2]}.o': []}
        else:
            made = {to / f'flat_{variant}.o': [f'-DSPLI_FLAT_KIND={kind}'] for variant, kind in VARIANTS.items()}
        for target, flags in made.items():
            self.compile(folder / name, target, f'-I{folder}', self.version, *flags)
        return sorted(made)

    def prepare(self):
        """Build everything unchanged, unless it is there already."""
        stamp = self.objects / self.compiler.replace('/', '_')
        read = [p for d in ('src', 'include', 'test', 'test/unit', 'test/fault') for p in (ROOT / d).glob('*.[ch]')]
        read += [ROOT / 'Makefile', pathlib.Path(__file__)]
        if not stamp.exists() or stamp.stat().st_mtime < max(p.stat().st_mtime for p in read):
            shutil.rmtree(self.objects, ignore_errors=True)
            (self.objects / 'core').mkdir(parents=True)
            self.make_all()
            stamp.touch()
        self.hashes = {p.name: digest(p) for p in (self.objects / 'core').iterdir()}
        for name in self.sources:
            needs = run([self.compiler, *FLAGS, '-Isrc', '-DSPLI_FLAT_KIND=0', '-MM', f'src/{name}'])
            for header in set(re.findall(r'src/(\w+\.h)', needs)):
                self.users.setdefault(header, []).append(name)

    def make_all(self):
        for name in self.sources:
            self.core(name, ROOT / 'src', self.objects / 'core')
        for variant, kind in VARIANTS.items():
            parts = []
            for source in sorted((ROOT / 'test/unit').glob('*.c')):
                parts.append(self.objects / f'{variant}_{source.stem}.o')
                self.compile(source, parts[-1], '-Isrc', f'-DTEST_KIND={kind}')
            run(['ld', '-r', '-o', self.objects / f'{variant}_test.o', *parts])
        for name in self.faults:
            self.compile(ROOT / f'test/fault/{name}.c', self.objects / f'fault_{name}.o', '-Isrc')

    def link(self, program, changed, folder):
        """changed: name of a core object to the path of the one to take instead."""
        variant = 'splinterp' if program.startswith('splinterp') else 'splinter'
        core = [changed.get(p.name, p) for p in sorted((self.objects / 'core').iterdir())
                if not p.name.startswith('flat_') or p.name == f'flat_{variant}.o']
        if program not in self.linked:
            self.linked[program] = run(['make', '-s', f'linked-{program}']).split()
        run([self.compiler, '-pthread', *self.linked[program], '-o', folder / program,
             self.objects / f'{program}.o', *core])

    def stages(self, file):
        """Lists of (program, tests): those of one stage run beside each other."""
        stem = file.rsplit('.', 1)[0]
        near = [t for t in self.tests if (t + '_').startswith(stem + '_') or t in ALSO.get(stem, [])]
        quick = [t for t in self.tests if t not in SLOW]
        first = [t for t in quick if t in near]
        slow = sorted(SLOW, key=lambda t: t not in near)
        stages = [[('splinter_test', first)]] if first else []
        stages.append([('splinter_test', [t for t in quick if t not in first])])
        stages.append([('splinter_test', [t]) for t in slow] + [(f'fault_{n}', []) for n in self.faults])
        if self.memory and file == 'flat.c':
            stages.append([('splinterp_test', first)])
        if not self.memory:
            stages.append([('splinterp_test', quick)] + [('splinterp_test', [t]) for t in slow])
        return stages

    def measure(self, folder):
        """Run everything once without a mutant: it has to pass, and says how long a mutant may take."""
        folder.mkdir(parents=True, exist_ok=True)
        for stage in self.stages('none.c'):
            verdict, detail = self.meet(stage, {}, folder, None)
            if verdict:
                raise Failed(f'without a mutant: {detail}')

    def allowed(self, program, tests):
        known = [self.seconds.get((program, t), 0) for t in tests or ['']]
        return max(LEAST, 10 * sum(known))

    def meet(self, stage, changed, folder, linked):
        """Run the programs of a stage beside each other. (None, '') if all pass, else a verdict and its reason."""
        measuring = linked is None
        linked = set() if measuring else linked
        for program in {p for p, _ in stage} - linked:
            self.link(program, changed, folder)
            linked.add(program)
        selector, running = selectors.DefaultSelector(), []
        try:
            for program, tests in stage:
                scratch = tempfile.mkdtemp(dir=folder)
                process = self.cage.start([str(folder / program), *tests], scratch)
                one = Watched(program, tests, process, scratch)
                one.until = time.monotonic() + (600 if measuring else self.allowed(program, tests))
                running.append(one)
                os.set_blocking(process.stdout.fileno(), False)
                selector.register(process.stdout, selectors.EVENT_READ, one)
            while selector.get_map():
                for key, _ in selector.select(timeout=0.5):
                    one = key.data
                    text = one.process.stdout.read()
                    if text:
                        one.take(text.decode(errors='replace'))
                    elif text == b'':
                        selector.unregister(key.fileobj)
                        one.ended()
                        if measuring:
                            self.seconds.update(one.times())
                    if one.failure:
                        return 'killed', one.failure
                for key in selector.get_map().values():
                    if time.monotonic() > key.data.until:
                        return 'hang', f'{key.data.title()} in {key.data.at or "start"}'
        finally:
            selector.close()
            for one in running:
                self.cage.end(one.process)
                shutil.rmtree(one.scratch, ignore_errors=True)
        return None, ''


class Watched:
    """A test program that runs, and what it has said."""

    def __init__(self, program, tests, process, scratch):
        self.program, self.tests, self.process, self.scratch = program, tests, process, scratch
        self.text, self.at, self.failure, self.since = '', '', '', time.monotonic()

    def title(self):
        return ' '.join([self.program] + (self.tests if len(self.tests) == 1 else []))

    def take(self, text):
        self.text += text
        for started in re.findall(r'^# (\w+)$', self.text, re.M)[-1:]:
            self.at = started
        bad = re.search(r'^not ok .*\n', self.text, re.M)
        if bad:
            self.failure = f'{self.title()}, {self.at}: {bad.group().strip()}'

    def ended(self):
        status = self.process.wait()
        lines = len(re.findall(r'^(?:not )?ok ', self.text, re.M))
        plan = re.findall(r'^1\.\.(\d+)', self.text, re.M)
        if self.failure:
            return
        if status < 0 or status > 128:
            self.failure = f'{self.title()}, {self.at}: signal {-status if status < 0 else status - 128}'
        elif status or plan != [str(lines)]:
            self.failure = f'{self.title()}, {self.at}: status {status}, plan {plan}, {lines} lines'

    def times(self):
        known = {(self.program, name): int(ms) / 1000
                 for name, ms in re.findall(r'^# (\w+): (\d+) ms$', self.text, re.M)}
        return known or {(self.program, ''): time.monotonic() - self.since}


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Rows:
    """The file of known survivors: what may survive, and why. A row is

        FILE:FUNCTION:KIND:N
        - the line as it is
        + the line as it becomes
        class: the reason, which may go on
        in further lines

    with any number of mutants before the reason. A name with * stands for many, and has no lines.
    """

    CLASSES = {'equivalent', 'order', 'race', 'hint', 'defence', 'memory', 'chance', 'slow', 'open'}

    def __init__(self, path):
        self.rows = []
        text = re.sub(r'^#.*\n', '', path.read_text(), flags=re.M) if path.exists() else ''
        for chunk in re.split(r'\n\s*\n', text.strip('\n')):
            lines = chunk.strip().splitlines()
            while lines and re.fullmatch(r'\w+\.[ch]:[\w*]+:[\w*]+:[\d*]+', lines[0]):
                name = lines.pop(0)
                pair = None
                if len(lines) > 1 and lines[0].startswith('- ') and lines[1].startswith('+ '):
                    pair = (lines.pop(0)[2:], lines.pop(0)[2:])
                if not pair and '*' not in name:
                    raise Failed(f'{path}: {name}: which lines?')
                self.rows.append([name, pair, None])
            why = ' '.join(lines)
            if why.split(':')[0] not in self.CLASSES or len(why) < 20:
                raise Failed(f'{path}: not a row:\n{chunk}')
            for row in self.rows:
                row[2] = row[2] or why

    def of(self, mutant):
        for name, pair, why in self.rows:
            if name == mutant.name or '*' in name and fnmatch.fnmatchcase(mutant.name, name):
                if not pair or pair == (mutant.was, mutant.becomes):
                    return why
        return None

    def unused(self, mutants):
        """Names that no mutant has, or has with other lines."""
        lines = {m.name: (m.was, m.becomes) for m in mutants}
        for name, pair, _ in self.rows:
            if pair and lines.get(name) != pair or not pair and not fnmatch.filter(lines, name):
                yield name


class Trial:
    def __init__(self, build, folder, source):
        self.build, self.folder, self.source = build, folder, source
        self.seen, self.lock = {}, threading.Lock()
        self.places = threading.local()
        self.count = 0

    def place(self):
        """A thread's own copy of src/, and room for what is built of it."""
        if not hasattr(self.places, 'folder'):
            with self.lock:
                self.count += 1
                self.places.folder = self.folder / f'place{self.count}'
            shutil.rmtree(self.places.folder, ignore_errors=True)
            shutil.copytree(ROOT / 'src', self.places.folder / 'src')
        return self.places.folder

    def judge(self, mutant):
        if mutant.kind == 'order':
            return 'order', ''
        place, text = self.place(), self.source[mutant.file]
        file = place / 'src' / mutant.file
        made = place / 'made'
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir()
        try:
            file.write_text(text[:mutant.start] + mutant.new + text[mutant.end:])
            changed = {}
            for name in self.build.users.get(mutant.file, [mutant.file]):
                for done in self.build.core(name, place / 'src', made):
                    if digest(done) != self.build.hashes[done.name]:
                        changed[done.name] = done
        except Failed:
            return 'broken', ''
        except subprocess.TimeoutExpired:
            return 'broken', 'the compiler does not end'
        finally:
            file.write_text(text)
        if not changed:
            return 'same', ''
        mark = tuple((n, digest(p)) for n, p in sorted(changed.items()))
        with self.lock:
            first = self.seen.setdefault(mark, mutant.name)
        if first != mutant.name:
            return 'twin', first
        linked = set()
        try:
            for stage in self.build.stages(mutant.file):
                verdict, detail = self.build.meet(stage, changed, made, linked)
                if verdict:
                    return verdict, detail
        except Failed as why:
            return 'broken', str(why).splitlines()[-1]
        return 'survived', ''


def read_results(path):
    found = {}
    if path.exists():
        for line in path.read_text().splitlines():
            fields = line.split('\t')
            if len(fields) == 5:
                found[fields[0]] = fields[1:]
    return found


def sample(mutants, count, seed):
    """By their names, so that a change of one function does not choose all others anew."""
    return sorted(mutants, key=lambda m: hashlib.sha256(f'{seed} {m.name}'.encode()).digest())[:count]


def complaint(mutant, verdict, why):
    if verdict in ('survived', 'order') and why is None:
        return 'no row says why'
    if verdict == 'order' and not why.startswith('order'):
        return 'its row names no model'
    if verdict in ('killed', 'hang') and why and why.split(':')[0] not in ('chance', 'slow', 'race', 'memory'):
        return 'has a row, but is seen: ' + why
    return None


def judged(pool, trial, mutants):
    """Each with its verdict. Whoever interrupts it does not wait for the rest, and leaves no program behind."""
    try:
        yield from zip(mutants, pool.map(trial.judge, mutants))
    except KeyboardInterrupt:
        pool.shutdown(wait=False, cancel_futures=True)
        trial.build.cage.end_all()
        raise


def main():
    parser = argparse.ArgumentParser(description='Mutation testing of src/.')
    parser.add_argument('--sample', type=int, metavar='N', help='N mutants, not all')
    parser.add_argument('--seed', type=int, default=1, help='which; 1 if not said')
    parser.add_argument('--only', help='these files of src/, or names with *, in this order; commas between')
    parser.add_argument('--jobs', type=int, default=1)
    parser.add_argument('--resume', action='store_true', help='leave out what the result file has')
    parser.add_argument('--new', action='store_true', help='leave out what has a row in survivors')
    parser.add_argument('--again', metavar='VERDICT', help='those alone that the result file says this of')
    parser.add_argument('--memory', action='store_true', help='not with stores in files as well, which is quicker')
    parser.add_argument('--list', action='store_true', help='the mutants; nothing is built')
    parser.add_argument('--folder', type=pathlib.Path, default=ROOT / 'build/mutation')
    parser.add_argument('--cc', default='gcc')
    options = parser.parse_args()

    source = {p.name: p.read_text() for p in sorted((ROOT / 'src').glob('*.[ch]'))}
    mutants = [m for name, text in source.items() for m in mutants_of(name, text)]
    rows = Rows(HERE / 'survivors')
    stale = sorted(set(rows.unused(mutants)))
    if options.only:
        wanted = options.only.split(',')
        mutants = [m for w in wanted for m in mutants if m.file == w or fnmatch.fnmatchcase(m.name, w)]
    log = options.folder / 'results'
    known = read_results(log)
    if options.again:
        mutants = [m for m in mutants if known.get(m.name, [''])[0] == options.again]
    if options.new:
        mutants = [m for m in mutants if rows.of(m) is None]
    if options.sample is not None:
        print(f'# a sample of {options.sample}, seed {options.seed}')
        mutants = sample(mutants, options.sample, options.seed)
    if options.list:
        for m in mutants:
            print(f'{m.name}\n- {m.was}\n+ {m.becomes}\n')
        return 0
    if options.resume:
        mutants = [m for m in mutants if known.get(m.name, [None] * 4)[2:] != [m.was, m.becomes]]

    options.folder.mkdir(parents=True, exist_ok=True)
    build = Build(options.folder, options.cc, Cage(), options.memory)
    if not build.cage.prefix:
        print('# no namespaces here: what a mutant leaves is taken away by its name')
    build.prepare()
    build.measure(options.folder / 'unchanged')
    trial = Trial(build, options.folder, source)
    counts, wrong = {}, [f'{name}: no mutant has this name and these lines any more' for name in stale]
    begin = time.monotonic()
    with open(log, 'a' if options.resume or options.again else 'w', encoding='utf-8') as out, \
            concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for mutant, (verdict, detail) in judged(pool, trial, mutants):
            out.write('\t'.join([mutant.name, verdict, detail, mutant.was, mutant.becomes]) + '\n')
            out.flush()
            table = counts.setdefault(mutant.file, {})
            table[verdict] = table.get(verdict, 0) + 1
            why = complaint(mutant, verdict, rows.of(mutant))
            if why:
                wrong.append(f'{mutant.name}\n- {mutant.was}\n+ {mutant.becomes}\n{verdict}: {detail or why}\n')
                print(wrong[-1], flush=True)
    for place in options.folder.glob('place*'):
        shutil.rmtree(place)
    columns = ['killed', 'hang', 'survived', 'order', 'same', 'twin', 'broken']
    print(f"{'':12} {'all':>6} " + ' '.join(f'{c:>8}' for c in columns))
    counts['together'] = {c: sum(t.get(c, 0) for t in counts.values()) for c in columns}
    for name, table in counts.items():
        print(f'{name:12} {sum(table.values()):6} ' + ' '.join(f'{table.get(c, 0):8}' for c in columns))
    print(f'# {time.monotonic() - begin:.0f} s')
    for line in wrong[:len(stale)]:
        print(line)
    print(f'{len(mutants) - len(wrong) + len(stale)} passed, {len(wrong)} failed')
    return int(bool(wrong))


def interrupt(_number, _frame):
    raise KeyboardInterrupt


if __name__ == '__main__':
    signal.signal(signal.SIGTERM, interrupt)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit('mutate.py: interrupted')
    except Failed as failure:
        sys.exit(f'mutate.py: {failure}')
