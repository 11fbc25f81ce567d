//! The archive of a backup: a plain tar file (ustar), written and read as a stream. Its last file, `SHA256SUMS`, names all others with
//! their digests: an archive without it was cut off, and `sha256sum -c` checks one that was unpacked by hand.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, ErrorKind, Read, Write};

use sha2::{Digest, Sha256};

const SUMS: &str = "SHA256SUMS";
const BLOCK: usize = 512;
const PIECE: usize = 64 * 1024;
/// Octal numbers of eleven digits end here; what is larger is written in binary, as GNU tar does.
const MOST_OCTAL: u64 = 1 << 33;
/// A list of digests that is larger than this is none: it has room for millions of images.
const MOST_SUMS: u64 = 1024 * 1024 * 1024;

/// An archive in the making.
pub struct TarWriter<W: Write> {
    to: W,
    sums: String,
    /// Seconds since 1970, as the time of each file.
    time: i64,
}

impl<W: Write> TarWriter<W> {
    pub const fn new(to: W, time: i64) -> Self {
        Self { to, sums: String::new(), time }
    }

    /// Adds a file of so many bytes.
    ///
    /// # Errors
    /// When it cannot be read or written, or has fewer bytes.
    pub fn add(&mut self, name: &str, size: u64, from: impl Read) -> io::Result<()> {
        let digest = self.write(name, size, from)?;
        _ = writeln!(self.sums, "{}  {name}", hex(&digest));
        Ok(())
    }

    /// Ends it: only then it is whole.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(mut self) -> io::Result<W> {
        let sums = std::mem::take(&mut self.sums);
        self.write(SUMS, sums.len() as u64, sums.as_bytes())?;
        self.to.write_all(&[0; 2 * BLOCK])?;
        Ok(self.to)
    }

    fn write(&mut self, name: &str, size: u64, from: impl Read) -> io::Result<[u8; 32]> {
        self.to.write_all(&header(name, size, self.time)?)?;
        let (read, digest) = copy(&mut from.take(size), &mut self.to)?;
        if read < size {
            return Err(io::Error::new(ErrorKind::UnexpectedEof, format!("{name} became shorter while it was read")));
        }
        self.to.write_all(&[0; BLOCK][..padding(size)])?;
        Ok(digest)
    }
}

/// Reads an archive to its end. Each file goes to what `open` returns for its name; one of a name that is refused there ends it.
///
/// # Errors
/// When it cannot be read, is damaged or incomplete, or what `open` and its writers return.
pub fn read_tar(mut from: impl Read, mut open: impl FnMut(&str) -> io::Result<Box<dyn Write>>) -> io::Result<()> {
    let mut found = BTreeMap::new();
    loop {
        let mut block = [0; BLOCK];
        from.read_exact(&mut block).map_err(ended)?;
        let (name, size) = parse(&block)?;
        if name == SUMS {
            let mut sums = String::new();
            (&mut from).take(size.min(MOST_SUMS)).read_to_string(&mut sums)?;
            io::copy(&mut from, &mut io::sink())?;
            return compare(&sums, &found);
        }
        let mut to = open(&name)?;
        let (read, digest) = copy(&mut (&mut from).take(size), &mut to)?;
        to.flush()?;
        if read < size {
            return Err(ended(ErrorKind::UnexpectedEof.into()));
        }
        from.read_exact(&mut block[..padding(size)]).map_err(ended)?;
        if found.insert(name.clone(), hex(&digest)).is_some() {
            return Err(damaged(&format!("{name} is in it twice")));
        }
    }
}

fn compare(sums: &str, found: &BTreeMap<String, String>) -> io::Result<()> {
    let expected: BTreeMap<_, _> =
        sums.lines().filter_map(|line| line.split_once("  ")).map(|(sum, name)| (name, sum)).collect();
    if let Some((name, _)) = found.iter().find(|(name, sum)| expected.get(name.as_str()) != Some(&sum.as_str())) {
        return Err(damaged(&format!("{name} is not what was written")));
    }
    match expected.keys().find(|name| !found.contains_key(**name)) {
        Some(missing) => Err(damaged(&format!("{missing} is missing"))),
        None => Ok(()),
    }
}

