# SPDX-License-Identifier: Apache-2.0
"""Mutants of C source: what one small mistake could have made of it.

No parser of C, but a lexer that knows comments, strings and the preprocessor, and a walk over the statements of
each function. What it makes may not compile; that is found out by compiling.

A mutant's name stays when lines move: FILE:FUNCTION:KIND:N, the N-th of the kind in the function.
"""
import collections
import re

Token = collections.namedtuple('Token', 'kind text start end')
Mutant = collections.namedtuple('Mutant', 'name kind file start end new line was becomes')

LEXER = re.compile(r'''
    (?P<skip>   /\*.*?\*/ | //[^\n]* | (?:(?<=\n)|^)[ \t]*\#(?:\\\n|[^\n])* | \s+ )
  | (?P<string> "(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*' )
  | (?P<number> 0[xX][0-9a-fA-F]+[uUlL]* | [0-9]+[uUlL]* )
  | (?P<word>   [A-Za-z_][A-Za-z_0-9]* )
  | (?P<mark>   <<= | >>= | \.\.\. | -> | \+\+ | -- | << | >> | <= | >= | == | != | && | \|\| | [-+*/%&|^]= | . )
''', re.X | re.S)

SWAPS = {
    'compare': {'<': '<=', '<=': '<', '>': '>=', '>=': '>', '==': '!=', '!=': '=='},
    'logic': {'&&': '||', '||': '&&'},
    'arithmetic': {'+': '-', '-': '+', '+=': '-=', '-=': '+=', '++': '--', '--': '++', '%': '/', '/': '*'},
    'bits': {'&': '|', '|': '&', '&=': '|=', '|=': '&=', '<<': '>>', '>>': '<<', '^': '&', '^=': '&=', '~': ''},
    'order': {'spli_load_acquire': 'spli_load', 'spli_store_release': 'spli_store', 'spli_cas': 'spli_cas_relaxed',
              **{f'__ATOMIC_{o}': '__ATOMIC_RELAXED' for o in ('ACQUIRE', 'RELEASE', 'ACQ_REL', 'SEQ_CST')}},
    'constant': {'true': 'false', 'false': 'true'},
}
SWAP_OF = {old: (kind, new) for kind, swaps in SWAPS.items() for old, new in swaps.items()}
# What can be both: binary behind an operand, else unary.
BOTH = {'+', '-', '&', '*'}
TYPES = {'int', 'long', 'unsigned', 'char', 'short', 'static', 'const', 'struct', 'enum', 'union', 'bool', 'void',
         'volatile', 'extern', 'size_t', 'static_assert', '_Static_assert'}
KEYWORDS = {'return', 'case', 'sizeof', 'else', 'do', 'goto', 'if', 'while', 'for', 'switch'}


def lex(text):
    return [Token(m.lastgroup, m.group(), m.start(), m.end()) for m in LEXER.finditer(text) if m.lastgroup != 'skip']


