//! A fuzzer for readers of text that strangers wrote: real documents, changed at random, for a set time, on a stable
//! compiler. What it finds is made small, kept under target/fuzz/NAME, and printed with the seed that finds it again.
//!
//! `LOOMCTL_FUZZ_SECONDS=600 cargo test --lib fuzz_ -- --nocapture` runs longer; `LOOMCTL_FUZZ_SEED` repeats.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    collections::HashSet,
    env, fs,
    hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher, Hash},
    panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook},
    path::Path,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// How long it may take to read one input; more is a finding as well.
const SLOW: Duration = Duration::from_secs(10);
/// Larger inputs find nothing that smaller ones do not, and fewer of them fit into the time.
const LARGEST: usize = 1 << 16;

/// What this thread has taken of a processor, whatever else the machine does.
pub fn cpu() -> Duration {
    let said = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(said.split(' ').next().unwrap().parse().unwrap())
}

/// Calls `target` with inputs that come of the corpus, until the time is over. A panic of it is a failure. What it gives
/// back is the kind of behaviour that it showed: an input that shows a new kind is changed further. `()` is one kind.
pub fn fuzz<T: Hash>(name: &str, corpus: &[&[u8]], target: impl Fn(&[u8]) -> T) {
    let number = |key: &str| env::var(key).ok().map(|text| text.parse::<u64>().expect("a number"));
    let clock = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos();
    let seed = number("LOOMCTL_FUZZ_SEED").unwrap_or_else(|| clock().into());
    let time = Duration::from_secs(number("LOOMCTL_FUZZ_SECONDS").unwrap_or(1));
    let start = Instant::now();
    run(name, corpus, target, seed, |_| start.elapsed() < time);
}

fn run<T: Hash>(
    name: &str,
    corpus: &[&[u8]],
    target: impl Fn(&[u8]) -> T,
    seed: u64,
    goes_on: impl Fn(u64) -> bool,
) {
    println!("fuzz {name}: LOOMCTL_FUZZ_SEED={seed}");
    let mut fuzzer =
        Fuzzer { random: Random(seed), words: words(corpus), pool: Vec::new(), kinds: HashSet::new() };
    let start = Instant::now();
    let mut tried = 0_u64;
    for input in corpus {
        fuzzer.look(name, seed, input.to_vec(), &target);
    }
    while goes_on(tried) {
        let input = fuzzer.changed();
        fuzzer.look(name, seed, input, &target);
        tried += 1;
    }
    println!(
        "fuzz {name}: {tried} inputs in {} s, {} kinds of behaviour",
        start.elapsed().as_secs(),
        fuzzer.kinds.len()
    );
}

struct Fuzzer {
    random: Random,
    /// What is put in at random: signs that mean something, and pieces of the corpus.
    words: Vec<Vec<u8>>,
    /// Inputs that each showed another kind of behaviour.
    pool: Vec<Vec<u8>>,
    kinds: HashSet<u64>,
}

impl Fuzzer {
    fn look<T: Hash>(&mut self, name: &str, seed: u64, input: Vec<u8>, target: &impl Fn(&[u8]) -> T) {
        let start = Instant::now();
        let Ok(kind) = catch_unwind(AssertUnwindSafe(|| target(&input))) else {
            // It has been said once; the smaller ones would say it a thousand times.
            let hook = take_hook();
            set_hook(Box::new(|_| {}));
            let small = smaller(input, |input| catch_unwind(AssertUnwindSafe(|| target(input))).is_err());
            set_hook(hook);
            found(name, seed, &small, "panics");
        };
        if start.elapsed() > SLOW {
            found(name, seed, &input, "takes too long");
        }
        if self.kinds.insert(BuildHasherDefault::<DefaultHasher>::default().hash_one(kind)) {
            self.pool.push(input);
        }
    }

    /// One of the pool with a few changes; often only one, or hardly anything would still be read to its end.
    fn changed(&mut self) -> Vec<u8> {
        let mut input = self.random.of(&self.pool).clone();
        for _ in 0..=self.random.below(8).saturating_sub(4) {
            self.change(&mut input);
        }
        input.truncate(LARGEST);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let random = &mut self.random;
        let (from, to) = random.range(input.len());
        match random.below(9) {
            0 => input.truncate(from),
            1 => drop(input.drain(from..to)),
            // Numbers grow and texts lengthen where they stand.
            2 => drop(input.splice(to..to, input[from..to].to_vec())),
            3 => {
                let word = random.of(&self.words).clone();
                drop(input.splice(from..from, word));
            }
            4 => {
                let word = random.of(&self.words).clone();
                drop(input.splice(from..to, word));
            }
            5 => {
                let other = random.of(&self.pool).clone();
                let (start, end) = random.range(other.len());
                drop(input.splice(from..to, other[start..end].iter().copied()));
            }
            6 => {
                let here = random.below(input.len() + 1);
                let piece: Vec<u8> = input.drain(from..to).collect();
                let here = here.min(input.len());
                drop(input.splice(here..here, piece));
            }
            _ if input.is_empty() => input.push(b'{'),
            7 => {
                let at = random.below(input.len());
                input[at] ^= 1 << random.below(8);
            }
            _ => {
                let at = random.below(input.len());
                input[at] = u8::try_from(random.below(256)).unwrap();
            }
        }
    }
}