fn copy(from: &mut impl Read, to: &mut impl Write) -> io::Result<(u64, [u8; 32])> {
    let (mut piece, mut digest, mut all) = (vec![0; PIECE], Sha256::new(), 0);
    loop {
        match from.read(&mut piece) {
            Ok(0) => return Ok((all, digest.finalize().into())),
            Ok(read) => {
                digest.update(&piece[..read]);
                to.write_all(&piece[..read])?;
                all += read as u64;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn header(name: &str, size: u64, time: i64) -> io::Result<[u8; BLOCK]> {
    let mut block = [0; BLOCK];
    if name.len() > 100 {
        return Err(io::Error::new(ErrorKind::InvalidFilename, format!("{name} is too long a name")));
    }
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[100..108].copy_from_slice(b"0000600\0");
    block[108..116].copy_from_slice(b"0000000\0");
    block[116..124].copy_from_slice(b"0000000\0");
    if size < MOST_OCTAL {
        block[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
    } else {
        block[124] = 0x80;
        block[128..136].copy_from_slice(&size.to_be_bytes());
    }
    block[136..148].copy_from_slice(format!("{:011o}\0", time.max(0)).as_bytes());
    block[156] = b'0';
    block[257..265].copy_from_slice(b"ustar\x0000");
    let sum = checksum(&block);
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    Ok(block)
}

fn parse(block: &[u8; BLOCK]) -> io::Result<(String, u64)> {
    let no_header = || damaged("there is no file where one should begin");
    let octal = |field: &[u8]| {
        let text = str::from_utf8(field).ok()?.trim_matches(['\0', ' ']);
        u64::from_str_radix(text, 8).ok()
    };
    if octal(&block[148..156]) != Some(checksum(block).into()) {
        return Err(no_header());
    }
    let name = block[..100].split(|byte| *byte == 0).next().and_then(|name| str::from_utf8(name).ok());
    let size = match <[u8; 8]>::try_from(&block[128..136]) {
        Ok(binary) if block[124] == 0x80 => Some(u64::from_be_bytes(binary)),
        _ => octal(&block[124..136]),
    };
    Ok((name.ok_or_else(no_header)?.to_owned(), size.ok_or_else(no_header)?))
}

/// The sum of all bytes, those of the sum itself taken for spaces.
fn checksum(block: &[u8; BLOCK]) -> u32 {
    block.iter().enumerate().map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u32::from(*byte) }).sum()
}

fn padding(size: u64) -> usize {
    // Less than a block.
    usize::try_from(size.next_multiple_of(BLOCK as u64) - size).unwrap_or(0)
}

fn hex(digest: &[u8; 32]) -> String {
    digest.iter().fold(String::new(), |mut text, byte| {
        _ = write!(text, "{byte:02x}");
        text
    })
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("it is damaged: {what}"))
}

fn ended(error: io::Error) -> io::Error {
    if error.kind() == ErrorKind::UnexpectedEof { damaged("it ends in the middle") } else { error }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::*;

    #[derive(Clone, Default)]
    struct Files(Rc<RefCell<BTreeMap<String, Vec<u8>>>>);

    struct File(Files, String);

    impl Write for File {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.0.borrow_mut().entry(self.1.clone()).or_default().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn read(archive: &[u8]) -> io::Result<BTreeMap<String, Vec<u8>>> {
        let files = Files::default();
        read_tar(archive, |name| Ok(Box::new(File(files.clone(), name.to_owned()))))?;
        Ok(files.0.take())
    }

    fn archive() -> Vec<u8> {
        let mut tar = TarWriter::new(Vec::new(), 1_764_000_000);
        tar.add("a.txt", 5, &b"hello"[..]).unwrap();
        tar.add("images/ab/b.png", 70_000, &vec![7; 70_000][..]).unwrap();
        tar.add("full", 512, &[1; 512][..]).unwrap();
        tar.finish().unwrap()
    }

    #[test]
    fn what_goes_in_comes_out() {
        let files = read(&archive()).unwrap();
        assert_eq!(files.keys().collect::<Vec<_>>(), ["a.txt", "full", "images/ab/b.png"]);
        assert_eq!((&*files["a.txt"], files["images/ab/b.png"].len()), (&b"hello"[..], 70_000));
    }

    #[test]
    fn tar_itself_unpacks_it_and_finds_the_digests_right() {
        let folder = tempfile::TempDir::new().unwrap();
        std::fs::write(folder.path().join("x.tar"), archive()).unwrap();
        let script = "tar xf x.tar && sha256sum --strict -c SHA256SUMS && cat a.txt";
        let output = std::process::Command::new("sh").args(["-c", script]).current_dir(folder.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(String::from_utf8_lossy(&output.stdout).ends_with("OK\nhello"));
    }

    #[test]
    fn sizes_beyond_octal_numbers_are_kept() {
        for size in [0, 511, MOST_OCTAL - 1, MOST_OCTAL, u64::MAX / 2] {
            assert_eq!(parse(&header("x", size, 0).unwrap()).unwrap(), ("x".to_owned(), size));
        }
    }

    #[test]
    fn a_bit_that_changed_and_an_end_that_is_missing_are_found() {
        let whole = archive();
        // In a header, in a file, in the digests.
        for at in [3, BLOCK + 2, BLOCK * 3 + 100, whole.len() - BLOCK * 2 - 400] {
            let mut wrong = whole.clone();
            wrong[at] ^= 1;
            assert!(read(&wrong).is_err(), "{at}");
        }
        for length in [0, 100, 700, BLOCK * 2, 50_000] {
            let problem = read(&whole[..length]).unwrap_err();
            assert!(problem.to_string().contains("it ends in the middle"), "{length}: {problem}");
        }
    }

    #[test]
    fn a_file_that_became_shorter_is_no_file() {
        let mut tar = TarWriter::new(Vec::new(), 0);
        assert!(tar.add("a", 6, &b"hello"[..]).unwrap_err().to_string().contains("became shorter"));
    }
}