class Source:
    """One file's mutants, in the order of the text."""

    def __init__(self, name, text):
        self.name, self.text, self.tokens = name, text, lex(text)
        self.partner = self.pair()
        self.found = []
        for function, first, last in self.functions():
            self.function = function
            self.counts = collections.Counter()
            self.skipped = set()
            before = len(self.found)
            self.block(first + 1, last)
            for i in range(first + 1, last):
                if i not in self.skipped:
                    self.at_token(i)
            self.found[before:] = sorted(self.found[before:], key=lambda m: (m[1], m[2]))
        self.mutants = self.named()

    def pair(self):
        open_at, partner = [], {}
        for i, token in enumerate(self.tokens):
            if token.text in ('(', '[', '{'):
                open_at.append(i)
            elif token.text in (')', ']', '}'):
                partner[i] = open_at.pop()
                partner[partner[i]] = i
        return partner

    def functions(self):
        """Name, opening and closing brace of each."""
        i = 0
        while i < len(self.tokens):
            if self.tokens[i].text == '{':
                if self.is_(i - 1, ')'):
                    yield self.tokens[self.partner[i - 1] - 1].text, i, self.partner[i]
                i = self.partner[i]
            i += 1

    def is_(self, i, *texts):
        return 0 <= i < len(self.tokens) and self.tokens[i].text in texts

    def add(self, kind, first, last, new):
        """Tokens first to last become new."""
        self.found.append((kind, self.tokens[first].start, self.tokens[last].end, new, self.function))

    # Statements. Each takes the index of its first token and returns the one behind its last.
    def block(self, i, end):
        while i < end:
            i = self.statement(i)

    def statement(self, i):
        text = self.tokens[i].text
        if text == '{':
            self.block(i + 1, self.partner[i])
            return self.partner[i] + 1
        if text in ('if', 'while', 'switch', 'for'):
            close = self.partner[i + 1]
            if text in ('if', 'while'):
                self.negate(i + 1, close)
            i = self.statement(close + 1)
            return self.statement(i + 1) if text == 'if' and self.is_(i, 'else') else i
        if text == 'do':
            i = self.statement(i + 1)
            self.negate(i + 1, self.partner[i + 1])
            return self.partner[i + 1] + 2
        if text in ('case', 'default') or self.is_(i + 1, ':'):
            while not self.is_(i, ':'):
                i += 1
            return i + 1
        end = i
        while not self.is_(end, ';'):
            end = self.partner[end] + 1 if self.tokens[end].text in ('(', '[', '{') else end + 1
        self.simple(i, end)
        return end + 1

    def simple(self, i, end):
        """A statement that ends with a semicolon."""
        text = self.tokens[i].text
        if text == 'return' and end > i + 1:
            if not (end == i + 2 and self.is_(i + 1, '0', 'true', 'false', 'NULL')):
                self.add('return', i + 1, end - 1, '0')
        elif text in ('static_assert', '_Static_assert'):
            self.skipped.update(range(i, end))
        elif text.startswith('spli_fence_'):
            self.add('order', i, end, ';')
            self.skipped.add(i)
        elif i < end and text != 'goto' and not self.declares(i):
            if not (text == '(' and self.is_(i + 1, 'void') and end == i + 4):
                self.add('delete', i, end, ';')

    def declares(self, i):
        word = self.tokens[i].kind == 'word'
        if word and self.tokens[i].text in TYPES:
            return True
        i += 1
        while self.is_(i, '*'):
            i += 1
        return word and self.tokens[i].kind == 'word'

    def negate(self, first, close):
        """A condition in brackets. What is one comparison is negated as such; true is a loop without an end."""
        inside = self.tokens[first + 1:close]
        alone = not any(t.text in ('&&', '||', '?', '=') for t in inside)
        if alone and any(t.text in ('==', '!=') for t in inside) or inside[0].text == 'true':
            return
        self.add('negate', first, close, f'(!({self.text[inside[0].start:inside[-1].end]}))')

    # Single tokens.
    def at_token(self, i):
        token = self.tokens[i]
        if token.kind == 'number':
            suffix = token.text.lstrip('0123456789xXabcdefABCDEF')
            digits = token.text[:len(token.text) - len(suffix)]
            value = int(digits, 0 if digits[:2] in ('0x', '0X') else 8 if digits[0] == '0' else 10)
            for other in (value + 1, value - 1) if value else (1,):
                self.add('constant', i, i, f'{other}{suffix}')
        elif token.text in SWAP_OF and (token.text not in BOTH or self.behind_operand(i)):
            kind, new = SWAP_OF[token.text]
            self.add(kind, i, i, new)

    def behind_operand(self, i):
        before = self.tokens[i - 1]
        if before.text == ')':
            inside = self.tokens[self.partner[i - 1] + 1:i - 1]
            return not all(t.text in TYPES or t.text.endswith('_t') or t.text == '*' for t in inside)
        return before.text == ']' or before.kind == 'number' or (
            before.kind == 'word' and before.text not in KEYWORDS)

    def named(self):
        counts, mutants = collections.Counter(), []
        for kind, start, end, new, function in self.found:
            counts[function, kind] += 1
            if self.text[start:end] == new:
                continue
            from_line = self.text.rfind('\n', 0, start) + 1
            to_line = self.text.find('\n', end)
            was = self.text[from_line:to_line]
            becomes = self.text[from_line:start] + new + self.text[end:to_line]
            mutants.append(Mutant(f'{self.name}:{function}:{kind}:{counts[function, kind]}', kind, self.name, start,
                                  end, new, self.text.count('\n', 0, start) + 1, ' '.join(was.split()),
                                  ' '.join(becomes.split())))
        return mutants


def mutants_of(name, text):
    return Source(name, text).mutants