/// The pieces of the corpus between signs, and what readers of texts stumble over.
fn words(corpus: &[&[u8]]) -> Vec<Vec<u8>> {
    let word = |byte: &u8| !(byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
    let pieces = corpus.iter().flat_map(|text| text.split(word)).filter(|piece| !piece.is_empty());
    let mut words: Vec<Vec<u8>> = pieces.map(<[u8]>::to_vec).collect();
    words.sort();
    words.dedup();
    let signs = [
        "{",
        "}",
        "[",
        "]",
        "(",
        ")",
        "<",
        ">",
        "\"",
        "'",
        ":",
        ",",
        ";",
        "=",
        "\\",
        "/",
        "#",
        "&",
        "*",
        "!",
        "|",
        "%",
        "$",
        "\n",
        "\r\n",
        "\t",
        " ",
        "  ",
        "- ",
        ": ",
        "? ",
        "---\n",
        "{}",
        "[]",
        "\"\"",
        "null",
        "true",
        "~",
        "0",
        "-0",
        "-1",
        "1.0",
        "1e400",
        "1e-400",
        "0x7f",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775809",
        "18446744073709551616",
        "1152921504606846976",
        "nan",
        "\\u0000",
        "\\ud800",
        "\\u2028",
        "\u{feff}",
        "\u{2028}",
        "é",
        "\0",
        "{{",
        "}}",
        "{%",
        "<<: ",
        "&a ",
        "*a",
        "!!binary ",
        "[[[[[[[[[[[[[[[[[[[[",
        "{\"a\":{\"a\":{\"a\":{\"a\":",
    ];
    words.extend(signs.map(|sign| sign.as_bytes().to_vec()));
    // Bytes that begin no text.
    words.extend([vec![0xff], vec![0xc3], vec![0xed, 0xa0, 0x80]]);
    words
}

/// The input with everything taken out of it that the finding does not need.
fn smaller(mut input: Vec<u8>, fails: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let mut piece = input.len().div_ceil(2).max(1);
    let mut tries = 0;
    while tries < 2_000 {
        let mut at = 0;
        while at < input.len() && tries < 2_000 {
            let mut without = input.clone();
            without.drain(at..(at + piece).min(input.len()));
            tries += 1;
            if fails(&without) { input = without } else { at += piece }
        }
        if piece == 1 {
            break;
        }
        piece = piece.div_ceil(2);
    }
    input
}

fn found(name: &str, seed: u64, input: &[u8], what: &str) -> ! {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/fuzz").join(name);
    let path = folder.join(format!("{seed}"));
    let kept = fs::create_dir_all(&folder).and_then(|()| fs::write(&path, input));
    let place = kept.map_or_else(|why| why.to_string(), |()| path.display().to_string());
    let shown: String = String::from_utf8_lossy(input).chars().take(2_000).collect();
    panic!("{name} {what}: LOOMCTL_FUZZ_SEED={seed}, {} bytes, {place}\n{shown:?}", input.len());
}

/// SplitMix64: reproducible, and good enough to choose where to cut.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end.max(1)).unwrap()).unwrap()
    }

    /// A range of something so long: mostly a short one.
    fn range(&mut self, length: usize) -> (usize, usize) {
        let from = self.below(length + 1);
        let longest = if self.below(4) == 0 { length } else { 24 };
        let to = from + self.below(longest.min(length - from) + 1);
        (from, to)
    }

    fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

#[test]
fn what_panics_is_found_and_made_small() {
    let reads = |bytes: &[u8]| {
        assert!(!bytes.windows(2).any(|two| two == b"9}"));
        bytes.len() / 8
    };
    let corpus: [&[u8]; 1] = [b"{\"power\": 10, \"name\": 9, \"list\": [1, 2]}"];
    let found = catch_unwind(|| run("itself", &corpus, reads, 1, |tried| tried < 1_000_000));
    let said = *found.expect_err("a 9 gets before a brace").downcast::<String>().unwrap();
    assert!(said.starts_with("itself panics: LOOMCTL_FUZZ_SEED=") && said.ends_with("\"9}\""), "{said}");
}
