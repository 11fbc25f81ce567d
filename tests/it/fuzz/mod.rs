//! Broken input for everything that reads what others write. The corpus is in `tests/fuzz/`; what is made of it depends on a seed
//! alone. With the tests, each target gets a few hundred or thousand inputs; `make fuzz MINUTES=10` goes on for as long as it is told,
//! and looks for inputs that take too long as well.
#![expect(clippy::print_stdout, reason = "what was tried is for people")]

mod mutate;
mod pure;
mod served;
mod signed;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use self::mutate::Mutator;

/// Nothing that is read takes so long, in a debug build and beside others.
const TOO_LONG: Duration = Duration::from_secs(15);

/// Something that reads.
pub struct Target {
    /// Also that of its folder.
    pub name: &'static str,
    /// What its language is made of.
    pub words: &'static [&'static str],
    /// Inputs with the tests.
    pub inputs: usize,
    /// The longest input.
    pub most: usize,
}

/// How long each target is fed, where that is set.
fn patience() -> Option<Duration> {
    let minutes: f64 = std::env::var("FUZZ_MINUTES").ok()?.parse().expect("FUZZ_MINUTES is a number");
    Some(Duration::from_secs_f64(minutes * 60.0))
}

fn seed() -> u64 {
    std::env::var("FUZZ_SEED").map_or(1, |seed| seed.parse().expect("FUZZ_SEED is a number"))
}

impl Target {
    /// The files of its corpus.
    fn corpus(&self) -> Vec<Vec<u8>> {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz").join(self.name);
        let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files.iter().map(|file| std::fs::read(file).unwrap()).collect()
    }

    /// Feeds it with its corpus, and what becomes of that; `look` panics where something is wrong.
    pub fn feed(&self, look: impl FnMut(&[u8])) {
        self.feed_with(Vec::new(), look);
    }

    /// The same with more to begin with.
    pub fn feed_with(&self, more: Vec<Vec<u8>>, mut look: impl FnMut(&[u8])) {
        let seeds = [self.corpus(), more].concat();
        assert!(!seeds.is_empty(), "{} has no corpus", self.name);
        let mut mutator = Mutator::new(seed(), seeds, self.words, self.most);
        let (begun, patience) = (Instant::now(), patience());
        let mut inputs = 0;
        let mut slowest = Duration::ZERO;
        while patience.map_or(inputs < self.inputs, |patience| begun.elapsed() < patience) {
            let input = mutator.make();
            inputs += 1;
            let once = Instant::now();
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| look(&input))) {
                self.tell("wrong", inputs, &input);
                resume_unwind(panic);
            }
            let took = once.elapsed();
            slowest = slowest.max(took);
            // Others may have had the machine: what is slow is so again.
            if patience.is_some() && took > TOO_LONG && is_slow(&input, &mut look) {
                self.tell("slow", inputs, &input);
                panic!("{}: an input of {} bytes takes {took:?}", self.name, input.len());
            }
        }
        let took = begun.elapsed().as_secs_f64();
        println!("fuzz {}: {inputs} inputs in {took:.1} s, the slowest {slowest:?}", self.name);
    }

    /// Keeps an input for people.
    fn tell(&self, what: &str, number: usize, input: &[u8]) {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/fuzz");
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join(format!("{}-{what}-{}-{number}", self.name, seed()));
        std::fs::write(&file, input).unwrap();
        println!("fuzz {}: {} ({:?})", self.name, file.display(), String::from_utf8_lossy(input));
    }
}

fn is_slow(input: &[u8], look: &mut impl FnMut(&[u8])) -> bool {
    (0..2).all(|_| {
        let once = Instant::now();
        look(input);
        once.elapsed() > TOO_LONG
    })
}

/// The text of an input, whatever it is.
fn text(input: &[u8]) -> String {
    String::from_utf8_lossy(input).into_owned()
}
