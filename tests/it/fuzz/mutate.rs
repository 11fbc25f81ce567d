//! What becomes of the inputs of a corpus: bytes, ranges and words of their language change places, go, or come again. The same seed
//! makes the same.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Inputs that are changed further, besides the corpus.
const FRESH: usize = 64;
/// Where words of most languages begin and end.
const ENDS: &[u8] = b" \n\r\t\"'{}[]()<>:;,=&.|-_/#*`$\\@%+!?";
const NUMBERS: [&str; 16] = [
    "0",
    "-0",
    "-1",
    "1e9",
    "1e999",
    "-1e-999",
    "NaN",
    "255",
    "65536",
    "2147483648",
    "4294967296",
    "9007199254740993",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551616",
    "0.0000001",
];
/// Text that is often forgotten.
const ODD: [&str; 18] = [
    "\u{0}",
    "\u{feff}",
    "\u{202e}",
    "\u{200d}",
    "\u{2028}",
    "\u{85}",
    "\u{a0}",
    "\u{fffd}",
    "\u{10ffff}",
    "e\u{301}",
    "ﬁ",
    "İ",
    "ß",
    "\u{d7ff}",
    "👩‍👩‍👧",
    "\r\n",
    "\r",
    "\n\n",
];

pub struct Mutator {
    rng: StdRng,
    seeds: Vec<Vec<u8>>,
    fresh: Vec<Vec<u8>>,
    words: &'static [&'static str],
    most: usize,
    made: usize,
}

impl Mutator {
    pub fn new(seed: u64, seeds: Vec<Vec<u8>>, words: &'static [&'static str], most: usize) -> Self {
        Self { rng: StdRng::seed_from_u64(seed), seeds, fresh: Vec::new(), words, most, made: 0 }
    }

    /// The next input. The corpus comes first, as it is.
    pub fn make(&mut self) -> Vec<u8> {
        self.made += 1;
        if let Some(seed) = self.seeds.get(self.made - 1) {
            return seed.clone();
        }
        let mut input = self.any().clone();
        for _ in 0..self.rng.random_range(1..7) {
            self.change(&mut input);
            // What grows has to be changed, and not only cut.
            input.truncate(self.most);
        }
        if self.rng.random_ratio(1, 6) {
            if self.fresh.len() < FRESH {
                self.fresh.push(input.clone());
            } else {
                let at = self.rng.random_range(0..FRESH);
                self.fresh[at].clone_from(&input);
            }
        }
        input
    }

    fn any(&mut self) -> &Vec<u8> {
        let all = self.seeds.len() + self.fresh.len();
        let at = self.rng.random_range(0..all);
        self.seeds.get(at).unwrap_or_else(|| &self.fresh[at - self.seeds.len()])
    }

    /// A place in it: mostly the beginning or end of a word.
    fn place(&mut self, input: &[u8]) -> usize {
        let at = self.rng.random_range(0..=input.len());
        if self.rng.random_ratio(1, 3) {
            return at;
        }
        let found = input[at..].iter().position(|byte| ENDS.contains(byte)).map_or(input.len(), |found| at + found);
        (found + usize::from(self.rng.random::<bool>())).min(input.len())
    }

    fn range(&mut self, input: &[u8]) -> (usize, usize) {
        let (one, other) = (self.place(input), self.place(input));
        (one.min(other), one.max(other))
    }

    fn word(&mut self) -> Vec<u8> {
        match self.rng.random_range(0..8) {
            0 => NUMBERS[self.rng.random_range(0..NUMBERS.len())].into(),
            1 => ODD[self.rng.random_range(0..ODD.len())].into(),
            2 => vec![self.rng.random()],
            _ => self.words[self.rng.random_range(0..self.words.len())].into(),
        }
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let (from, to) = self.range(input);
        match self.rng.random_range(0..13) {
            0 if !input.is_empty() => {
                let at = self.rng.random_range(0..input.len());
                input[at] ^= 1 << self.rng.random_range(0..8);
            }
            1 if !input.is_empty() => {
                let at = self.rng.random_range(0..input.len());
                input[at] = self.rng.random();
            }
            2 => input.truncate(from),
            3 => drop(input.drain(from..to)),
            // Again, and again.
            4 | 5 => {
                let part = input[from..to].to_vec();
                let room = self.most.saturating_sub(input.len()) / part.len().max(1);
                let times = [1, 1, 2, 3, 10, 100, 5_000][self.rng.random_range(0..7)].min(room);
                let more = part.repeat(times);
                input.splice(to..to, more);
            }
            6 | 7 => {
                let word = self.word();
                input.splice(from..from, word);
            }
            8 => {
                let word = self.word();
                input.splice(from..to, word);
            }
            // The middle of another.
            9 => {
                let other = self.any().clone();
                let (start, end) = self.range(&other);
                input.splice(from..to, other[start..end].iter().copied());
            }
            10 => {
                let part: Vec<u8> = input.drain(from..to).collect();
                let at = self.place(input);
                input.splice(at..at, part);
            }
            // A number becomes another.
            11 => {
                let digit = |byte: &u8| byte.is_ascii_digit();
                let Some(start) = input[from..].iter().position(digit).map(|at| from + at) else { return };
                let end = input[start..].iter().position(|byte| !digit(byte)).map_or(input.len(), |at| start + at);
                let number = NUMBERS[self.rng.random_range(0..NUMBERS.len())];
                input.splice(start..end, number.bytes());
            }
            _ => {
                let part = &mut input[from..to];
                if self.rng.random() { part.make_ascii_uppercase() } else { part.reverse() }
            }
        }
    }
}

#[test]
fn a_seed_makes_the_same_inputs_each_time() {
    let make = |seed: u64| {
        let mut mutator = Mutator::new(seed, vec![b"{\"a\":1}".to_vec(), b"b".to_vec()], &["[", "]"], 64);
        (0..500).map(|_| mutator.make()).collect::<Vec<_>>()
    };
    assert_eq!(make(7), make(7));
    assert_ne!(make(7), make(8));
    assert!(make(7).iter().all(|input| input.len() <= 64));
    let different: std::collections::HashSet<_> = make(7).into_iter().collect();
    assert!(different.len() > 300, "{}", different.len());
}
